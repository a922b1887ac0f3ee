//! Signing in with the system browser: code and PKCE on 127.0.0.1 (RFC 8252, platforms.md E.1.2).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use openidconnect::core::{CoreAuthenticationFlow, CoreClient};
use openidconnect::{ClientId, CsrfToken, Nonce, PkceCodeChallenge, RedirectUrl, Scope};
use url::Url;

use super::callback::{Callback, Expected, Listener};
use super::oidc::Provider;
use super::portal::random_text;
use super::tokens::{TokenError, token_request};
use super::{Grant, SignInError};
use crate::api::SignInWay;
use crate::platform::http::Http;
use crate::platform::{Connection, Kind, Operation, PlatformError};
use crate::secret::Secret;

/// How long the browser may take.
pub const BROWSER_LIMIT: Duration = Duration::from_mins(5);

/// A browser sign-in under way. Dropping it closes its port and ends it.
#[derive(Debug)]
pub struct BrowserFlow {
    /// What to open in the browser. It holds no secret that is of use without this process: the
    /// state is spent with the first answer, and the challenge is a hash.
    pub url: Url,
    /// When it is given up.
    pub until: Timestamp,
    provider: Provider,
    redirect: String,
    listener: Listener,
    state: Secret,
    nonce: Secret,
    verifier: Secret,
}

impl BrowserFlow {
    /// Asks the provider about itself, opens the port and makes the address to open.
    pub async fn open(
        http: &Http,
        connection: &Connection,
        stay: bool,
    ) -> Result<Self, SignInError> {
        let provider = Provider::discover(http, connection).await?;
        let listener = Listener::open()?;
        let redirect = listener.redirect();
        let no_random = |_| SignInError::Broken("the system gives no random numbers");
        let state = random_text().map_err(no_random)?;
        let nonce = random_text().map_err(no_random)?;
        let (url, verifier) = authorization(&provider, &redirect, &state, &nonce, stay)?;
        let limit = SignedDuration::try_from(BROWSER_LIMIT).unwrap_or(SignedDuration::ZERO);
        let until = http.clock().now().checked_add(limit).unwrap_or(Timestamp::MAX);
        Ok(Self { url, until, provider, redirect, listener, state, nonce, verifier })
    }

    /// Waits for the browser's answer and exchanges it for tokens.
    pub async fn finish(self, http: &Http) -> Result<Grant, SignInError> {
        let expected = Expected {
            state: self.state,
            issuer: self.provider.metadata.issuer().to_string(),
            iss_required: self.provider.sends_iss(),
        };
        let callback = tokio::select! {
            callback = self.listener.wait(expected) => callback,
            () = http.pause(BROWSER_LIMIT) => return Err(SignInError::Expired),
        };
        let code = match callback {
            Callback::Code(code) => code,
            Callback::Denied(error) => return Err(denied(&error)),
        };
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", &self.provider.client_id),
            ("redirect_uri", &self.redirect),
            ("code", code.expose_text().unwrap_or_default()),
            ("code_verifier", self.verifier.expose_text().unwrap_or_default()),
        ];
        let endpoint = &self.provider.token_endpoint;
        let answer = token_request(http, Operation::SignIn, endpoint, &form).await?;
        let tokens = self.provider.accept(answer, Some(&self.nonce))?;
        Ok(Grant::oidc(SignInWay::Browser, tokens))
    }
}

/// The address to open, and the PKCE verifier that goes with it.
fn authorization(
    provider: &Provider,
    redirect: &str,
    state: &Secret,
    nonce: &Secret,
    stay: bool,
) -> Result<(Url, Secret), SignInError> {
    let redirect = RedirectUrl::new(redirect.to_owned())
        .map_err(|_| SignInError::Broken("the redirect is no address"))?;
    let id = ClientId::new(provider.client_id.clone());
    let client = CoreClient::from_provider_metadata(provider.metadata.clone(), id, None)
        .set_redirect_uri(redirect);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let text = |secret: &Secret| secret.expose_text().unwrap_or_default().to_owned();
    let (state, nonce) = (text(state), text(nonce));
    // The crate adds `openid` itself.
    let scopes = provider.scopes(stay).into_iter().filter(|scope| *scope != "openid");
    let (url, _, _) = client
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            || CsrfToken::new(state),
            || Nonce::new(nonce),
        )
        .set_pkce_challenge(challenge)
        .add_scopes(scopes.map(|scope| Scope::new(scope.to_owned())))
        .url();
    Ok((url, Secret::from_text(verifier.into_secret())))
}

fn denied(error: &str) -> SignInError {
    match error {
        "access_denied" | "consent_required" | "interaction_required" | "login_required" => {
            SignInError::Refused
        }
        "invalid_scope" => SignInError::Broken("the platform does not know what was asked for"),
        "unauthorized_client" => SignInError::Broken("the platform does not permit this client id"),
        "temporarily_unavailable" | "server_error" => {
            SignInError::Platform(PlatformError::new(Operation::SignIn, "", Kind::Unavailable))
        }
        _ => SignInError::Broken("the platform answered with an error"),
    }
}

impl From<TokenError> for SignInError {
    fn from(error: TokenError) -> Self {
        let broken = match error {
            TokenError::Platform(error) => return Self::Platform(error),
            TokenError::Refused(error) => match error.as_str() {
                "access_denied" => return Self::Refused,
                "expired_token" => return Self::Expired,
                "invalid_grant" => "the platform did not accept the code",
                "invalid_client" | "unauthorized_client" => {
                    "the platform does not permit this client id"
                }
                "not_allowed" => "staying signed in is not permitted to this user or client",
                _ => "the platform answered with an error",
            },
        };
        Self::Broken(broken)
    }
}
