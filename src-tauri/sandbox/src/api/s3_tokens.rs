//! Temporary S3 credentials.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::Call;
use crate::clock::rfc3339;
use crate::state::{S3Grant, Shared};
use crate::{reply, world};

/// Life of a set, in seconds, when nothing else was set: the STS default.
const DEFAULT_LIFE: i64 = 3600;
const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const MIXED: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// `POST …/me/s3-tokens`: the body does not matter. The service itself checks no membership; a
/// stranger, an unknown workspace and one that is not ready get the token service's error as
/// the text of a 500.
pub(super) fn mint(call: &Call<'_>, workspace: &str) -> Response {
    let ready = world::workspace(workspace).is_some_and(|w| w.stage == world::Stage::Ready);
    let allowed = call.caller.is_member(workspace) && !call.caller.is_for_others_than(workspace);
    if !ready || !allowed {
        let text = format!(
            "operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 403, \
             RequestID: {}, api error AccessDenied: Not authorized to perform \
             sts:AssumeRoleWithWebIdentity",
            call.app.random.uuid()
        );
        return reply::text(StatusCode::INTERNAL_SERVER_ERROR, &text);
    }
    let Minted { access_key, grant } = issue(call.app, workspace, DEFAULT_LIFE);
    reply::json(
        StatusCode::OK,
        &json!({
            "accessKeyId": access_key,
            "secretAccessKey": grant.secret_key,
            "sessionToken": grant.session_token,
            "expiration": rfc3339(grant.expires),
        }),
    )
}

/// A new set of credentials.
pub(crate) struct Minted {
    pub(crate) access_key: String,
    pub(crate) grant: S3Grant,
}

/// Makes credentials for a workspace's prefix that live `life` seconds, or what the tests set.
pub(crate) fn issue(app: &Shared, workspace: &str, life: i64) -> Minted {
    let access_key = format!("ASIA{}", app.random.from(UPPER, 16));
    let now = app.clock.now();
    let mut data = app.data();
    let grant = S3Grant {
        secret_key: app.random.from(MIXED, 40),
        session_token: app.random.from(MIXED, 356),
        workspace: workspace.to_owned(),
        expires: now + data.settings.s3_lifetime.unwrap_or(life),
    };
    data.s3.insert(access_key.clone(), grant.clone());
    data.hand_out("s3_secret_key", &grant.secret_key);
    data.hand_out("s3_session_token", &grant.session_token);
    Minted { access_key, grant }
}
