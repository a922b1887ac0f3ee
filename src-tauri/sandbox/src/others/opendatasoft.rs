//! Opendatasoft: the Automation API's keys at `/api/automation/v1.0/apikeys/`, and one route of
//! the Explore API that is open to everybody but refuses a bad key. Revoked keys stay listed.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::first_keys;
use crate::clock::rfc3339;
use crate::state::App;
use crate::{reply, world};

const PERMISSIONS: [&str; 16] = [
    "edit_domain",
    "create_page",
    "edit_page",
    "manage_page",
    "explore_restricted_page",
    "create_dataset",
    "edit_dataset",
    "publish_dataset",
    "manage_dataset",
    "explore_restricted_dataset",
    "edit_reuse",
    "manage_subdomains",
    "explore_monitoring",
    "edit_theme",
    "edit_form",
    "submit_private_form",
];

/// What everybody may.
const HELD_BY_ALL: &str = "explore_restricted_dataset";

pub(super) struct Store {
    keys: Vec<Key>,
}

/// Everybody's first key.
impl Default for Store {
    fn default() -> Self {
        Self { keys: world::PEOPLE.iter().map(first).collect() }
    }
}

#[derive(Clone)]
struct Key {
    uid: String,
    label: String,
    secret: String,
    permissions: Vec<String>,
    created: i64,
    user: &'static str,
    /// When and why.
    revoked: Option<(i64, String)>,
}

impl Key {
    fn to_json(&self) -> Value {
        let at = self.revoked.as_ref().map(|(at, _)| rfc3339(*at));
        let reason = self.revoked.as_ref().map_or("", |(_, reason)| reason);
        json!({
            "uid": self.uid, "label": self.label, "key": self.secret,
            "permissions": self.permissions, "created_at": rfc3339(self.created),
            "user": { "username": self.user },
            "revocation_status": { "revoked_at": at, "revocation_reason": reason },
            "is_revoked": self.revoked.is_some(),
        })
    }
}

pub(super) fn router() -> Router<App> {
    let keys = "/api/automation/v1.0/apikeys/";
    Router::new()
        .route(keys, get(list).post(create))
        .route(&format!("{keys}search_key/"), post(search))
        .route(&format!("{keys}{{uid}}/"), get(one).put(edit))
        .route(&format!("{keys}{{uid}}/revoke/"), post(revoke))
        .route("/api/automation/v1.0/users/{name}/", get(user))
        .route("/api/explore/v2.1/catalog/datasets", get(datasets))
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    reply::json(status, &json!({ "error_code": code, "message": message }))
}

/// The key of `Authorization: Apikey …`; the scheme's case does not matter.
fn sent_key(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("apikey").then_some(key)
}

/// Whose live key it is, and whether it may manage keys.
fn owner(app: &App, key: &str) -> Option<(world::Person, bool)> {
    let data = app.data();
    let found = data.others.opendatasoft.keys.iter();
    let found = found.into_iter().find(|k| k.secret == key && k.revoked.is_none())?;
    let manages = found.permissions.iter().any(|p| p == "edit_domain");
    Some((world::person(found.user)?, manages))
}

fn manager(app: &App, headers: &HeaderMap) -> Result<world::Person, Response> {
    match sent_key(headers).and_then(|key| owner(app, key)) {
        Some((person, true)) => Ok(person),
        Some((_, false)) => Err(error(
            StatusCode::FORBIDDEN,
            "permission_denied",
            "You do not have permission to perform this action.",
        )),
        None => Err(error(StatusCode::UNAUTHORIZED, "unauthorized", "Invalid API key.")),
    }
}

fn not_found() -> Response {
    error(StatusCode::NOT_FOUND, "not_found", "Not found.")
}

#[derive(Deserialize)]
struct Window {
    limit: Option<usize>,
    offset: Option<usize>,
}

async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    Query(window): Query<Window>,
) -> Result<Json<Value>, Response> {
    manager(&app, &headers)?;
    let (limit, offset) = (window.limit.unwrap_or(20).min(1000), window.offset.unwrap_or(0));
    let all: Vec<Value> = app.data().others.opendatasoft.keys.iter().map(Key::to_json).collect();
    let total = all.len();
    let page: Vec<Value> = all.into_iter().skip(offset).take(limit).collect();
    let base = format!("{}/api/automation/v1.0/apikeys/?limit={limit}&offset=", app.hub);
    let next = (limit > 0 && offset + limit < total).then(|| format!("{base}{}", offset + limit));
    let previous = (offset > 0).then(|| format!("{base}{}", offset.saturating_sub(limit)));
    Ok(Json(json!({
        "total_count": total, "next": next, "previous": previous, "results": page,
    })))
}

fn first(person: &world::Person) -> Key {
    let permission =
        if *person == world::DEMO { "edit_domain" } else { "explore_restricted_dataset" };
    Key {
        uid: format!("ak_{}0", person.username),
        label: "First key".to_owned(),
        secret: first_keys(person).opendatasoft,
        permissions: vec![permission.to_owned()],
        created: 0,
        user: person.username,
        revoked: None,
    }
}

/// Label and permissions of a request, or the 400 with a message per field.
fn fields(body: &[u8]) -> Result<(String, Vec<String>), Response> {
    let request: Value = serde_json::from_slice(body)
        .map_err(|_| error(StatusCode::BAD_REQUEST, "bad_request", "Malformed request."))?;
    let label = request.get("label").and_then(Value::as_str).unwrap_or_default();
    let permissions: Vec<String> = request
        .get("permissions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    let mut detail = serde_json::Map::new();
    if label.trim().is_empty() {
        detail.insert("label".to_owned(), json!(["This field may not be blank."]));
    }
    if let Some(bad) = permissions.iter().find(|p| !PERMISSIONS.contains(&p.as_str())) {
        detail
            .insert("permissions".to_owned(), json!([format!("\"{bad}\" is not a valid choice.")]));
    }
    if detail.is_empty() {
        return Ok((label.to_owned(), permissions));
    }
    let body = json!({
        "error_code": "validation_error", "message": "Invalid input", "detail": detail,
    });
    Err(reply::json(StatusCode::BAD_REQUEST, &body))
}

async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Response> {
    let person = manager(&app, &headers)?;
    let (label, permissions) = fields(&body)?;
    held(&person, &permissions)?;
    let key = Key {
        uid: format!("ak_{}", app.random.hex(3)),
        label,
        secret: app.random.hex(28),
        permissions,
        created: app.clock.now(),
        user: person.username,
        revoked: None,
    };
    app.data().others.opendatasoft.keys.push(key.clone());
    Ok((StatusCode::CREATED, Json(key.to_json())))
}

/// Does something to the key of that id and returns it.
fn with_key(app: &App, uid: &str, act: impl FnOnce(&mut Key)) -> Result<Json<Value>, Response> {
    let mut data = app.data();
    let key = data.others.opendatasoft.keys.iter_mut().find(|key| key.uid == uid);
    let key = key.ok_or_else(not_found)?;
    act(key);
    Ok(Json(key.to_json()))
}

async fn one(
    State(app): State<App>,
    headers: HeaderMap,
    Path(uid): Path<String>,
) -> Result<Json<Value>, Response> {
    manager(&app, &headers)?;
    with_key(&app, &uid, |_| {})
}

async fn edit(
    State(app): State<App>,
    headers: HeaderMap,
    Path(uid): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Response> {
    let person = manager(&app, &headers)?;
    let (label, permissions) = fields(&body)?;
    held(&person, &permissions)?;
    with_key(&app, &uid, |key| {
        key.label = label;
        key.permissions = permissions;
    })
}

async fn revoke(
    State(app): State<App>,
    headers: HeaderMap,
    Path(uid): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Response> {
    manager(&app, &headers)?;
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let reason = request.get("reason").and_then(Value::as_str).unwrap_or_default().to_owned();
    let now = app.clock.now();
    with_key(&app, &uid, |key| key.revoked = Some((now, reason)))
}

async fn search(
    State(app): State<App>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Response> {
    manager(&app, &headers)?;
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let wanted = request.get("key").and_then(Value::as_str).unwrap_or_default();
    let data = app.data();
    let found = data.others.opendatasoft.keys.iter().find(|key| key.secret == wanted);
    Ok(Json(json!({ "found": found.is_some(), "result": found.map(Key::to_json) })))
}

fn permissions_of(person: &world::Person) -> &'static [&'static str] {
    if *person == world::DEMO {
        &["edit_domain", "create_page", "edit_dataset", "publish_dataset", HELD_BY_ALL]
    } else {
        &[HELD_BY_ALL]
    }
}

/// A key can be given no more than its maker has.
fn held(person: &world::Person, wanted: &[String]) -> Result<(), Response> {
    let has = permissions_of(person);
    match wanted.iter().find(|p| !has.contains(&p.as_str())) {
        None => Ok(()),
        Some(missing) => {
            let detail = json!({ "permissions": [format!("You do not have \"{missing}\".")] });
            let body = json!({
                "error_code": "validation_error", "message": "Invalid input", "detail": detail,
            });
            Err(reply::json(StatusCode::BAD_REQUEST, &body))
        }
    }
}

/// What a user may do; keys can be given no more than that.
async fn user(
    State(app): State<App>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<Json<Value>, Response> {
    manager(&app, &headers)?;
    let person = world::person(&name).ok_or_else(not_found)?;
    let permissions = permissions_of(&person);
    Ok(Json(json!({
        "username": name, "email": person.email(), "permissions": permissions, "expires_at": null,
    })))
}

/// Open to everybody; a bad key is refused all the same.
async fn datasets(State(app): State<App>, headers: HeaderMap) -> Result<Json<Value>, Response> {
    let bad = sent_key(&headers).is_some_and(|key| owner(&app, key).is_none());
    if bad {
        return Err(error(StatusCode::UNAUTHORIZED, "unauthorized", "Invalid API key."));
    }
    Ok(Json(json!({ "total_count": 3, "results": [] })))
}
