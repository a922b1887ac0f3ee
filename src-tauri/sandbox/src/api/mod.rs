//! The hub's API: `/api/…`, `/files/…` and `/tiles/…`.
//!
//! Paths are matched by hand, because the real service (a Go router behind a front server) answers
//! a wrong method, `HEAD` and a trailing slash alike with 404 and cleans `//` and `..` by a 301.

pub(crate) mod auth;
mod catalogue;
mod files;
pub(crate) mod s3_tokens;
pub(crate) mod tokens;
mod workspaces;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use axum::routing::any;
use serde_json::json;

use crate::reply;
use crate::state::App;
use crate::tiles;

/// The API's routes.
pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/api", any(dispatch))
        .route("/api/{*rest}", any(dispatch))
        .route("/files/{*rest}", any(files::serve))
        .route("/tiles/{*rest}", any(tiles::serve))
}

/// A request that found its way in.
pub(crate) struct Call<'a> {
    pub(crate) app: &'a App,
    pub(crate) method: &'a Method,
    pub(crate) body: &'a [u8],
    pub(crate) caller: &'a auth::Caller,
}

async fn dispatch(
    State(app): State<App>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path();
    if let Some(clean) = cleaned(path) {
        let mut response = reply::redirect(&clean);
        *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
        return response;
    }
    let segments: Vec<String> = path.split('/').skip(2).map(percent_decoded).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if segments == ["docs", "workspace-services", "doc.json"] && method == Method::GET {
        return docs();
    }
    match auth::sign_in(&app, &headers).await {
        Err(refusal) => refusal,
        Ok(signed) => {
            let call = Call { app: &app, method: &method, body: &body, caller: &signed.caller };
            let s3 = match (&app.front, method.as_str(), segments.as_slice()) {
                (Some(front), "POST", ["workspaces", ws, "me", "s3-tokens"]) => Some((front, *ws)),
                _ => None,
            };
            let response = match s3 {
                Some((front, ws)) => {
                    front.mint(&app, &signed.caller, signed.proof.as_ref(), ws).await
                }
                None => route(&call, &segments),
            };
            signed.finish(response)
        }
    }
}

fn route(call: &Call<'_>, segments: &[&str]) -> Response {
    match (call.method.as_str(), segments) {
        ("GET", ["workspaces"]) => workspaces::list(call),
        ("GET", ["workspaces", ws]) if !ws.is_empty() => workspaces::one(call, ws),
        ("GET", ["workspaces", ws, "users"]) => workspaces::users(call, ws),
        ("GET", ["accounts"]) => workspaces::accounts(call),
        ("GET", ["workspaces", ws, "me", "tokens"]) => tokens::list(call, ws),
        ("POST", ["workspaces", ws, "me", "tokens"]) => tokens::create(call, ws),
        ("GET", ["workspaces", ws, "me", "tokens", id]) if !id.is_empty() => {
            tokens::one(call, ws, id)
        }
        ("DELETE", ["workspaces", ws, "me", "tokens", id]) if !id.is_empty() => {
            tokens::delete(call, ws, id)
        }
        ("POST", ["workspaces", ws, "me", "s3-tokens"]) => s3_tokens::mint(call, ws),
        ("GET", ["catalogue", "stac", rest @ ..]) => catalogue::serve(call, rest),
        _ => not_found(),
    }
}

/// Go's router for everything it does not know.
pub(crate) fn not_found() -> Response {
    reply::text(StatusCode::NOT_FOUND, "404 page not found")
}

fn docs() -> Response {
    reply::json(
        StatusCode::OK,
        &json!({
            "swagger": "2.0",
            "info": { "title": "EODHP Workspace Services API", "version": "v1" },
            "basePath": "/api",
            "paths": {},
        }),
    )
}

/// The path without empty, `.` and `..` parts, if it had any.
fn cleaned(path: &str) -> Option<String> {
    let bad = path.contains("//") || path.split('/').any(|part| part == "." || part == "..");
    bad.then(|| {
        let mut parts: Vec<&str> = vec![];
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop();
                }
                other => parts.push(other),
            }
        }
        format!("/{}", parts.join("/"))
    })
}

/// Undoes `%XX` in one path segment; invalid UTF-8 is replaced.
pub(crate) fn percent_decoded(segment: &str) -> String {
    let mut bytes = segment.bytes();
    let mut out = Vec::with_capacity(segment.len());
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let pair = [ahead.next(), ahead.next()];
        match (byte, hex_pair(pair)) {
            (b'%', Some(value)) => {
                out.push(value);
                bytes = ahead;
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex_pair(pair: [Option<u8>; 2]) -> Option<u8> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    let value = digit(pair[0])? * 16 + digit(pair[1])?;
    u8::try_from(value).ok()
}
