//! What the workspace service means when it refuses S3 credentials (platforms.md A.9.1–3). Its
//! texts are part of its contract here: nothing else tells the cases apart. Behind it may be AWS,
//! which has codes, or MinIO, which has one code for everything (stack.md 4, measured).

use crate::platform::http::Answer;
use crate::platform::{Kind, PlatformError};

const NO_AUDIENCE: &str = "the registration of this client at the platform lacks the audience \
                           eodh-workspaces";
const NO_ACCESS: &str = "no access to the objects of this workspace";
const NO_STORE_AUDIENCE: &str = "the object store does not know the client that asked: its \
                                 operators have to register it there";
const BAD_LIFE: &str = "the object store does not give credentials for that long";
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
    } else if named("InvalidParameterValue") {
        refused_by_minio(error, text)
    } else {
        error
    }
}

/// One code, many meanings: the identity, the registration, what the person may, the request.
fn refused_by_minio(error: PlatformError, text: &str) -> PlatformError {
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["Token is expired", "token contains an invalid", "verification error", "Invalid kid"])
    {
        error.becoming(Kind::Unauthenticated)
    } else if says(&["`azp` claim invalid", "`aud` claim"]) {
        error.becoming(Kind::Forbidden).hinted(NO_STORE_AUDIENCE)
    } else if says(&["policy claim missing", "Role arn", "RoleARN"]) {
        error.becoming(Kind::Forbidden).hinted(NO_ACCESS)
    } else if says(&["invalid token expiry"]) {
        error.becoming(Kind::Validation(Vec::new())).hinted(BAD_LIFE)
    } else {
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::Operation;

    /// Each text as MinIO said it.
    #[test]
    fn one_code_is_told_apart_by_its_text() {
        let kind = |text: &str| {
            let error = PlatformError::new(Operation::S3, "hub.example", Kind::Unavailable);
            refused_500(
                error,
                &format!("operation error STS: api error InvalidParameterValue: {text}"),
            )
            .kind
        };
        for identity in [
            "Token is expired",
            "token contains an invalid number of segments",
            "crypto/rsa: verification error",
            "Invalid kid value <nil>",
        ] {
            assert_eq!(kind(identity), Kind::Unauthenticated, "{identity}");
        }
        for may_not in [
            "STS JWT Token has `azp` claim invalid, `azp` must match configured OpenID Client ID",
            "policy claim missing from the JWT token, credentials will not be generated",
            "Role arn:minio:iam:::role/dummy-internal does not exist",
        ] {
            assert_eq!(kind(may_not), Kind::Forbidden, "{may_not}");
        }
        assert_eq!(kind("invalid token expiry"), Kind::Validation(Vec::new()));
        assert_eq!(kind("something new"), Kind::Unavailable);
    }
}
