//! Steps that every adapter takes in the same way: posting once, judging what was handed out,
//! and seeing that what was revoked is gone (platforms.md G).

use jiff::{SignedDuration, Timestamp};

use serde::Serialize;

use super::connection::Connection;
use super::http::{Answer, Request};
use super::{
    Asked, Auth, IssueOutcome, IssueWarning, IssuedToken, Kind, Operation, Platform, PlatformError,
    RemoteToken, Revoked,
};
use crate::secret::Secret;
use crate::session::Session;

/// Sends a request that makes something, once. What is not a success is judged here: refused,
/// or with an outcome that nobody knows.
pub async fn post_once(session: &Session, post: Request) -> Result<Answer, Box<IssueOutcome>> {
    let answer = match session.send(post).await {
        Ok(answer) => answer,
        Err(error) if error.may_have_happened() => {
            return Err(Box::new(IssueOutcome::Unknown(error)));
        }
        Err(error) => return Err(Box::new(IssueOutcome::Refused(error))),
    };
    if answer.is_success() {
        return Ok(answer);
    }
    let error = answer.failure();
    Err(Box::new(if answer.status >= 500 || answer.status == 408 {
        IssueOutcome::Unknown(error)
    } else {
        IssueOutcome::Refused(error)
    }))
}

/// The content of a request, in wiped memory.
pub fn json<T: Serialize>(content: &T) -> Secret {
    // Room for a key of the longest kind: a growing buffer would leave copies behind.
    let mut bytes = Vec::with_capacity(16 << 10);
    // Writing texts and numbers into memory cannot fail.
    let _ = serde_json::to_writer(&mut bytes, content);
    Secret::new(bytes)
}

/// What is refused before anything is sent.
pub fn refused(
    connection: &Connection,
    operation: Operation,
    field: &str,
    why: &str,
) -> PlatformError {
    let kind = Kind::Validation(vec![(field.to_owned(), why.to_owned())]);
    PlatformError::new(operation, connection.host(), kind)
}

/// A token that was handed out, with what is odd about it. `odd`: its key does not look like a
/// key of this platform. `asked`: the lifetime asked for, and by how much another one is told to
/// the user; absent where tokens have no end.
pub fn issued(
    token: RemoteToken,
    key: Secret,
    odd: bool,
    asked: Option<(SignedDuration, SignedDuration)>,
    received: Timestamp,
) -> IssueOutcome {
    let mut warnings = Vec::new();
    if token.id.is_none() {
        warnings.push(IssueWarning::IdMissing);
    }
    if odd {
        warnings.push(IssueWarning::OddKey);
    }
    match (asked, token.expires) {
        (None, _) => {}
        (Some(_), None) => warnings.push(IssueWarning::NoEnd),
        (Some((asked, tolerance)), Some(end)) => {
            let given = end.duration_since(token.created.unwrap_or(received));
            if (given - asked).abs() >= tolerance {
                warnings.push(IssueWarning::LifetimeDiffers);
            }
        }
    }
    IssueOutcome::Issued(Box::new(IssuedToken { token, key, warnings }))
}

/// Judges the answer to a revocation, and reads the list once to see that the token is gone.
pub async fn confirm_revoked<P: Platform + Sync>(
    platform: &P,
    session: &Session,
    workspace: &str,
    id: &str,
    answer: &Answer,
) -> Asked<Revoked> {
    let already = matches!(answer.status, 404 | 410);
    if !already && !answer.is_success() {
        return Err(answer.failure());
    }
    let unconfirmed = answer.error(Kind::OutcomeUnknown);
    let lives = |token: &RemoteToken| token.id.as_deref() == Some(id) && token.revoked.is_none();
    match platform.tokens(session, workspace).await {
        Ok(listed) if listed.iter().any(lives) => Err(unconfirmed),
        Ok(_) => Ok(Revoked { already, confirmed: true }),
        // The key that asked was the one revoked: that it is refused now confirms it.
        Err(error) if error.kind == Kind::Unauthenticated && session.auth() == Auth::Key => {
            Ok(Revoked { already, confirmed: true })
        }
        // A proxy's 404 may mean a wrong path: without the list it proves nothing.
        Err(_) if already => Err(unconfirmed),
        Err(_) => Ok(Revoked { already, confirmed: false }),
    }
}
