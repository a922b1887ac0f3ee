//! API tokens: list, request, read, delete.

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::Call;
use crate::clock::rfc3339;
use crate::random::fingerprint;
use crate::state::{ApiToken, App, Shared};
use crate::{reply, world};

/// Longest life of a token, in days; also the life when none was asked for.
const MAX_DAYS: f64 = 30.0;
/// Longest name, in characters.
const MAX_NAME: usize = 128;

/// Every token of a person in a workspace, expired ones too.
pub(crate) fn of(app: &Shared, username: &str, workspace: &str) -> Vec<ApiToken> {
    let data = app.data();
    let theirs = |t: &&ApiToken| t.username == username && t.workspace == workspace;
    data.tokens.iter().filter(theirs).cloned().collect()
}

/// Makes a token; returns it and its secret, which nobody can read again.
///
/// # Errors
/// Words for a 400 when the name or the life is out of range.
pub(crate) fn make(
    app: &App,
    username: &str,
    workspace: &str,
    name: &str,
    days: Option<f64>,
) -> Result<(ApiToken, String), &'static str> {
    if name.trim().is_empty() || name.chars().count() > MAX_NAME {
        return Err("name must have 1 to 128 characters");
    }
    let days = days.unwrap_or(MAX_DAYS);
    if !(1.0..=MAX_DAYS).contains(&days) {
        return Err("expires must be 1 to 30 days");
    }
    let created = app.clock.now();
    let secret = format!("454f4448{}", app.random.hex(12));
    let mut data = app.data();
    #[allow(clippy::cast_possible_truncation, reason = "at most 30 days of seconds")]
    let asked = (days * 86_400.0) as i64;
    let life = data.settings.token_lifetime.unwrap_or(asked);
    let token = ApiToken {
        id: app.random.uuid(),
        username: username.to_owned(),
        workspace: workspace.to_owned(),
        name: name.to_owned(),
        created,
        expires: created + life,
        fingerprint: fingerprint(&secret),
    };
    data.tokens.push(token.clone());
    data.hand_out("api_token", &secret);
    Ok((token, secret))
}

/// Removes a token; whether there was one.
pub(crate) fn remove(app: &Shared, username: &str, workspace: &str, id: &str) -> bool {
    let mut data = app.data();
    let before = data.tokens.len();
    data.tokens.retain(|t| !(t.username == username && t.workspace == workspace && t.id == id));
    data.tokens.len() < before
}

/// A `DataHubToken`; `secret` is empty everywhere but in the answer to its request.
fn to_json(token: &ApiToken, secret: &str) -> Value {
    let subject = world::person(&token.username).map_or("", |p| p.subject);
    json!({
        "id": token.id,
        "user_id": subject,
        "token": secret,
        "workspace": token.workspace,
        "name": token.name,
        "scope": format!("offline_access workspace:{}", token.workspace),
        "created": rfc3339(token.created),
        "expiry": rfc3339(token.expires),
    })
}

/// The token service's door: the empty 401 for a credential of another workspace, the front
/// server's 403 for a stranger.
fn admit(call: &Call<'_>, workspace: &str) -> Result<&'static str, Response> {
    if call.caller.is_for_others_than(workspace) {
        return Err(reply::json_empty(StatusCode::UNAUTHORIZED));
    }
    if !call.caller.is_member(workspace) {
        return Err(reply::nginx(StatusCode::FORBIDDEN));
    }
    Ok(call.caller.person().username)
}

/// `GET …/me/tokens`.
pub(super) fn list(call: &Call<'_>, workspace: &str) -> Response {
    admit(call, workspace).map_or_else(
        |refusal| refusal,
        |username| {
            let rows: Vec<Value> =
                of(call.app, username, workspace).iter().map(|t| to_json(t, "")).collect();
            reply::json(StatusCode::OK, &rows)
        },
    )
}

/// `POST …/me/tokens`. No content type is asked for.
pub(super) fn create(call: &Call<'_>, workspace: &str) -> Response {
    let username = match admit(call, workspace) {
        Ok(username) => username,
        Err(refusal) => return refusal,
    };
    let Ok(request) = serde_json::from_slice::<Value>(call.body) else {
        return reply::text(StatusCode::BAD_REQUEST, "invalid request body");
    };
    let name = request.get("name").and_then(Value::as_str).unwrap_or_default();
    let days = match request.get("expires") {
        None | Some(Value::Null) => None,
        Some(value) => match value.as_f64() {
            Some(days) => Some(days),
            None => return reply::text(StatusCode::BAD_REQUEST, "expires must be a number"),
        },
    };
    match make(call.app, username, workspace, name, days) {
        Ok((token, secret)) => reply::json(StatusCode::OK, &to_json(&token, &secret)),
        Err(text) => reply::text(StatusCode::BAD_REQUEST, text),
    }
}

/// `GET …/me/tokens/{id}`.
pub(super) fn one(call: &Call<'_>, workspace: &str, id: &str) -> Response {
    match admit(call, workspace) {
        Err(refusal) => refusal,
        Ok(username) => of(call.app, username, workspace).iter().find(|t| t.id == id).map_or_else(
            || reply::json_empty(StatusCode::NOT_FOUND),
            |token| reply::json(StatusCode::OK, &to_json(token, "")),
        ),
    }
}

/// `DELETE …/me/tokens/{id}`.
pub(super) fn delete(call: &Call<'_>, workspace: &str, id: &str) -> Response {
    match admit(call, workspace) {
        Err(refusal) => refusal,
        Ok(username) if remove(call.app, username, workspace, id) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
        Ok(_) => reply::json_empty(StatusCode::NOT_FOUND),
    }
}
