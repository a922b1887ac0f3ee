//! The log-in page and the browser session that follows it.

use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use super::store::{BrowserSession, PendingLogin, Purpose};
use super::{REALM, authorize, device};
use crate::state::App;
use crate::{pages, reply, world};

/// Keycloak's name for the cookie of a browser session.
const IDENTITY: &str = "KEYCLOAK_IDENTITY";
/// How long a log-in page stays good, in seconds.
const LOGIN_SECONDS: i64 = 1800;

/// The live session of this browser: its id and the login name.
pub(crate) fn session_of(app: &App, headers: &HeaderMap) -> Option<(String, String)> {
    let cookie = reply::cookie(headers, IDENTITY)?;
    let now = app.clock.now();
    app.data().oidc.session_of_cookie(&cookie, now)
}

/// Shows the log-in page for `purpose`.
pub(crate) fn ask(app: &App, purpose: Purpose, error: Option<&str>) -> Response {
    let code = app.random.text(43);
    let created = app.clock.now();
    app.data().oidc.logins.insert(code.clone(), PendingLogin { purpose, created });
    let action = format!("{REALM}/login-actions/authenticate?session_code={code}");
    let mut response = reply::html(StatusCode::OK, pages::login(&action, error));
    // As at Keycloak, something is in the browser under this path before anybody logged in. The
    // form does not need it: `Secure` cookies on loopback http are kept by some browsers only.
    let cookie =
        format!("AUTH_SESSION_ID={}; Path={REALM}/; HttpOnly; SameSite=Lax", app.random.text(24));
    reply::add_cookie(&mut response, &cookie);
    response
}

#[derive(Deserialize)]
pub(crate) struct LoginQuery {
    session_code: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct LoginForm {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
}

/// `POST …/login-actions/authenticate`.
pub(crate) async fn authenticate(
    State(app): State<App>,
    Query(query): Query<LoginQuery>,
    Form(form): Form<LoginForm>,
) -> Response {
    let now = app.clock.now();
    let pending = app.data().oidc.logins.remove(&query.session_code.unwrap_or_default());
    let Some(pending) = pending.filter(|p| now - p.created <= LOGIN_SECONDS) else {
        let text = "Restart login cookie not found. It may have expired; it may have been \
                    deleted or cookies are disabled in your browser. Please go back and sign in \
                    again.";
        return reply::html(StatusCode::BAD_REQUEST, pages::problem("We are sorry…", text));
    };
    match world::person(form.username.trim()).filter(|p| p.password == form.password) {
        None => ask(&app, pending.purpose, Some("Invalid username or password.")),
        Some(person) => enter(&app, pending.purpose, person.username),
    }
}

/// Opens a browser session; returns its `sid` and its cookie.
pub(crate) fn open_session(app: &App, username: &str) -> (String, String) {
    let now = app.clock.now();
    let (sid, cookie) = (app.random.uuid(), app.random.text(200));
    let session = BrowserSession {
        username: username.to_owned(),
        cookie: cookie.clone(),
        auth_time: now,
        last_used: now,
        ended: false,
    };
    app.data().oidc.sessions.insert(sid.clone(), session);
    (sid, cookie)
}

fn enter(app: &App, purpose: Purpose, username: &str) -> Response {
    let (sid, cookie) = open_session(app, username);
    let mut response = match purpose {
        Purpose::Authorize(request) => reply::redirect(&authorize::issue_code(app, *request, &sid)),
        Purpose::Device { device_code } => device::ask_consent(app, &device_code),
    };
    let identity = format!("{IDENTITY}={cookie}; Path={REALM}/; HttpOnly; SameSite=Lax");
    let session = format!("KEYCLOAK_SESSION={sid}; Path={REALM}/; SameSite=Lax");
    reply::add_cookie(&mut response, &identity);
    reply::add_cookie(&mut response, &session);
    response
}

/// Takes the browser's cookies away.
pub(crate) fn forget(response: &mut Response) {
    for name in [IDENTITY, "KEYCLOAK_SESSION", "AUTH_SESSION_ID"] {
        reply::remove_cookie(response, name, &format!("{REALM}/"));
    }
}
