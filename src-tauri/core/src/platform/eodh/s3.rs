//! What the workspace service means when it refuses S3 credentials (platforms.md A.9.1–3). Its
//! texts are part of its contract here: nothing else tells the cases apart.

use crate::platform::http::Answer;
use crate::platform::{Kind, PlatformError};

const NO_AUDIENCE: &str = "the registration of this client at the platform lacks the audience \
                           eodh-workspaces";
const NO_ACCESS: &str = "no access to the objects of this workspace";
const NAME_TOO_LONG: &str = "workspace and user name together are too long for the platform";

/// What a refusal means.
pub fn refusal(answer: &Answer) -> PlatformError {
    let error = answer.failure();
    let text = answer.text().trim();
    match answer.status {
        401 => refused_401(error, text, answer.is_html()),
        403 if text.contains("not within the token audience") => error.hinted(NO_AUDIENCE),
        400 if text == "Invalid token" => error.becoming(Kind::Unauthenticated),
        500 => refused_500(error, text),
        _ => error,
    }
}

/// `Invalid token`, or nobody's text, is about the user's token; texts of the token exchange are
/// about the server's own client.
fn refused_401(error: PlatformError, text: &str, html: bool) -> PlatformError {
    let about_the_caller = [
        "Invalid token",
        "authorization header missing",
        "invalid token format",
        "invalid bearer jwt token",
    ];
    if text.contains("workspace scoped tokens not allowed") {
        error.becoming(Kind::Forbidden)
    } else if html || text.is_empty() || text.starts_with('{') || about_the_caller.contains(&text) {
        error
    } else {
        error.becoming(Kind::Unavailable)
    }
}

/// A 500 holds the name of an AWS error.
fn refused_500(error: PlatformError, text: &str) -> PlatformError {
    let named = |name: &str| text.contains(name);
    if named("AccessDenied") {
        error.becoming(Kind::Forbidden).hinted(NO_ACCESS)
    } else if named("ExpiredToken") || named("InvalidIdentityToken") {
        error.becoming(Kind::Unauthenticated)
    } else if named("ValidationError") {
        error.becoming(Kind::Validation(Vec::new())).hinted(NAME_TOO_LONG)
    } else {
        error
    }
}
