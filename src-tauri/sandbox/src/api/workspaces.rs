//! Workspaces, their members, accounts.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::Call;
use super::auth::Caller;
use crate::{reply, world};

/// How long ago every workspace was changed last, in seconds.
const UPDATED_AGO: i64 = 86_400;

fn describe(call: &Call<'_>, workspace: world::Workspace) -> Value {
    let updated = call.app.clock.now() - UPDATED_AGO;
    workspace.to_json(&call.app.addresses(), updated)
}

/// `GET /api/workspaces`: in no order, as the real service returns it. A credential for some
/// workspaces sees those; one that matches nothing gets the empty 401.
pub(super) fn list(call: &Call<'_>) -> Response {
    let mine: Vec<Value> = call
        .caller
        .person()
        .workspaces
        .iter()
        .filter(|name| call.caller.is_member(name) && !call.caller.is_for_others_than(name))
        .filter_map(|name| world::workspace(name))
        .map(|workspace| describe(call, workspace))
        .collect();
    let narrowed = !matches!(call.caller, Caller::User { workspaces: None, .. });
    if mine.is_empty() && narrowed {
        return reply::json_empty(StatusCode::UNAUTHORIZED);
    }
    reply::json(StatusCode::OK, &mine)
}

/// `GET /api/workspaces/{ws}`.
pub(super) fn one(call: &Call<'_>, name: &str) -> Response {
    match admitted(call, name) {
        Ok(workspace) => reply::json(StatusCode::OK, &describe(call, workspace)),
        Err(refusal) => refusal,
    }
}

/// 401 empty for a credential of another workspace, 404 with a JSON string, 403 empty.
fn admitted(call: &Call<'_>, name: &str) -> Result<world::Workspace, Response> {
    if call.caller.is_for_others_than(name) {
        return Err(reply::json_empty(StatusCode::UNAUTHORIZED));
    }
    let Some(workspace) = world::workspace(name) else {
        return Err(reply::json(StatusCode::NOT_FOUND, &"Workspace does not exist."));
    };
    if !call.caller.is_member(name) {
        return Err(reply::json_empty(StatusCode::FORBIDDEN));
    }
    Ok(workspace)
}

/// `GET /api/workspaces/{ws}/users`.
pub(super) fn users(call: &Call<'_>, name: &str) -> Response {
    if let Err(refusal) = admitted(call, name) {
        return refusal;
    }
    let users: Vec<Value> = world::PEOPLE
        .into_iter()
        .filter(|person| person.is_member(name))
        .map(|person| {
            json!({
                "id": person.subject,
                "username": person.username,
                "firstName": person.name.0,
                "lastName": person.name.1,
                "email": person.email(),
            })
        })
        .collect();
    reply::json(StatusCode::OK, &users)
}

/// `GET /api/accounts`: for whole users only.
pub(super) fn accounts(call: &Call<'_>) -> Response {
    match call.caller {
        Caller::User { workspaces: None, .. } => reply::json(StatusCode::OK, &json!([])),
        Caller::User { .. } | Caller::Token { .. } => reply::text(
            StatusCode::UNAUTHORIZED,
            "unauthorized: workspace scoped tokens not allowed",
        ),
    }
}
