//! Signing in with a code typed on any device (RFC 8628, platforms.md E.1.3).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use openidconnect::PkceCodeChallenge;
use serde::Deserialize;
use url::Url;

use super::oidc::Provider;
use super::tokens::{TokenAnswer, TokenError, oauth_error, post_form, token_request};
use super::{Grant, SignInError};
use crate::api::SignInWay;
use crate::platform::connection::is_allowed;
use crate::platform::http::{Http, clean};
use crate::platform::{Connection, Operation};
use crate::secret::Secret;

/// How often is asked when the provider does not say.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
/// By how much `slow_down` lengthens the interval, for good.
const SLOWER: Duration = Duration::from_secs(5);
/// Longest interval, whatever provider and network do.
const LONGEST_INTERVAL: Duration = Duration::from_mins(1);
/// How long a code counts when the provider does not say, and at most, in seconds.
const DEFAULT_SECONDS: i64 = 600;
const LONGEST_SECONDS: i64 = 1800;

/// A device sign-in under way. Dropping it ends it.
#[derive(Debug)]
pub struct DeviceFlow {
    /// Where the code is typed.
    pub url: Url,
    /// The same with the code in it, where the provider offers that.
    pub complete: Option<Url>,
    /// What to type.
    pub user_code: String,
    /// When it is given up.
    pub until: Timestamp,
    provider: Provider,
    device_code: Secret,
    verifier: Secret,
    interval: Duration,
}

/// RFC 8628 3.2.
#[derive(Deserialize)]
struct Started {
    device_code: String,
    user_code: String,
    #[serde(alias = "verification_url")]
    verification_uri: Url,
    verification_uri_complete: Option<Url>,
    expires_in: Option<i64>,
    interval: Option<u64>,
}

impl DeviceFlow {
    /// Asks the provider for a code.
    pub async fn open(
        http: &Http,
        connection: &Connection,
        stay: bool,
    ) -> Result<Self, SignInError> {
        let provider = Provider::discover(http, connection).await?;
        let endpoint = provider.device_endpoint().ok_or(SignInError::NotOffered)?;
        // A client that requires PKCE requires it on the start too (stack.md 2c).
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let scopes = provider.scopes(stay).join(" ");
        let form = [
            ("client_id", provider.client_id.as_str()),
            ("scope", &scopes),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        let answer = post_form(http, Operation::SignIn, endpoint, &form).await?;
        if let Some(error) = oauth_error(&answer) {
            return Err(TokenError::Refused(error).into());
        }
        let received = answer.received;
        let started: Started = answer.json()?;
        let verifier = Secret::from_text(verifier.into_secret());
        Self::of(started, provider, verifier, received)
    }

    fn of(
        started: Started,
        provider: Provider,
        verifier: Secret,
        received: Timestamp,
    ) -> Result<Self, SignInError> {
        if !is_allowed(&started.verification_uri) {
            return Err(SignInError::Broken("the address to type the code at is not https"));
        }
        let user_code = clean(&started.user_code)
            .filter(|code| code.len() <= 64)
            .ok_or(SignInError::Broken("there is no code to type"))?;
        let seconds = started.expires_in.unwrap_or(DEFAULT_SECONDS).clamp(1, LONGEST_SECONDS);
        let interval = started.interval.map_or(DEFAULT_INTERVAL, Duration::from_secs);
        let until = received.checked_add(SignedDuration::from_secs(seconds));
        Ok(Self {
            url: started.verification_uri,
            complete: started.verification_uri_complete.filter(is_allowed),
            user_code,
            until: until.unwrap_or(Timestamp::MAX),
            provider,
            device_code: Secret::from_text(started.device_code),
            verifier,
            interval: interval.clamp(Duration::from_secs(1), LONGEST_INTERVAL),
        })
    }

    /// Asks until somebody typed the code, refused, or the code ended.
    pub async fn finish(mut self, http: &Http) -> Result<Grant, SignInError> {
        loop {
            http.pause(self.interval).await;
            if http.clock().now() >= self.until {
                return Err(SignInError::Expired);
            }
            if let Some(answer) = self.poll(http).await? {
                let tokens = self.provider.accept(answer, None)?;
                return Ok(Grant::oidc(SignInWay::Device, tokens));
            }
        }
    }

    /// Asks once; `None`: ask again.
    async fn poll(&mut self, http: &Http) -> Result<Option<TokenAnswer>, SignInError> {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("client_id", &self.provider.client_id),
            ("device_code", self.device_code.expose_text().unwrap_or_default()),
            ("code_verifier", self.verifier.expose_text().unwrap_or_default()),
        ];
        let endpoint = &self.provider.token_endpoint;
        match token_request(http, Operation::SignIn, endpoint, &form).await {
            Ok(answer) => Ok(Some(answer)),
            Err(TokenError::Refused(error)) => match error.as_str() {
                "authorization_pending" => Ok(None),
                "slow_down" => {
                    self.interval = (self.interval + SLOWER).min(LONGEST_INTERVAL);
                    Ok(None)
                }
                // The code is spent or unknown: it cannot succeed any more.
                "invalid_grant" => Err(SignInError::Expired),
                _ => Err(TokenError::Refused(error).into()),
            },
            // RFC 8628 3.5: after a lost connection, ask less often.
            Err(TokenError::Platform(error)) if error.retryable() => {
                self.interval = (self.interval * 2).min(LONGEST_INTERVAL);
                Ok(None)
            }
            Err(TokenError::Platform(error)) => Err(error.into()),
        }
    }
}
