//! Who am I, log out, revoke.

use axum::Form;
use axum::extract::{Query, State};
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::login;
use super::token::{profile, use_refresh};
use crate::state::{App, Shared};
use crate::{pages, reply, world};

/// An access token that was checked.
pub(crate) struct Access {
    pub(crate) person: world::Person,
    pub(crate) sid: String,
    pub(crate) jti: String,
    /// Workspaces to which the token is narrowed; `None`: all of the person's.
    pub(crate) workspaces: Option<Vec<String>>,
}

/// Reads an access token: signature, issuer, kind and expiry. Whether its session still lives is
/// not looked at, as nobody on the API's path does.
pub(crate) fn read_access(app: &Shared, token: &str) -> Option<Access> {
    let claims = app.signer.verify(token)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let live = claims.get("exp").and_then(Value::as_i64).is_some_and(|exp| app.clock.now() < exp);
    if !live || text("typ") != "Bearer" || text("iss") != app.issuer() {
        return None;
    }
    let workspaces = claims
        .get("workspace")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    Some(Access {
        person: world::person(text("preferred_username"))?,
        sid: text("sid").to_owned(),
        jti: text("jti").to_owned(),
        workspaces,
    })
}

/// `GET` and `POST …/userinfo`.
pub(crate) async fn userinfo(State(app): State<App>, headers: HeaderMap) -> Response {
    let Some(token) = reply::bearer(&headers) else { return refused("Missing token") };
    let Some(access) = read_access(&app, token) else {
        return refused("Token verification failed");
    };
    let data = app.data();
    let alive = data.oidc.sessions.get(&access.sid).is_some_and(|session| !session.ended);
    let client_alive = data.oidc.grants.values().any(|g| g.sid == access.sid && !g.dead);
    if !alive || !client_alive || data.oidc.revoked_access.contains(&access.jti) {
        return refused("user_session_not_found");
    }
    let mut claims = profile(access.person);
    if let Value::Object(map) = &mut claims {
        map.insert("sub".to_owned(), access.person.subject.into());
        map.insert("groups".to_owned(), json!(access.person.workspaces));
    }
    reply::json(StatusCode::OK, &claims)
}

/// 401 with an empty body; the reason stands in the header only.
fn refused(description: &str) -> Response {
    let mut response = Response::new(axum::body::Body::empty());
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    let value = format!(
        "Bearer realm=\"eodhp\", error=\"invalid_token\", error_description=\"{description}\""
    );
    reply::set(&mut response, WWW_AUTHENTICATE, &value);
    response
}

#[derive(Deserialize)]
pub(crate) struct LogoutForm {
    client_id: Option<String>,
    refresh_token: Option<String>,
    post_logout_redirect_uri: Option<String>,
}

/// `POST …/logout`: by refresh token for a client (204, also the second time), or the button of
/// the confirm page.
pub(crate) async fn logout(
    State(app): State<App>,
    headers: HeaderMap,
    Form(form): Form<LogoutForm>,
) -> Response {
    let Some(token) = form.refresh_token.as_deref() else {
        return end_browser(&app, &headers, form.post_logout_redirect_uri.as_deref());
    };
    let Some(sid) = session_of_refresh(&app, form.client_id.as_deref(), token) else {
        let text = "Invalid refresh token";
        return reply::oauth_error(StatusCode::BAD_REQUEST, "invalid_grant", text);
    };
    app.data().oidc.end_session(&sid);
    let mut response = Response::new(axum::body::Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn session_of_refresh(app: &App, client: Option<&str>, token: &str) -> Option<String> {
    let claims = app.signer.verify(token)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let fits = ["Refresh", "Offline"].contains(&text("typ")) && client == Some(text("azp"));
    fits.then(|| text("sid").to_owned())
}

#[derive(Deserialize)]
pub(crate) struct EndQuery {
    id_token_hint: Option<String>,
    post_logout_redirect_uri: Option<String>,
    client_id: Option<String>,
}

/// `GET …/logout`: at once with a hint (or the portal's own client id), after a question without.
pub(crate) async fn browser_logout(
    State(app): State<App>,
    headers: HeaderMap,
    Query(query): Query<EndQuery>,
) -> Response {
    let target = query.post_logout_redirect_uri.as_deref();
    let hinted = query.id_token_hint.as_deref().and_then(|hint| app.signer.verify(hint));
    if let Some(sid) = hinted.as_ref().and_then(|c| c.get("sid")).and_then(Value::as_str) {
        app.data().oidc.end_session(sid);
        return end_browser(&app, &headers, target);
    }
    if query.client_id.as_deref() == Some(super::PORTAL_CLIENT) {
        return end_browser(&app, &headers, target);
    }
    let action = format!("{}/protocol/openid-connect/logout", super::REALM);
    reply::html(StatusCode::OK, pages::confirm_logout(&action, target.unwrap_or_default()))
}

fn end_browser(app: &App, headers: &HeaderMap, target: Option<&str>) -> Response {
    if let Some((sid, _)) = login::session_of(app, headers) {
        app.data().oidc.end_session(&sid);
    }
    let allowed = |uri: &&str| uri.starts_with(&format!("{}/", app.hub)) || is_signed_out(uri);
    let mut response = match target.filter(allowed) {
        Some(uri) => reply::redirect(uri),
        None => reply::html(StatusCode::OK, pages::done("You are logged out", "")),
    };
    login::forget(&mut response);
    response
}

/// The registered `http://127.0.0.1/signed-out`, on any port.
fn is_signed_out(uri: &str) -> bool {
    let rest = uri.strip_prefix("http://127.0.0.1").and_then(|r| r.strip_suffix("/signed-out"));
    match rest {
        Some("") => true,
        Some(port) => port.strip_prefix(':').is_some_and(|p| p.parse::<u16>().is_ok()),
        None => false,
    }
}

#[derive(Deserialize)]
pub(crate) struct RevokeForm {
    #[serde(default)]
    token: String,
    client_id: Option<String>,
}

/// `POST …/revoke` (RFC 7009). Garbage is answered 200 with an error body, as Keycloak does.
pub(crate) async fn revoke(State(app): State<App>, Form(form): Form<RevokeForm>) -> Response {
    let client = form.client_id.unwrap_or_default();
    if client != app.client_id {
        let text = "Invalid client or Invalid client credentials";
        return reply::oauth_error(StatusCode::UNAUTHORIZED, "invalid_client", text);
    }
    if let Some(access) = read_access(&app, &form.token) {
        app.data().oidc.revoked_access.insert(access.jti);
        return reply::body(StatusCode::OK, "text/plain", "");
    }
    match use_refresh(&app, &client, &form.token, &app.random.uuid()) {
        Ok(grant) => {
            let mut data = app.data();
            if let Some(sid) = data.oidc.grants.get(&grant).map(|g| g.sid.clone()) {
                data.oidc.end_session(&sid);
            }
            reply::body(StatusCode::OK, "text/plain", "")
        }
        Err((_, text)) if text.contains("don't match") => {
            reply::oauth_error(StatusCode::BAD_REQUEST, "invalid_token", "Unmatching clients")
        }
        Err(_) => reply::oauth_error(StatusCode::OK, "invalid_token", "Invalid token"),
    }
}
