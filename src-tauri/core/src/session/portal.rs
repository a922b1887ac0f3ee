//! Signing in by the portal's own session (platforms.md A.6, security.md 4.3).
//!
//! A sign-in window in a process of its own lets the user sign in at the hub, and hands the hub's
//! session cookies over, proved by a secret that only this flow's window was given. The cookies
//! count as a session only when the hub answers 200 to a call with them.

use jiff::{SignedDuration, Timestamp};
use reqwest::header::COOKIE;
use url::Url;

use super::cookies::{Adopted, Jar};
use super::{Grant, SignInError};
use crate::clock::Clock;
use crate::error::{Error, ErrorCode};
use crate::platform::http::{Http, Request};
use crate::platform::{Asked, Connection, Kind, Operation, PlatformError};
use crate::secret::Secret;

/// How long the window may take.
pub const WINDOW_LIMIT: SignedDuration = SignedDuration::from_mins(10);
/// Where the portal leads back after signing in. Any small path of the hub would do: the window
/// stops before it is loaded.
const RETURN_PATH: &str = "/workspaces/";

/// A portal sign-in under way.
#[derive(Debug)]
pub struct PortalFlow {
    /// Where the window starts.
    pub start: Url,
    /// Proves that a result belongs to this flow; the window is given it on its stdin.
    pub proof: Secret,
    /// When it is given up.
    pub until: Timestamp,
}

impl PortalFlow {
    /// Opens a flow; sends nothing.
    pub fn open(connection: &Connection, clock: &dyn Clock) -> Result<Self, Error> {
        let mut start = connection.at(&["oauth2", "start"])?;
        start.query_pairs_mut().append_pair("rd", RETURN_PATH);
        let until = clock.now().checked_add(WINDOW_LIMIT).unwrap_or(Timestamp::MAX);
        Ok(Self { start, proof: random_text()?, until })
    }

    /// Whether a result belongs to this flow; compared in constant time. A flow takes one result:
    /// it is consumed when the proof is right and left open when it is not.
    pub fn accepts(&self, proof: &Secret, now: Timestamp) -> Result<(), SignInError> {
        if now >= self.until {
            return Err(SignInError::Expired);
        }
        if self.proof.matches(proof.expose()) { Ok(()) } else { Err(SignInError::WrongProof) }
    }
}

/// Makes a session of a `Cookie` header's value: takes the session cookies out of it, and asks
/// the hub whether it accepts them.
pub async fn exchange(
    http: &Http,
    connection: &Connection,
    header: &Secret,
) -> Result<Grant, SignInError> {
    let mut jar = Jar::from_header(header).ok_or(SignInError::NoSession)?;
    let url = check_url(connection)?;
    let cookies = jar.header_for(&url).ok_or(SignInError::NoSession)?;
    let request = Request::get(Operation::SignIn, url).header(COOKIE, cookies);
    // Once: a repetition would have to carry the cookies that the first answer set.
    let answer = http.once(&request).await?;
    let adopted = jar.adopt(&answer.headers, &answer.url, answer.received);
    let received = answer.received;
    if adopted == Adopted::Cleared {
        return Err(answer.error(Kind::Unauthenticated).into());
    }
    answer.json::<serde::de::IgnoredAny>()?;
    Ok(Grant::portal(jar, received))
}

/// What is asked to learn whether a portal session lives.
pub(super) fn check_url(connection: &Connection) -> Asked<Url> {
    connection
        .at(&["api", "workspaces"])
        .map_err(|_| PlatformError::new(Operation::SignIn, connection.host(), Kind::Address))
}

/// Ends a portal session at the hub. The redirect that answers it is not followed: it leads to
/// pages for people.
pub(super) async fn end(http: &Http, connection: &Connection, jar: &Jar) -> Asked<()> {
    let url = connection
        .at(&["oauth2", "sign_out"])
        .map_err(|_| PlatformError::new(Operation::SignOut, connection.host(), Kind::Address))?;
    let Some(cookies) = jar.header_for(&url) else { return Ok(()) };
    let answer = http.once(&Request::get(Operation::SignOut, url).header(COOKIE, cookies)).await?;
    match answer.status {
        200..=399 | 401 => Ok(()),
        _ => Err(answer.failure()),
    }
}

/// 256 random bits as 64 hex digits.
pub(super) fn random_text() -> Result<Secret, Error> {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes)
        .map_err(|_| Error::new(ErrorCode::Internal, "the system gives no random numbers"))?;
    Ok(Secret::from_text(hex::encode(*bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::FakeClock;
    use crate::platform::{AnyPlatform, Platform};

    fn flow() -> (PortalFlow, FakeClock) {
        let clock = FakeClock::at(Timestamp::UNIX_EPOCH);
        let fields = [("environment", "staging")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let connection = AnyPlatform::Eodh.connect(&fields.into()).expect("connection");
        (PortalFlow::open(&connection, &clock).expect("flow"), clock)
    }

    #[test]
    fn it_starts_at_the_proxy_and_returns_to_the_hub() {
        let (flow, _) = flow();
        let expected = "https://staging.eodatahub.org.uk/oauth2/start?rd=%2Fworkspaces%2F";
        assert_eq!(flow.start.as_str(), expected);
        assert_eq!(flow.proof.len(), 64);
    }

    #[test]
    fn only_the_right_proof_in_time_is_accepted() {
        let (flow, clock) = flow();
        let wrong = Secret::from_text("0".repeat(64));
        assert_eq!(flow.accepts(&wrong, clock.now()), Err(SignInError::WrongProof));
        let short = Secret::new(flow.proof.expose()[..63].to_vec());
        assert_eq!(flow.accepts(&short, clock.now()), Err(SignInError::WrongProof));
        assert_eq!(flow.accepts(&flow.proof, clock.now()), Ok(()));
        assert_eq!(flow.accepts(&flow.proof, flow.until), Err(SignInError::Expired));
    }
}
