//! OVH Data Platform: a pair of keys is turned into a session token at `/iam/login`. Repeated
//! failures suspend the account for five minutes. Keys are managed in a browser only.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::first_keys;
use crate::state::App;
use crate::{reply, world};

/// Failures until the account is suspended, and for how many seconds.
const FAILURES: u32 = 5;
const SUSPENDED: i64 = 300;
/// Life of a session token, in seconds.
const LIFE: i64 = 3600;

#[derive(Default)]
pub(super) struct Store {
    /// User and end, by token.
    sessions: HashMap<String, (&'static str, i64)>,
    /// Failures and the time of the last one, by API key.
    failures: HashMap<String, (u32, i64)>,
}

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/iam/login", post(login))
        .route("/iam/logout", delete(logout))
        .route("/iam/v4/checkSession", get(check))
        .route("/iam/v1/applications/preferences", get(preferences))
}

fn error(status: StatusCode, text: &str) -> Response {
    reply::json(status, &json!({ "error": text }))
}

async fn login(State(app): State<App>, body: Bytes) -> Result<Json<Value>, Response> {
    let request: Value =
        serde_json::from_slice(&body).map_err(|_| error(StatusCode::BAD_REQUEST, "Bad Request"))?;
    let text = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("auth_mode") != "apikey" {
        return Err(error(StatusCode::BAD_REQUEST, "Unknown auth_mode"));
    }
    let now = app.clock.now();
    let key = text("apikey").to_owned();
    let mut data = app.data();
    let store = &mut data.others.ovh;
    let (count, last) = store.failures.get(&key).copied().unwrap_or_default();
    if count >= FAILURES && now - last < SUSPENDED {
        return Err(error(StatusCode::FORBIDDEN, "FpCam::Account suspended"));
    }
    let fits = |p: &world::Person| {
        let pair = first_keys(p);
        pair.ovh_key == key && pair.ovh_secret == text("secretkey")
    };
    let Some(person) = world::PEOPLE.into_iter().find(fits) else {
        let count = if now - last < SUSPENDED { count + 1 } else { 1 };
        store.failures.insert(key, (count, now));
        return Err(error(StatusCode::UNAUTHORIZED, "Unauthorized"));
    };
    store.failures.remove(&key);
    let token = app.random.uuid();
    store.sessions.insert(token.clone(), (person.username, now + LIFE));
    Ok(Json(session(&person, &token, now)))
}

fn session(person: &world::Person, token: &str, now: i64) -> Value {
    json!({
        "uid": person.subject, "user": person.username, "firstname": person.name.0,
        "lastname": person.name.1, "civility": null, "login": person.email(),
        "password_renew": false, "password_expiration": null, "token": token,
        "timestamp": now, "duration": 0.01,
    })
}

#[derive(Deserialize)]
struct Session {
    #[serde(default)]
    token: String,
}

async fn check(
    State(app): State<App>,
    Query(query): Query<Session>,
) -> Result<Json<Value>, Response> {
    let now = app.clock.now();
    let found = app.data().others.ovh.sessions.get(&query.token).copied();
    match found.filter(|(_, end)| now < *end).and_then(|(user, _)| world::person(user)) {
        Some(person) => Ok(Json(session(&person, &query.token, now))),
        None => Err(error(StatusCode::UNAUTHORIZED, "FpCam::Invalid token")),
    }
}

/// The token is in the address, as the platform's page sends it, or in a header.
async fn logout(
    State(app): State<App>,
    headers: HeaderMap,
    Query(query): Query<Session>,
) -> Json<Value> {
    let token = reply::bearer(&headers).unwrap_or(&query.token);
    let ended = app.data().others.ovh.sessions.remove(token).is_some();
    Json(json!({ "success": ended, "status": 200, "duration": 0.01 }))
}

async fn preferences() -> Json<Value> {
    Json(json!({
        "auth_mode": [
            { "_id": "am1", "type": "forepaas_id", "icon": "", "visible": true, "hidden": false },
            { "_id": "am2", "type": "apikey", "icon": "", "visible": false, "hidden": true },
        ],
        "color": "#000000",
    }))
}
