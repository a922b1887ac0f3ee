//! The portal: sign-in by cookie session, and the workspace pages.

mod pages;
pub(crate) mod session;

use axum::extract::{Query, State};
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Form, Router};
use serde::Deserialize;
use serde_json::json;

use crate::api::{auth, tokens};
use crate::oidc::keys::challenge_of;
use crate::oidc::{PORTAL_CLIENT, REALM};
use crate::state::App;
use crate::{reply, world};
use session::{CSRF_COOKIE, Start};

/// The portal's routes.
pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/", get(home))
        .route("/workspaces", get(|| async { reply::redirect("/workspaces/") }))
        .route("/workspaces/", get(workspaces))
        .route("/workspaces/tokens", post(create_token))
        .route("/workspaces/tokens/delete", post(delete_token))
        .route("/sign_in/", get(|| async { reply::redirect("/oauth2/start?rd=/workspaces/") }))
        .route("/sign_out/", get(site_sign_out))
        .route("/oauth2/start", get(start))
        .route("/oauth2/callback", get(callback))
        .route("/oauth2/sign_out", get(sign_out))
        .route("/oauth2/userinfo", get(userinfo))
}

#[derive(Deserialize)]
struct Rd {
    rd: Option<String>,
}

/// Only a path of this host, or an address of this origin; anything else becomes `/`.
fn safe_target(hub: &str, rd: Option<&str>) -> String {
    let rd = rd.unwrap_or("/");
    let path = match rd.strip_prefix(hub) {
        Some(rest) if rest.starts_with('/') => rest,
        Some("") => "/",
        _ => rd,
    };
    let local = path.starts_with('/') && !path.starts_with("//") && !path.contains('\\');
    if local && !path.chars().any(char::is_control) { path.to_owned() } else { "/".to_owned() }
}

/// `GET /oauth2/start`: to the identity provider, with a state that only this browser can return.
async fn start(State(app): State<App>, Query(query): Query<Rd>) -> Response {
    let (state, csrf) = (app.random.text(43), app.random.text(43));
    let entry = Start { rd: safe_target(&app.hub, query.rd.as_deref()), csrf: csrf.clone() };
    app.data().portal.starts.insert(state.clone(), entry);
    let callback = format!("{}/oauth2/callback", app.hub);
    let challenge = challenge_of(&csrf);
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs([
        ("client_id", PORTAL_CLIENT),
        ("redirect_uri", &callback),
        ("response_type", "code"),
        ("scope", "openid email profile"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("state", &state),
    ]);
    let target = format!("{}/protocol/openid-connect/auth?{}", app.issuer(), form.finish());
    let mut response = reply::redirect(&target);
    let cookie = format!("{CSRF_COOKIE}={csrf}; Path=/; Max-Age=900; HttpOnly; SameSite=Lax");
    reply::add_cookie(&mut response, &cookie);
    response
}

#[derive(Deserialize)]
struct Callback {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    error: Option<String>,
}

/// `GET /oauth2/callback`: turns the provider's code into a cookie session.
async fn callback(
    State(app): State<App>,
    headers: HeaderMap,
    Query(query): Query<Callback>,
) -> Response {
    if query.error.is_some() {
        return refused("Login Failed: The upstream identity provider returned an error.");
    }
    let start = app.data().portal.starts.remove(&query.state);
    let csrf = reply::cookie(&headers, CSRF_COOKIE);
    let Some(start) = start.filter(|start| Some(&start.csrf) == csrf.as_ref()) else {
        return refused("Login Failed: Unable to find a valid CSRF token. Please try again.");
    };
    let Some(value) = open_session(&app, &query.code) else {
        return refused("Login Failed: The code could not be redeemed. Please try again.");
    };
    let mut response = reply::redirect(&start.rd);
    session::set_value(&mut response, &value);
    reply::remove_cookie(&mut response, CSRF_COOKIE, "/");
    response
}

fn refused(text: &str) -> Response {
    reply::html(StatusCode::FORBIDDEN, crate::pages::problem("403 Forbidden", text))
}

/// The portal redeems its own client's code inside the hub, where nobody else can.
fn open_session(app: &App, code: &str) -> Option<String> {
    let now = app.clock.now();
    let mut data = app.data();
    let entry = data.oidc.codes.remove(code)?;
    if entry.spent || entry.request.client != PORTAL_CLIENT || now - entry.created > 60 {
        return None;
    }
    let username = data.oidc.sessions.get(&entry.sid).filter(|s| !s.ended)?.username.clone();
    Some(data.portal.open(&username, &entry.sid, now, &app.random))
}

/// `GET /oauth2/sign_out`: ends the session here at once (as with a session store behind the
/// proxy) and takes the cookies away. The identity provider's own session goes on.
async fn sign_out(State(app): State<App>, headers: HeaderMap, Query(query): Query<Rd>) -> Response {
    if let Some(value) = session::value_of(&headers) {
        app.data().portal.end(&value);
    }
    let mut response = reply::redirect(&safe_target(&app.hub, query.rd.as_deref()));
    session::clear_value(&mut response);
    response
}

/// `GET /sign_out/`: here and at the identity provider.
async fn site_sign_out(State(app): State<App>) -> Response {
    let mut inner = url::form_urlencoded::Serializer::new(String::new());
    inner.append_pair("client_id", PORTAL_CLIENT);
    inner.append_pair("post_logout_redirect_uri", &format!("{}/", app.hub));
    let logout = format!("{REALM}/protocol/openid-connect/logout?{}", inner.finish());
    let mut outer = url::form_urlencoded::Serializer::new(String::new());
    outer.append_pair("rd", &logout);
    reply::redirect(&format!("/oauth2/sign_out?{}", outer.finish()))
}

/// `GET /oauth2/userinfo`, as oauth2-proxy answers it.
async fn userinfo(State(app): State<App>, headers: HeaderMap) -> Response {
    let signed = match auth::by_cookie(&app, &headers) {
        Ok(signed) => signed,
        Err(refusal) => return refusal,
    };
    let Some(person) = world::person(&signed.username) else {
        return reply::nginx(StatusCode::UNAUTHORIZED);
    };
    signed.finish(reply::json(
        StatusCode::OK,
        &json!({
            "user": person.subject,
            "email": person.email(),
            "groups": person.workspaces,
            "preferredUsername": person.username,
        }),
    ))
}

/// Signed in by cookie, or sent to the log-in (programs that ask for JSON get the bare 401).
fn at_the_door(app: &App, headers: &HeaderMap, uri: &Uri) -> Result<auth::CookieUser, Response> {
    auth::by_cookie(app, headers).map_err(|refusal| {
        let wants_json = headers.get(ACCEPT).is_some_and(|v| v.as_bytes() == b"application/json");
        if wants_json {
            return refusal;
        }
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("rd", uri.path_and_query().map_or("/", |p| p.as_str()));
        reply::redirect(&format!("/oauth2/start?{}", form.finish()))
    })
}

async fn home(State(app): State<App>, headers: HeaderMap) -> Response {
    match auth::by_cookie(&app, &headers) {
        Ok(user) => {
            let page = pages::home(Some(&user.username));
            user.finish(reply::html(StatusCode::OK, page))
        }
        Err(_) => reply::html(StatusCode::OK, pages::home(None)),
    }
}

#[derive(Deserialize)]
struct Chosen {
    workspace: Option<String>,
}

async fn workspaces(
    State(app): State<App>,
    headers: HeaderMap,
    uri: Uri,
    Query(query): Query<Chosen>,
) -> Response {
    let user = match at_the_door(&app, &headers, &uri) {
        Ok(user) => user,
        Err(elsewhere) => return elsewhere,
    };
    let page = pages::workspaces(&app, &user.username, query.workspace.as_deref(), None);
    user.finish(reply::html(StatusCode::OK, page))
}

#[derive(Deserialize)]
struct NewToken {
    workspace: String,
    name: String,
    expires: f64,
}

async fn create_token(
    State(app): State<App>,
    headers: HeaderMap,
    uri: Uri,
    Form(form): Form<NewToken>,
) -> Response {
    let user = match at_the_door(&app, &headers, &uri) {
        Ok(user) => user,
        Err(elsewhere) => return elsewhere,
    };
    let member = world::person(&user.username).is_some_and(|p| p.is_member(&form.workspace));
    if !member {
        return reply::nginx(StatusCode::FORBIDDEN);
    }
    match tokens::make(&app, &user.username, &form.workspace, &form.name, Some(form.expires)) {
        Ok((token, secret)) => {
            let shown = Some((token.id.as_str(), secret.as_str()));
            let page = pages::workspaces(&app, &user.username, Some(&form.workspace), shown);
            user.finish(reply::html(StatusCode::OK, page))
        }
        Err(text) => user.finish(reply::text(StatusCode::BAD_REQUEST, text)),
    }
}

#[derive(Deserialize)]
struct OldToken {
    workspace: String,
    id: String,
}

async fn delete_token(
    State(app): State<App>,
    headers: HeaderMap,
    uri: Uri,
    Form(form): Form<OldToken>,
) -> Response {
    let user = match at_the_door(&app, &headers, &uri) {
        Ok(user) => user,
        Err(elsewhere) => return elsewhere,
    };
    tokens::remove(&app, &user.username, &form.workspace, &form.id);
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("workspace", &form.workspace);
    user.finish(reply::redirect(&format!("/workspaces/?{}", query.finish())))
}
