//! What the OpenID ways to sign in have in common (platforms.md E.1): discovery, the token
//! endpoint, checking who signed in, and the end of a session.
//!
//! The openidconnect crate reads discovery and keys, makes PKCE and checks ID tokens; our own
//! client carries its requests. Tokens themselves pass by it, so that they stay in wiped memory.

use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;
use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};
use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType,
    CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm, CoreResponseMode, CoreResponseType,
    CoreSubjectIdentifierType,
};
use openidconnect::{
    AdditionalProviderMetadata, AsyncHttpClient, ClientId, DiscoveryError, HttpRequest,
    HttpResponse, IssuerUrl, Nonce, ProviderMetadata,
};
use serde::{Deserialize, Serialize};
use url::Url;

use super::refresh::Renewal;
use super::tokens::{TokenAnswer, TokenError, post_form, token_request};
use super::{OidcTokens, SignInError};
use crate::platform::connection::is_allowed;
use crate::platform::http::{Answer, Http, Request};
use crate::platform::{Asked, Connection, Kind, Operation, PlatformError};
use crate::secret::Secret;

/// How far an ID token's times may be off.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);
/// How ID tokens may be signed.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 4] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EdDsa,
];
/// For how long an access token counts when the provider does not say.
const DEFAULT_SECONDS: i64 = 60;

/// What a provider says of itself beyond the crate's fields.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Extra {
    device_authorization_endpoint: Option<Url>,
    revocation_endpoint: Option<Url>,
    end_session_endpoint: Option<Url>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for Extra {}

/// A provider's discovery document.
pub type Metadata = ProviderMetadata<
    Extra,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// A provider whose discovery document was read and found sound, with the client to act as.
#[derive(Debug, Clone)]
pub struct Provider {
    /// The discovery document.
    pub metadata: Metadata,
    /// The client id.
    pub client_id: String,
    /// Where tokens are had.
    pub token_endpoint: Url,
}

impl Provider {
    /// Reads the discovery document and the keys of a connection's issuer.
    ///
    /// The issuer must name itself exactly as configured, and every endpoint must be of the
    /// issuer's own origin: a document cannot send a secret elsewhere.
    pub async fn discover(http: &Http, connection: &Connection) -> Result<Self, SignInError> {
        let client_id = connection.client_id.clone().ok_or(SignInError::NoClientId)?;
        let broken = SignInError::Broken;
        let issuer = IssuerUrl::new(connection.issuer.clone())
            .map_err(|_| broken("the issuer is no address"))?;
        let carrier = Carrier(http.clone());
        let metadata =
            Metadata::discover_async(issuer, &carrier).await.map_err(|error| match error {
                DiscoveryError::Request(error) => SignInError::Platform(error),
                DiscoveryError::Validation(_) => {
                    broken("the issuer names itself differently in its discovery document")
                }
                DiscoveryError::Parse(_)
                | DiscoveryError::Response(..)
                | DiscoveryError::UrlParse(_)
                | DiscoveryError::Other(_)
                | _ => broken("the issuer has no usable discovery document"),
            })?;
        let token_endpoint = metadata
            .token_endpoint()
            .map(|url| url.url().clone())
            .ok_or(broken("the issuer has no token endpoint"))?;
        let provider = Self { metadata, client_id, token_endpoint };
        provider.check_endpoints()?;
        Ok(provider)
    }

    /// Where a device starts, if the provider offers it.
    pub fn device_endpoint(&self) -> Option<&Url> {
        self.extra().device_authorization_endpoint.as_ref()
    }

    /// Whether its redirects carry `iss` (RFC 9207).
    pub fn sends_iss(&self) -> bool {
        self.extra().authorization_response_iss_parameter_supported
    }

    /// What to ask for: who it is, and to stay signed in only when the user asked for that.
    pub fn scopes(&self, stay: bool) -> Vec<&'static str> {
        let offered = |scope: &str| match self.metadata.scopes_supported() {
            Some(scopes) => scopes.iter().any(|s| s.as_str() == scope),
            None => true,
        };
        let mut scopes = vec!["openid"];
        scopes.extend(Some("profile").filter(|scope| offered(scope)));
        scopes.extend(Some("offline_access").filter(|_| stay));
        scopes
    }

    fn extra(&self) -> &Extra {
        self.metadata.additional_metadata()
    }

    fn check_endpoints(&self) -> Result<(), SignInError> {
        let issuer = self.metadata.issuer().url();
        let extra = self.extra();
        let named = [
            Some(self.metadata.authorization_endpoint().url()),
            Some(&self.token_endpoint),
            extra.device_authorization_endpoint.as_ref(),
            extra.revocation_endpoint.as_ref(),
            extra.end_session_endpoint.as_ref(),
        ];
        let sound = |url: &&Url| is_allowed(url) && url.origin() == issuer.origin();
        if named.iter().flatten().all(sound) {
            Ok(())
        } else {
            Err(SignInError::Broken("the issuer's discovery document leads to another host"))
        }
    }

    /// Makes tokens of a token endpoint's answer, after checking who they are for.
    ///
    /// The ID token must be there: without it nothing ties the answer to this sign-in. `nonce` is
    /// absent for a device, which has no redirect that could be replayed.
    pub fn accept(
        &self,
        answer: TokenAnswer,
        nonce: Option<&Secret>,
    ) -> Result<OidcTokens, SignInError> {
        let broken = SignInError::Broken;
        let id_token = answer.id_token.ok_or(broken("there is no ID token in the answer"))?;
        let access = answer.access_token.ok_or(broken("there is no access token in the answer"))?;
        let parsed = id_token.expose_text().and_then(|text| CoreIdToken::from_str(text).ok());
        let parsed = parsed.ok_or(broken("the ID token cannot be read"))?;
        let now = answer.received;
        let earlier = SystemTime::from(now.checked_sub(LEEWAY).unwrap_or(now));
        let verifier = CoreIdTokenVerifier::new_public_client(
            ClientId::new(self.client_id.clone()),
            self.metadata.issuer().clone(),
            self.metadata.jwks().clone(),
        )
        .set_allowed_algs(ALGORITHMS)
        .set_time_fn(move || earlier.into());
        let same_nonce = |found: Option<&Nonce>| match nonce {
            Some(nonce) if found.is_some_and(|n| nonce.matches(n.secret().as_bytes())) => Ok(()),
            Some(_) => Err("the nonce differs".to_owned()),
            None => Ok(()),
        };
        let claims = parsed
            .claims(&verifier, same_nonce)
            .map_err(|_| broken("the ID token is not for this sign-in"))?;
        if claims.authorized_party().is_some_and(|azp| azp.as_str() != self.client_id) {
            return Err(broken("the ID token was made for another client"));
        }
        let access_seconds = answer.expires_in.unwrap_or(DEFAULT_SECONDS);
        let extra = self.extra();
        Ok(OidcTokens {
            access,
            access_ends: after(now, access_seconds),
            access_seconds,
            refresh: answer.refresh_token,
            refresh_ends: refresh_end(now, answer.refresh_expires_in),
            id_token: Some(id_token),
            subject: claims.subject().to_string(),
            username: claims.preferred_username().map(|name| name.to_string()),
            client_id: self.client_id.clone(),
            token_endpoint: self.token_endpoint.clone(),
            revocation_endpoint: extra.revocation_endpoint.clone(),
            end_session_endpoint: extra.end_session_endpoint.clone(),
        })
    }
}

/// Asks for new tokens with a refresh token. See [`Renewal`] for what may come of it.
pub(super) async fn refresh(http: &Http, old: &OidcTokens, refresh: &Secret) -> Renewal {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", &old.client_id),
        ("refresh_token", refresh.expose_text().unwrap_or_default()),
    ];
    match token_request(http, Operation::Refresh, &old.token_endpoint, &form).await {
        Ok(answer) => match renewed(old, answer, refresh) {
            Some(tokens) => Renewal::Renewed(Box::new(tokens)),
            None => Renewal::Lost(lost(old, Kind::Protocol("there is no token in the answer"))),
        },
        Err(TokenError::Refused(error)) => match error.as_str() {
            "" | "invalid_grant" | "invalid_client" | "unauthorized_client" => Renewal::Over,
            _ => Renewal::NotNow(lost(old, Kind::Forbidden)),
        },
        Err(TokenError::Platform(error))
            if matches!(error.kind, Kind::Network { sent: true, .. } | Kind::Protocol(_)) =>
        {
            Renewal::Lost(error)
        }
        Err(TokenError::Platform(error)) => Renewal::NotNow(error),
    }
}

fn lost(tokens: &OidcTokens, kind: Kind) -> PlatformError {
    let host = tokens.token_endpoint.host_str().unwrap_or_default();
    PlatformError::new(Operation::Refresh, host, kind)
}

/// The old tokens with what is new; a refresh token that was not replaced stays.
fn renewed(old: &OidcTokens, answer: TokenAnswer, refresh: &Secret) -> Option<OidcTokens> {
    let access_seconds = answer.expires_in.unwrap_or(DEFAULT_SECONDS);
    let id_token = answer.id_token.or_else(|| old.id_token.as_ref().map(Secret::duplicate));
    Some(OidcTokens {
        access: answer.access_token?,
        access_ends: after(answer.received, access_seconds),
        access_seconds,
        refresh: Some(answer.refresh_token.unwrap_or_else(|| refresh.duplicate())),
        refresh_ends: match answer.refresh_expires_in {
            Some(_) => refresh_end(answer.received, answer.refresh_expires_in),
            None => old.refresh_ends,
        },
        id_token,
        subject: old.subject.clone(),
        username: old.username.clone(),
        client_id: old.client_id.clone(),
        token_endpoint: old.token_endpoint.clone(),
        revocation_endpoint: old.revocation_endpoint.clone(),
        end_session_endpoint: old.end_session_endpoint.clone(),
    })
}

/// Ends a session at its provider: Keycloak's backchannel logout where there is one, else RFC
/// 7009. Judged by status alone; a provider answers 200 to garbage (stack.md 2e).
pub(super) async fn end(http: &Http, tokens: &OidcTokens) -> Asked<()> {
    let Some(refresh) = tokens.refresh.as_ref().and_then(Secret::expose_text) else {
        return Ok(());
    };
    let client = ("client_id", tokens.client_id.as_str());
    if let Some(endpoint) = &tokens.end_session_endpoint {
        let form = [client, ("refresh_token", refresh)];
        let answer = post_form(http, Operation::SignOut, endpoint, &form).await?;
        // A page asks a person to confirm (RP-initiated logout): nothing has ended yet.
        let asks = answer.is_success() && answer.is_html();
        if answer.is_success() && !asks {
            return Ok(());
        }
        if tokens.revocation_endpoint.is_none() {
            let unconfirmed = answer.error(Kind::OutcomeUnknown);
            return Err(if asks { unconfirmed } else { not_ended(&answer) });
        }
    }
    let Some(endpoint) = &tokens.revocation_endpoint else { return Ok(()) };
    let form = [client, ("token", refresh), ("token_type_hint", "refresh_token")];
    let answer = post_form(http, Operation::SignOut, endpoint, &form).await?;
    if answer.is_success() { Ok(()) } else { Err(not_ended(&answer)) }
}

/// Why a session may live on at its provider. Some let no public client end one, which says
/// nothing of the session.
fn not_ended(answer: &Answer) -> PlatformError {
    match answer.status {
        401 | 403 | 404 | 405 => answer.error(Kind::NotSupported { url: None }),
        _ => answer.failure(),
    }
}

/// Our client, as the crate wants one. A type of its own: of a closure the compiler cannot tell
/// that what it returns may move between threads.
struct Carrier(Http);

impl<'c> AsyncHttpClient<'c> for Carrier {
    type Error = PlatformError;
    type Future = Pin<Box<dyn Future<Output = Asked<HttpResponse>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(carry(&self.0, request))
    }
}

async fn carry(http: &Http, request: HttpRequest) -> Asked<HttpResponse> {
    let error = |kind| PlatformError::new(Operation::SignIn, "", kind);
    let url = Url::parse(&request.uri().to_string()).map_err(|_| error(Kind::Address))?;
    let answer = http.send(&Request::get(Operation::SignIn, url)).await?;
    if answer.status >= 500 || answer.status == 429 {
        return Err(answer.failure());
    }
    let mut response = HttpResponse::new(answer.body.to_vec());
    *response.status_mut() = openidconnect::http::StatusCode::from_u16(answer.status)
        .map_err(|_| error(Kind::Protocol("the answer has an unknown status")))?;
    *response.headers_mut() = answer.headers;
    Ok(response)
}

fn after(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(seconds.max(0))).unwrap_or(Timestamp::MAX)
}

/// Zero means that it has no end (Keycloak's offline tokens).
fn refresh_end(now: Timestamp, seconds: Option<i64>) -> Option<Timestamp> {
    seconds.filter(|seconds| *seconds > 0).map(|seconds| after(now, seconds))
}
