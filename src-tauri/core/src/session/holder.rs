//! What a session is made of, and its sealed form.
//!
//! The sealed form is JSON with a version, and names the hub it belongs to: secrets of one hub
//! are never restored for another. It is a secret itself, and goes to the vault only.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::{Zeroize, Zeroizing};

use super::cookies::{Cookie, Jar};
use crate::api::SignInWay;
use crate::error::Error;
use crate::platform::{Auth, Connection};
use crate::secret::Secret;

/// Version of the sealed form.
const VERSION: u8 = 1;

/// The secrets of a session, and what is known about their ends.
#[derive(Debug)]
pub enum Holder {
    /// Tokens of an OpenID provider.
    Oidc(Box<OidcTokens>),
    /// The portal's cookies.
    Portal {
        /// The cookies.
        jar: Jar,
        /// When they were last used: the portal ends a session after 30 idle minutes.
        used: Timestamp,
    },
    /// An API token.
    Key {
        /// The key.
        key: Secret,
        /// The secret key, where it is a pair.
        secret_key: Option<Secret>,
    },
    /// Nothing any more: the session ended.
    Ended {
        /// As what it had acted.
        auth: Auth,
        /// When its end was seen.
        at: Timestamp,
    },
}

/// Tokens of an OpenID provider.
#[derive(Debug)]
pub struct OidcTokens {
    /// The access token.
    pub access: Secret,
    /// When the access token ends, by our clock.
    pub access_ends: Timestamp,
    /// For how many seconds the access token was given.
    pub access_seconds: i64,
    /// The refresh token, while there is one that may be used.
    pub refresh: Option<Secret>,
    /// When the refresh token ends; `None`: it has no end, or none was told.
    pub refresh_ends: Option<Timestamp>,
    /// The ID token, for signing out in a browser.
    pub id_token: Option<Secret>,
    /// Who signed in, as the provider names them for itself.
    pub subject: String,
    /// The user name, from `preferred_username`.
    pub username: Option<String>,
    /// The client id the tokens were given to.
    pub client_id: String,
    /// Where tokens are renewed.
    pub token_endpoint: Url,
    /// Where a refresh token is revoked (RFC 7009), if anywhere.
    pub revocation_endpoint: Option<Url>,
    /// Where the session is ended, if anywhere.
    pub end_session_endpoint: Option<Url>,
}

impl Holder {
    /// As what it acts.
    pub fn auth(&self) -> Auth {
        match self {
            Self::Oidc(_) => Auth::Oidc,
            Self::Portal { .. } => Auth::Portal,
            Self::Key { .. } => Auth::Key,
            Self::Ended { auth, .. } => *auth,
        }
    }
}

/// The sealed form. Its texts are wiped by whoever takes them over, or by `Drop`.
#[derive(Serialize, Deserialize)]
struct Sealed {
    version: u8,
    with: SignInWay,
    origin: String,
    holder: SealedHolder,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum SealedHolder {
    Oidc(Box<SealedTokens>),
    Portal { cookies: Vec<SealedCookie>, used: Timestamp },
    Key { key: Wiped, secret_key: Option<Wiped> },
    Ended { auth: Auth, at: Timestamp },
}

#[derive(Serialize, Deserialize)]
struct SealedTokens {
    access: Wiped,
    access_ends: Timestamp,
    access_seconds: i64,
    refresh: Option<Wiped>,
    refresh_ends: Option<Timestamp>,
    id_token: Option<Wiped>,
    subject: String,
    username: Option<String>,
    client_id: String,
    token_endpoint: Url,
    revocation_endpoint: Option<Url>,
    end_session_endpoint: Option<Url>,
}

#[derive(Serialize, Deserialize)]
struct SealedCookie {
    name: String,
    value: Wiped,
    path: String,
}

/// A secret text between JSON and [`Secret`]; wiped when dropped.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Wiped(String);

impl Drop for Wiped {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Wiped {
    fn of(secret: &Secret) -> Self {
        Self(secret.expose_text().unwrap_or_default().to_owned())
    }

    fn secret(mut self) -> Secret {
        Secret::from_text(std::mem::take(&mut self.0))
    }
}

/// Seals a session for the vault.
pub fn seal(holder: &Holder, with: SignInWay, connection: &Connection) -> Secret {
    let sealed = Sealed {
        version: VERSION,
        with,
        origin: connection.origin(),
        holder: SealedHolder::of(holder),
    };
    // Room from the start: a growing buffer would leave copies behind that nothing wipes.
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 << 10));
    // Writing texts and numbers into memory cannot fail; an empty form would be refused later.
    let _ = serde_json::to_writer(&mut *bytes, &sealed);
    Secret::new(bytes.to_vec())
}

/// Reads what [`seal`] wrote for the same hub.
pub fn unseal(sealed: &Secret, connection: &Connection) -> Result<(Holder, SignInWay), Error> {
    let Sealed { version, with, origin, holder } = serde_json::from_slice(sealed.expose())
        .map_err(|_| Error::internal("the stored session cannot be read"))?;
    if version != VERSION {
        return Err(Error::internal("the stored session has another form").with("version", version));
    }
    if origin != connection.origin() {
        return Err(Error::internal("the stored session belongs to another hub"));
    }
    Ok((holder.open(), with))
}

impl SealedHolder {
    fn of(holder: &Holder) -> Self {
        match holder {
            Holder::Oidc(tokens) => Self::Oidc(Box::new(SealedTokens::of(tokens))),
            Holder::Portal { jar, used } => Self::Portal {
                cookies: jar.cookies().iter().map(SealedCookie::of).collect(),
                used: *used,
            },
            Holder::Key { key, secret_key } => {
                Self::Key { key: Wiped::of(key), secret_key: secret_key.as_ref().map(Wiped::of) }
            }
            Holder::Ended { auth, at } => Self::Ended { auth: *auth, at: *at },
        }
    }

    fn open(self) -> Holder {
        match self {
            Self::Oidc(tokens) => Holder::Oidc(Box::new(tokens.open())),
            Self::Portal { cookies, used } => Holder::Portal {
                jar: Jar::of(cookies.into_iter().map(SealedCookie::open).collect()),
                used,
            },
            Self::Key { key, secret_key } => {
                Holder::Key { key: key.secret(), secret_key: secret_key.map(Wiped::secret) }
            }
            Self::Ended { auth, at } => Holder::Ended { auth, at },
        }
    }
}

impl SealedCookie {
    fn of(cookie: &Cookie) -> Self {
        Self {
            name: cookie.name.clone(),
            value: Wiped::of(&cookie.value),
            path: cookie.path.clone(),
        }
    }

    fn open(self) -> Cookie {
        Cookie { name: self.name, value: self.value.secret(), path: self.path }
    }
}

impl SealedTokens {
    fn of(tokens: &OidcTokens) -> Self {
        Self {
            access: Wiped::of(&tokens.access),
            access_ends: tokens.access_ends,
            access_seconds: tokens.access_seconds,
            refresh: tokens.refresh.as_ref().map(Wiped::of),
            refresh_ends: tokens.refresh_ends,
            id_token: tokens.id_token.as_ref().map(Wiped::of),
            subject: tokens.subject.clone(),
            username: tokens.username.clone(),
            client_id: tokens.client_id.clone(),
            token_endpoint: tokens.token_endpoint.clone(),
            revocation_endpoint: tokens.revocation_endpoint.clone(),
            end_session_endpoint: tokens.end_session_endpoint.clone(),
        }
    }

    fn open(self) -> OidcTokens {
        OidcTokens {
            access: self.access.secret(),
            access_ends: self.access_ends,
            access_seconds: self.access_seconds,
            refresh: self.refresh.map(Wiped::secret),
            refresh_ends: self.refresh_ends,
            id_token: self.id_token.map(Wiped::secret),
            subject: self.subject,
            username: self.username,
            client_id: self.client_id,
            token_endpoint: self.token_endpoint,
            revocation_endpoint: self.revocation_endpoint,
            end_session_endpoint: self.end_session_endpoint,
        }
    }
}
