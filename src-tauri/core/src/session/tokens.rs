//! The token endpoint (RFC 6749, platforms.md E.1.5, E.1.7): one form, one answer, nothing sent
//! twice, and every token taken over into wiped memory.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use url::Url;

use crate::platform::http::{Answer, Body, Http, Request};
use crate::platform::{Asked, Operation, PlatformError};
use crate::secret::Secret;

/// What a token endpoint answers. `received` is ours.
#[derive(Deserialize)]
pub struct TokenAnswer {
    #[serde(default, deserialize_with = "secret")]
    pub(super) access_token: Option<Secret>,
    #[serde(default, deserialize_with = "secret")]
    pub(super) refresh_token: Option<Secret>,
    #[serde(default, deserialize_with = "secret")]
    pub(super) id_token: Option<Secret>,
    pub(super) expires_in: Option<i64>,
    pub(super) refresh_expires_in: Option<i64>,
    #[serde(skip)]
    pub(super) received: Timestamp,
}

/// Why a token endpoint gave no tokens.
#[derive(Debug)]
pub enum TokenError {
    /// It said why: RFC 6749's `error`.
    Refused(String),
    /// Something else went wrong.
    Platform(PlatformError),
}

impl From<PlatformError> for TokenError {
    fn from(error: PlatformError) -> Self {
        Self::Platform(error)
    }
}

/// Posts a form to a token endpoint: once, since each of its tokens and codes works only once.
pub async fn token_request(
    http: &Http,
    operation: Operation,
    endpoint: &Url,
    form: &[(&str, &str)],
) -> Result<TokenAnswer, TokenError> {
    let answer = post_form(http, operation, endpoint, form).await?;
    if let Some(refused) = oauth_error(&answer) {
        return Err(TokenError::Refused(refused));
    }
    let received = answer.received;
    let tokens: TokenAnswer = answer.json()?;
    Ok(TokenAnswer { received, ..tokens })
}

/// Posts a form, once.
pub async fn post_form(
    http: &Http,
    operation: Operation,
    endpoint: &Url,
    form: &[(&str, &str)],
) -> Asked<Answer> {
    let body = Body::Form(encode_form(form));
    http.once(&Request::post(operation, endpoint.clone(), body)).await
}

fn encode_form(form: &[(&str, &str)]) -> Secret {
    // Long enough from the start: a growing buffer would leave copies behind that nothing wipes.
    let room = form.iter().map(|(key, value)| key.len() + 3 * value.len() + 2).sum();
    let mut text = url::form_urlencoded::Serializer::new(String::with_capacity(room));
    for (key, value) in form {
        text.append_pair(key, value);
    }
    Secret::from_text(text.finish())
}

/// `exp` of a token that is a JWT. Only read, not trusted: it decides when to renew.
pub fn end_of_jwt(token: &Secret) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Claims {
        exp: Option<i64>,
    }
    let payload = token.expose_text()?.split('.').nth(1)?;
    let claims = Secret::new(URL_SAFE_NO_PAD.decode(payload).ok()?);
    let claims: Claims = serde_json::from_slice(claims.expose()).ok()?;
    Timestamp::from_second(claims.exp?).ok()
}

/// RFC 6749's `error` of an answer that did not work; an empty text where the provider refuses
/// without a word, as glewlwyd does.
pub fn oauth_error(answer: &Answer) -> Option<String> {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    if !matches!(answer.status, 400 | 401 | 403) {
        return None;
    }
    if answer.status == 400 && answer.body.trim_ascii().is_empty() {
        return Some(String::new());
    }
    let refusal: Refusal = serde_json::from_slice(&answer.body).ok()?;
    let plain = |b: u8| b.is_ascii_lowercase() || b == b'_';
    (refusal.error.len() <= 64 && refusal.error.bytes().all(plain)).then_some(refusal.error)
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.map(Secret::from_text).filter(|secret| !secret.is_empty()))
}
