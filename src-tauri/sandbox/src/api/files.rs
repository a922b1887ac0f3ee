//! A workspace's objects over plain HTTP: `{access_url}{path}` with an API token of the workspace.

use std::path::{Component, Path, PathBuf};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;

use super::auth::Caller;
use super::{auth, not_found, percent_decoded};
use crate::state::App;
use crate::{reply, world};

/// `GET`, `PUT` and `DELETE /files/{ws}/{bucket}/{path}`. Files lie under the workspace's prefix.
pub(super) async fn serve(
    State(app): State<App>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let signed = match auth::sign_in(&app, &headers).await {
        Ok(signed) => signed,
        Err(refusal) => return refusal,
    };
    let path = percent_decoded(uri.path());
    let mut parts = path.trim_start_matches("/files/").splitn(3, '/');
    let (Some(workspace), Some(world::BUCKET), Some(rest)) =
        (parts.next(), parts.next(), parts.next())
    else {
        return not_found();
    };
    let own = matches!(&signed.caller, Caller::Token { workspace: own, .. } if own == workspace);
    if !own {
        return signed.finish(reply::json(StatusCode::FORBIDDEN, &"access denied"));
    }
    match inside(&app.s3_directory.join(world::BUCKET).join(workspace), rest) {
        Some(file) => act(&method, &file, &body),
        None => not_found(),
    }
}

/// `rest` under `root`, if it is a plain way down.
fn inside(root: &Path, rest: &str) -> Option<PathBuf> {
    let plain = Path::new(rest).components().all(|part| matches!(part, Component::Normal(_)));
    (plain && !rest.is_empty()).then(|| root.join(rest))
}

fn act(method: &Method, file: &Path, body: &[u8]) -> Response {
    let outcome = match method.as_str() {
        "GET" => std::fs::read(file),
        "PUT" => write(file, body).map(|()| vec![]),
        "DELETE" => std::fs::remove_file(file).map(|()| vec![]),
        _ => return not_found(),
    };
    match outcome {
        Ok(bytes) => reply::body(StatusCode::OK, "application/octet-stream", bytes),
        Err(_) => not_found(),
    }
}

fn write(file: &Path, body: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, body)
}
