//! The authorisation endpoint: checks a request and asks for the log-in, or goes on silently.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use super::PORTAL_CLIENT;
use super::login;
use super::store::{AuthRequest, Code, Purpose};
use crate::state::{App, Shared};
use crate::{pages, reply, world};

/// The query of `GET …/auth`, every part optional so that each fault gets its own answer.
#[derive(Deserialize)]
pub(crate) struct AuthQuery {
    client_id: Option<String>,
    redirect_uri: Option<String>,
    response_type: Option<String>,
    scope: Option<String>,
    state: Option<String>,
    nonce: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
    prompt: Option<String>,
}

/// `GET …/auth`.
pub(crate) async fn authorize(
    State(app): State<App>,
    headers: HeaderMap,
    Query(query): Query<AuthQuery>,
) -> Response {
    match judge(&app, &query) {
        Ok(request) => go_on(&app, &headers, request, query.prompt.as_deref().unwrap_or_default()),
        Err(refusal) => refusal,
    }
}

/// Checks a request. A refusal goes back to the client where its address can be trusted, and is a
/// page otherwise.
pub(crate) fn judge(app: &App, query: &AuthQuery) -> Result<AuthRequest, Response> {
    let client = query.client_id.clone().unwrap_or_default();
    if !is_client(app, &client) {
        return Err(fault("Client not found."));
    }
    let redirect_uri = query.redirect_uri.clone().unwrap_or_default();
    if !redirect_allowed(app, &client, &redirect_uri) {
        return Err(fault("Invalid parameter: redirect_uri"));
    }
    let request = AuthRequest {
        client,
        redirect_uri,
        scope: split_scope(query.scope.as_deref()),
        state: query.state.clone(),
        nonce: query.nonce.clone(),
        challenge: query.code_challenge.clone(),
    };
    match check(query, &request) {
        Ok(()) => Ok(request),
        Err((error, description)) => Err(error_redirect(app, &request, error, &description)),
    }
}

fn fault(message: &str) -> Response {
    reply::html(StatusCode::BAD_REQUEST, pages::problem("We are sorry…", message))
}

/// Whether that client is registered.
pub(crate) fn is_client(app: &Shared, client: &str) -> bool {
    client == app.client_id || client == PORTAL_CLIENT
}

/// Keycloak's loopback rule for a client registered with `http://127.0.0.1/callback`: any port.
fn redirect_allowed(app: &Shared, client: &str, redirect: &str) -> bool {
    if client == PORTAL_CLIENT {
        return redirect == format!("{}/oauth2/callback", app.hub);
    }
    let Some(rest) = redirect.strip_prefix("http://127.0.0.1") else { return false };
    match rest.strip_suffix("/callback") {
        Some("") => true,
        Some(port) => port.strip_prefix(':').is_some_and(|p| p.parse::<u16>().is_ok()),
        None => false,
    }
}

/// Scopes of a request, in order.
pub(crate) fn split_scope(scope: Option<&str>) -> Vec<String> {
    scope.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// The first scope that nobody defined.
pub(crate) fn unknown_scope(scope: &[String]) -> Option<&String> {
    scope.iter().find(|scope| match scope.strip_prefix("workspace:") {
        Some(name) => world::workspace(name).is_none(),
        None => !["openid", "profile", "email", "offline_access"].contains(&scope.as_str()),
    })
}

fn check(query: &AuthQuery, request: &AuthRequest) -> Result<(), (&'static str, String)> {
    match query.response_type.as_deref() {
        Some("code") => {}
        Some(_) => return Err(("unsupported_response_type", String::new())),
        None => return Err(("invalid_request", "Missing parameter: response_type".to_owned())),
    }
    if unknown_scope(&request.scope).is_some() {
        return Err(("invalid_scope", format!("Invalid scopes: {}", request.scope.join(" "))));
    }
    check_pkce(query.code_challenge.as_deref(), query.code_challenge_method.as_deref())
        .map_err(|description| ("invalid_request", description))
}

/// S256 is required of everybody.
pub(crate) fn check_pkce(challenge: Option<&str>, method: Option<&str>) -> Result<(), String> {
    match (method, challenge) {
        (None, _) => Err("Missing parameter: code_challenge_method".to_owned()),
        (Some("S256"), Some(challenge)) if challenge.len() == 43 => Ok(()),
        (Some("S256"), Some(_)) => Err("Invalid parameter: code_challenge".to_owned()),
        (Some("S256"), None) => Err("Missing parameter: code_challenge".to_owned()),
        (Some(_), _) => Err("Invalid parameter: code challenge method is not matching the \
                             configured one"
            .to_owned()),
    }
}

fn go_on(app: &App, headers: &HeaderMap, request: AuthRequest, prompt: &str) -> Response {
    let known = login::session_of(app, headers);
    match known {
        Some((sid, _)) if prompt != "login" => reply::redirect(&issue_code(app, request, &sid)),
        _ if prompt == "none" => error_redirect(app, &request, "login_required", ""),
        _ => login::ask(app, Purpose::Authorize(Box::new(request)), None),
    }
}

/// Makes a code and returns where it goes.
pub(crate) fn issue_code(app: &App, request: AuthRequest, sid: &str) -> String {
    let code = format!("{}.{sid}.{}", app.random.uuid(), app.random.uuid());
    let mut pairs = vec![];
    if let Some(state) = &request.state {
        pairs.push(("state", state.clone()));
    }
    pairs.extend([
        ("session_state", sid.to_owned()),
        ("iss", app.issuer()),
        ("code", code.clone()),
    ]);
    let target = with_query(&request.redirect_uri, &pairs);
    let created = app.clock.now();
    let sid = sid.to_owned();
    app.data()
        .oidc
        .codes
        .insert(code, Code { request, sid, created, spent: false, used_again: false, grant: None });
    target
}

fn error_redirect(app: &App, request: &AuthRequest, error: &str, description: &str) -> Response {
    let mut pairs = vec![("error", error.to_owned())];
    if !description.is_empty() {
        pairs.push(("error_description", description.to_owned()));
    }
    if let Some(state) = &request.state {
        pairs.push(("state", state.clone()));
    }
    pairs.push(("iss", app.issuer()));
    reply::redirect(&with_query(&request.redirect_uri, &pairs))
}

fn with_query(uri: &str, pairs: &[(&str, String)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    format!("{uri}?{}", query.finish())
}
