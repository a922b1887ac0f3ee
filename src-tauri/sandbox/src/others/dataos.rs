//! DataOS: Heimdall's tokens at `/heimdall/api/v1`. A token has no id but its name, and lists hold
//! the secrets. A wrong or expired key is a 403 in text.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::first_keys;
use crate::clock::rfc3339;
use crate::state::App;
use crate::{reply, world};

/// Hours of a token that asks for none.
const DEFAULT_HOURS: i64 = 24;
/// Expiry of a first key, in seconds since 1970: the end of the year 2999.
const FAR: i64 = 32_503_679_999;

pub(super) struct Store {
    tokens: Vec<Token>,
}

/// Everybody's first token.
impl Default for Store {
    fn default() -> Self {
        let first = |person: &world::Person| Token {
            user: person.username.to_owned(),
            name: format!("first_key_of_{}", person.username),
            secret: first_keys(person).dataos,
            description: String::new(),
            expires: FAR,
        };
        Self { tokens: world::PEOPLE.iter().map(first).collect() }
    }
}

#[derive(Clone)]
struct Token {
    user: String,
    name: String,
    secret: String,
    description: String,
    expires: i64,
}

impl Token {
    fn to_json(&self) -> Value {
        json!({
            "_links": {}, "data": { "apikey": self.secret }, "description": self.description,
            "expiration": rfc3339(self.expires), "name": self.name, "type": "apikey",
            "user_id": self.user,
        })
    }
}

pub(super) fn router() -> Router<App> {
    let base = "/heimdall/api/v1";
    Router::new()
        .route(&format!("{base}/users/{{user}}/tokens"), get(list).post(create))
        .route(&format!("{base}/users/{{user}}/tokens/{{name}}"), get(one).delete(remove))
        .route(&format!("{base}/tokens"), post(rotate))
        .route(&format!("{base}/authorize"), post(authorize))
}

/// The owner of a live key.
fn owner(app: &App, key: &str) -> Option<world::Person> {
    let now = app.clock.now();
    let data = app.data();
    let token = data.others.dataos.tokens.iter().find(|t| t.secret == key && now < t.expires)?;
    world::person(&token.user)
}

/// The caller, who must be `user`.
fn admit(app: &App, headers: &HeaderMap, user: &str) -> Result<(), Response> {
    let key = headers.get("apikey").and_then(|value| value.to_str().ok());
    let refused = |text| Err(reply::text(StatusCode::FORBIDDEN, text));
    match key.map(|key| owner(app, key)) {
        None => refused("Authorization header isn't set"),
        Some(None) => refused("Invalid token"),
        Some(Some(person)) if person.username == user => Ok(()),
        Some(Some(_)) => refused("not allowed for tokens of other users"),
    }
}

async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    Path(user): Path<String>,
) -> Result<Json<Value>, Response> {
    admit(&app, &headers, &user)?;
    let data = app.data();
    let theirs = data.others.dataos.tokens.iter().filter(|t| t.user == user);
    Ok(Json(theirs.map(Token::to_json).collect()))
}

/// `720h` or `30d`, in seconds.
fn duration(text: &str) -> Option<i64> {
    let (number, unit) = match (text.strip_suffix('h'), text.strip_suffix('d')) {
        (Some(number), _) => (number, 3600),
        (None, Some(number)) => (number, 86_400),
        (None, None) => return None,
    };
    number.parse::<i64>().ok().filter(|n| (1..=99_999).contains(n)).map(|n| n * unit)
}

fn life(request: &Value) -> Result<i64, Response> {
    match request.get("duration").and_then(Value::as_str) {
        None => Ok(DEFAULT_HOURS * 3600),
        Some(text) => {
            duration(text).ok_or_else(|| reply::text(StatusCode::BAD_REQUEST, "invalid duration"))
        }
    }
}

/// Reads the body whatever its content type.
fn parse(body: &[u8]) -> Result<Value, Response> {
    serde_json::from_slice(body)
        .map_err(|_| reply::text(StatusCode::BAD_REQUEST, "invalid request body"))
}

async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    Path(user): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Response> {
    admit(&app, &headers, &user)?;
    let request = parse(&body)?;
    let text = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("type") != "apikey" {
        return Err(reply::text(StatusCode::BAD_REQUEST, "type is required"));
    }
    let name = match text("name") {
        "" => format!("token_{}", app.random.hex(6)),
        name => name.to_owned(),
    };
    let life = life(&request)?;
    let mut data = app.data();
    let tokens = &mut data.others.dataos.tokens;
    if let Some(old) = tokens.iter().find(|t| t.user == user && t.name == name) {
        let wanted = request.get("use_existing").and_then(Value::as_bool).unwrap_or(false);
        return if wanted {
            Ok(Json(old.to_json()))
        } else {
            Err(reply::text(StatusCode::CONFLICT, "token already exists"))
        };
    }
    let secret = STANDARD.encode(format!("{name}.{}", app.random.uuid()));
    let expires = app.clock.now() + life;
    let token = Token { user, name, secret, description: text("description").to_owned(), expires };
    tokens.push(token.clone());
    Ok(Json(token.to_json()))
}

async fn one(
    State(app): State<App>,
    headers: HeaderMap,
    Path((user, name)): Path<(String, String)>,
) -> Result<Json<Value>, Response> {
    admit(&app, &headers, &user)?;
    let data = app.data();
    let found = data.others.dataos.tokens.iter().find(|t| t.user == user && t.name == name);
    found
        .map(|token| Json(token.to_json()))
        .ok_or_else(|| reply::text(StatusCode::NOT_FOUND, "token not found"))
}

async fn remove(
    State(app): State<App>,
    headers: HeaderMap,
    Path((user, name)): Path<(String, String)>,
) -> Result<StatusCode, Response> {
    admit(&app, &headers, &user)?;
    let mut data = app.data();
    let tokens = &mut data.others.dataos.tokens;
    let before = tokens.len();
    tokens.retain(|t| !(t.user == user && t.name == name));
    if tokens.len() < before {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(reply::text(StatusCode::NOT_FOUND, "token not found"))
    }
}

/// `POST tokens` with `{token, duration, user_id}`: a new secret under the same name.
async fn rotate(
    State(app): State<App>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Response> {
    let request = parse(&body)?;
    let text = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default();
    let user = owner(&app, text("token")).map_or_else(String::new, |p| p.username.to_owned());
    admit(&app, &headers, &user)?;
    let life = life(&request)?;
    let fresh = app.random.uuid();
    let now = app.clock.now();
    let mut data = app.data();
    let found = data.others.dataos.tokens.iter_mut().find(|t| t.secret == text("token"));
    let token = found.ok_or_else(|| reply::text(StatusCode::NOT_FOUND, "token not found"))?;
    token.secret = STANDARD.encode(format!("{}.{fresh}", token.name));
    token.expires = now + life;
    Ok(Json(token.to_json()))
}

/// Who a key belongs to; a bad one is a 200 that says so.
async fn authorize(State(app): State<App>, body: Bytes) -> Result<Json<Value>, Response> {
    let request = parse(&body)?;
    let token = request.get("token").and_then(Value::as_str).unwrap_or_default();
    Ok(Json(match owner(&app, token) {
        Some(person) => json!({
            "allow": true, "valid": true,
            "result": {
                "id": person.username,
                "tags": ["roles:id:data-dev", "roles:id:user", format!("users:id:{}", person.username)],
            },
        }),
        None => json!({
            "allow": false, "valid": false, "error": { "status": 403, "message": "Invalid token" },
        }),
    }))
}
