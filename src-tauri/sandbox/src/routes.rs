//! The three routers, with the layers that record and disturb requests.

use std::time::Duration;

use axum::body::Body;
use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Request, State};
use axum::http::header::{DATE, HOST, HeaderName};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Extension, Router};
use s3s::service::S3Service;

use crate::clock::http_date;
use crate::controls::{Control, Effect, apply};
use crate::seen::Seen;
use crate::server::Scissors;
use crate::state::App;
use crate::{api, oidc, others, portal, reply, sts};

/// Everything on the hub's origin.
pub(crate) fn hub(app: &App) -> Router {
    Router::new()
        .merge(portal::router())
        .merge(oidc::router())
        .merge(api::router())
        .merge(others::router())
        .fallback(|| async { api::not_found() })
        .layer(from_fn_with_state(app.clone(), disturb))
        .layer(from_fn_with_state(app.clone(), record))
        .with_state(app.clone())
}

/// The S3 endpoint.
pub(crate) fn s3(app: &App, service: S3Service) -> Router {
    let answer = move |request: Request| {
        let service = service.clone();
        async move {
            match tower::ServiceExt::oneshot(service, request).await {
                Ok(response) => response.map(Body::new),
                Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            }
        }
    };
    Router::new()
        .route("/", post(sts::assume).fallback(answer.clone()).with_state(app.clone()))
        .fallback(answer)
        .layer(from_fn_with_state(app.clone(), disturb))
        .layer(from_fn_with_state(app.clone(), record_s3))
}

/// The control endpoint.
pub(crate) fn controls(app: &App) -> Router {
    Router::new().route("/", post(control)).with_state(app.clone())
}

/// `POST /` with a [`Control`] in JSON. Only a loopback `Host` is served, so that no web page can
/// get here under another name.
async fn control(State(app): State<App>, headers: HeaderMap, body: String) -> Response {
    let local = headers.get(HOST).is_some_and(|host| host.as_bytes().starts_with(b"127.0.0.1"));
    if !local {
        return reply::text(StatusCode::FORBIDDEN, "loopback only");
    }
    match serde_json::from_str::<Control>(&body) {
        Err(error) => reply::text(StatusCode::BAD_REQUEST, &error.to_string()),
        Ok(control) => match apply(&app, control) {
            Ok(value) => reply::json(StatusCode::OK, &value),
            Err((status, text)) => reply::text(status, &text),
        },
    }
}

/// Who is asking, found once for the record and the rules.
#[derive(Clone)]
struct Who(Option<String>);

/// Notes the request, lets it pass, notes the status, and dates the answer by the sandbox's clock.
async fn record(State(app): State<App>, request: Request, next: Next) -> Response {
    let who = api::auth::describe(&app, request.headers());
    note(&app, "hub", who, request, next).await
}

async fn record_s3(State(app): State<App>, request: Request, next: Next) -> Response {
    let who = s3_caller(&app, &request);
    note(&app, "s3", who, request, next).await
}

/// Whose access key a request names, whether its signature is right or not.
fn s3_caller(app: &App, request: &Request) -> Option<String> {
    let header = request.headers().get("authorization").and_then(|v| v.to_str().ok());
    let (_, rest) = header?.split_once("Credential=")?;
    let key = rest.split('/').next()?;
    app.data().s3.get(key).map(|grant| format!("s3:{}", grant.workspace))
}

async fn note(
    app: &App,
    server: &'static str,
    who: Option<String>,
    mut request: Request,
    next: Next,
) -> Response {
    let (method, uri, now) = (request.method().as_str(), request.uri(), app.clock.now());
    let seen = Seen { who: who.clone(), ..Seen::new(server, method, uri, request.headers(), now) };
    let number = app.data().seen.push(seen);
    request.extensions_mut().insert(Who(who));
    let mut response = next.run(request).await;
    if let Some(seen) = app.data().seen.get_mut(number) {
        seen.status = response.status().as_u16();
    }
    reply::set(&mut response, DATE, &http_date(app.clock.now()));
    response
}

/// Applies the latency and the latest matching rule.
async fn disturb(
    State(app): State<App>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    Extension(Who(who)): Extension<Who>,
    request: Request,
    next: Next,
) -> Response {
    let (latency, effect) = {
        let settings = &mut app.data().settings;
        let who = who.as_deref().unwrap_or_default();
        let effect = settings.effect_on(request.method().as_str(), request.uri().path(), who);
        (settings.latency_millis, effect)
    };
    wait(latency).await;
    let Some(effect) = effect else { return next.run(request).await };
    if let Effect::Answer { status, content_type, body, headers } = &effect {
        return made_up(*status, content_type, body, headers);
    }
    let response = next.run(request).await;
    match effect {
        Effect::Answer { .. } => response,
        Effect::Replace { status, content_type, body } => {
            made_up(status, &content_type, &body, &[])
        }
        Effect::Strip { fields } => stripped(response, &fields).await,
        Effect::Cut { after_bytes } => {
            scissors.cut_after(after_bytes);
            response
        }
        Effect::DropAnswer => {
            scissors.cut_after(0);
            response
        }
        Effect::Delay { millis } => {
            wait(millis).await;
            response
        }
    }
}

/// The answer without some fields of its JSON object; any other answer as it is.
async fn stripped(response: Response, fields: &[String]) -> Response {
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let body = match serde_json::from_slice::<serde_json::Value>(&bytes) {
        Ok(serde_json::Value::Object(mut object)) => {
            object.retain(|name, _| !fields.contains(name));
            Body::from(serde_json::Value::Object(object).to_string())
        }
        Ok(_) | Err(_) => Body::from(bytes),
    };
    let mut answer = Response::from_parts(parts, body);
    // The length is that of the whole answer; the server finds the new one.
    answer.headers_mut().remove(axum::http::header::CONTENT_LENGTH);
    answer
}

/// Real time: what a slow network takes, not what the sandbox's clock says.
async fn wait(millis: u64) {
    if millis > 0 {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}

fn made_up(status: u16, kind: &str, body: &str, headers: &[(String, String)]) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::new(Body::from(body.to_owned()));
    *response.status_mut() = status;
    if !kind.is_empty() {
        reply::set(&mut response, axum::http::header::CONTENT_TYPE, kind);
    }
    for (name, value) in headers {
        if let Ok(name) = HeaderName::try_from(name.as_str()) {
            reply::set(&mut response, name, value);
        }
    }
    response
}
