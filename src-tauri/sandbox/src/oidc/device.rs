//! The device flow (RFC 8628) as Keycloak runs it: PKCE at the start, consent always shown.

use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::authorize::{check_pkce, split_scope, unknown_scope};
use super::store::{Device, DeviceAnswer, Purpose};
use super::token::{Refusal, TokenForm, allowed_scope, check_verifier, invalid_grant, open_grant};
use super::{REALM, login};
use crate::state::App;
use crate::{pages, reply};

/// Letters of a user code: no vowels, so that it spells nothing.
const LETTERS: &[u8] = b"BCDFGHJKLMNPQRSTVWXZ";

#[derive(Deserialize)]
pub(crate) struct StartForm {
    client_id: Option<String>,
    scope: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
}

/// `POST …/auth/device`.
pub(crate) async fn start(State(app): State<App>, Form(form): Form<StartForm>) -> Response {
    let client = form.client_id.clone().unwrap_or_default();
    if client != app.client_id {
        let text = "Invalid client or Invalid client credentials";
        return reply::oauth_error(StatusCode::UNAUTHORIZED, "invalid_client", text);
    }
    let scope = split_scope(form.scope.as_deref());
    if unknown_scope(&scope).is_some() {
        let text = format!("Invalid scopes: {}", scope.join(" "));
        return reply::oauth_error(StatusCode::BAD_REQUEST, "invalid_scope", &text);
    }
    let method = form.code_challenge_method.as_deref();
    if let Err(text) = check_pkce(form.code_challenge.as_deref(), method) {
        return reply::oauth_error(StatusCode::BAD_REQUEST, "invalid_request", &text);
    }
    reply::json(
        StatusCode::OK,
        &begin(&app, client, scope, form.code_challenge.unwrap_or_default()),
    )
}

fn begin(app: &App, client: String, scope: Vec<String>, challenge: String) -> Value {
    let now = app.clock.now();
    let (left, right) = (app.random.from(LETTERS, 4), app.random.from(LETTERS, 4));
    let (device_code, user_code) = (app.random.text(43), format!("{left}-{right}"));
    let mut data = app.data();
    let (life, interval) = (data.settings.device.expires_in, data.settings.device.interval);
    let device = Device {
        client,
        user_code: user_code.clone(),
        scope,
        challenge,
        expires: now + life,
        interval,
        last_poll: None,
        answer: DeviceAnswer::Pending,
    };
    data.oidc.devices.insert(device_code.clone(), device);
    let page = format!("{}/device", app.issuer());
    json!({
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri": page,
        "verification_uri_complete": format!("{page}?user_code={user_code}"),
        "expires_in": life,
        "interval": interval,
    })
}

/// A poll at the token endpoint.
pub(crate) fn poll(app: &App, client: &str, form: &TokenForm) -> Result<Value, Refusal> {
    let code = form.device_code.as_deref().unwrap_or_default();
    let (sid, scope) = judge_poll(app, client, code, form.code_verifier.as_deref())?;
    let scope = allowed_scope(app, &sid, scope);
    let (_, answer) = open_grant(app, client, &sid, scope, None)?;
    Ok(answer)
}

fn judge_poll(
    app: &App,
    client: &str,
    code: &str,
    verifier: Option<&str>,
) -> Result<(String, Vec<String>), Refusal> {
    let now = app.clock.now();
    let mut data = app.data();
    let unknown = invalid_grant("Device code not valid");
    let device = data.oidc.devices.get_mut(code).ok_or(unknown)?;
    if device.client != client {
        return Err(invalid_grant("unauthorized client"));
    }
    if now >= device.expires {
        return Err(("expired_token", "Device code is expired"));
    }
    check_verifier(Some(&device.challenge), verifier)?;
    let too_soon = device.last_poll.is_some_and(|last| now - last < device.interval);
    device.last_poll = Some(now);
    if too_soon {
        return Err(("slow_down", "Slow down"));
    }
    match device.answer.clone() {
        DeviceAnswer::Pending => {
            Err(("authorization_pending", "The authorization request is still pending"))
        }
        DeviceAnswer::Denied => Err(("access_denied", "The end user denied the request")),
        DeviceAnswer::Allowed(sid) => {
            let scope = device.scope.clone();
            data.oidc.devices.remove(code);
            Ok((sid, scope))
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct PageQuery {
    user_code: Option<String>,
}

/// `GET …/device`: asks for the code, or goes on with the one in the address.
pub(crate) async fn page(
    State(app): State<App>,
    headers: HeaderMap,
    Query(query): Query<PageQuery>,
) -> Response {
    match query.user_code {
        Some(code) if !code.is_empty() => go_on(&app, &headers, &code),
        _ => reply::html(StatusCode::OK, pages::device_code(&format!("{REALM}/device"), None)),
    }
}

#[derive(Deserialize)]
pub(crate) struct CodeForm {
    #[serde(default)]
    device_user_code: String,
}

/// `POST …/device`: the code typed by hand.
pub(crate) async fn enter_code(
    State(app): State<App>,
    headers: HeaderMap,
    Form(form): Form<CodeForm>,
) -> Response {
    go_on(&app, &headers, &form.device_user_code)
}

fn go_on(app: &App, headers: &HeaderMap, typed: &str) -> Response {
    let Some(device_code) = find(app, typed) else {
        let text = Some("Invalid code, please try again.");
        return reply::html(StatusCode::OK, pages::device_code(&format!("{REALM}/device"), text));
    };
    match login::session_of(app, headers) {
        Some(_) => ask_consent(app, &device_code),
        None => login::ask(app, Purpose::Device { device_code }, None),
    }
}

/// Small and capital letters count alike, and the hyphen may be left out.
fn find(app: &App, typed: &str) -> Option<String> {
    let plain = |text: &str| text.replace('-', "").trim().to_ascii_uppercase();
    let now = app.clock.now();
    let data = app.data();
    let mut open = data.oidc.devices.iter().filter(|(_, d)| now < d.expires);
    open.find(|(_, d)| plain(&d.user_code) == plain(typed)).map(|(code, _)| code.clone())
}

/// The page with Allow and Deny.
pub(crate) fn ask_consent(app: &App, device_code: &str) -> Response {
    let user_code = app.data().oidc.devices.get(device_code).map(|d| d.user_code.clone());
    let Some(user_code) = user_code else { return failed() };
    let action = format!("{REALM}/login-actions/consent?client_id={}", app.client_id);
    let page = pages::consent(&action, &app.client_id, &user_code);
    reply::html(StatusCode::OK, page)
}

fn failed() -> Response {
    reply::redirect(&format!("{REALM}/device/status?error=access_denied"))
}

/// The consent form: `code` and one of the two buttons.
#[derive(Deserialize)]
pub(crate) struct ConsentForm {
    #[serde(default)]
    code: String,
    accept: Option<String>,
}

/// `POST …/login-actions/consent`.
pub(crate) async fn consent(
    State(app): State<App>,
    headers: HeaderMap,
    Form(form): Form<ConsentForm>,
) -> Response {
    let Some((sid, _)) = login::session_of(&app, &headers) else { return failed() };
    let allowed = form.accept.is_some();
    if answer(&app, &form.code, allowed.then_some(sid)) && allowed {
        reply::redirect(&format!("{REALM}/device/status"))
    } else {
        failed()
    }
}

/// Allows a device in a browser session, or denies it; whether there is such a device.
pub(crate) fn answer(app: &App, user_code: &str, session: Option<String>) -> bool {
    let Some(device_code) = find(app, user_code) else { return false };
    let mut data = app.data();
    let Some(device) = data.oidc.devices.get_mut(&device_code) else { return false };
    device.answer = session.map_or(DeviceAnswer::Denied, DeviceAnswer::Allowed);
    true
}

#[derive(Deserialize)]
pub(crate) struct StatusQuery {
    error: Option<String>,
}

/// `GET …/device/status`: the last page.
pub(crate) async fn status(Query(query): Query<StatusQuery>) -> Response {
    let page = match query.error {
        None => pages::done(
            "Device Login Successful",
            "You may close this browser window and go back to your device.",
        ),
        Some(_) => pages::problem(
            "Device Login Failed",
            "Consent denied for connecting the device. You may close this browser window.",
        ),
    };
    reply::html(StatusCode::OK, page)
}
