//! Credentials as Wayleave keeps them: what is known about one ([`CredentialMeta`]), and the
//! secret itself ([`CredentialSecret`]). Pure: no I/O, no clock.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorCode};
use crate::secret::Secret;

/// A random 128-bit id, written as 32 hex digits. One type for everything the vault keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(type = "string"))]
pub struct Id(pub [u8; 16]);

/// Names a credential.
pub type CredentialId = Id;
/// Names an account: who is signed in where.
pub type AccountId = Id;

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for Id {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| Error::new(ErrorCode::InvalidInput, "an id is 32 hex digits"))?;
        Ok(Self(bytes))
    }
}

impl Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What kind of credential it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// A workspace API token.
    ApiToken,
    /// Temporary S3 credentials.
    S3,
    /// A pair of an API key and its secret key.
    KeyPair,
    /// A short-lived token that another credential was exchanged for.
    SessionToken,
}

impl CredentialKind {
    /// Whether it lasts until a person ends or replaces it. The others are temporary: they are
    /// renewed in place, and nothing can be listed or revoked of them.
    pub fn is_lasting(self) -> bool {
        matches!(self, Self::ApiToken | Self::KeyPair)
    }
}

/// One thing that can be copied or revealed of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The key itself.
    ApiKey,
    /// The user name that tools ask for beside the key; no secret.
    Username,
    /// The secret key of a pair.
    SecretKey,
    /// A session token itself.
    Token,
    /// `Bearer <key>`, the value of an `Authorization` header.
    BearerHeader,
    /// The platform's id of a token; no secret, and not the key.
    TokenId,
    /// S3: the access key id. Of a pair that opens S3 as it is: its API key.
    AccessKeyId,
    /// S3: the secret access key. Of a pair that opens S3 as it is: its secret key.
    SecretAccessKey,
    /// S3: the session token.
    SessionToken,
}

/// A ready piece of configuration that holds the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Snippet {
    /// `.env` lines: `AWS_…` for S3 credentials.
    Env,
}

/// Where the objects of a workspace live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct S3Location {
    /// Bucket name; empty where the credentials open more than one bucket.
    pub bucket: String,
    /// Key prefix, ending in `/`; empty only where the bucket is one's own or not told. Where a
    /// bucket is shared, a store without a prefix is not ready and has no location.
    pub prefix: String,
    /// AWS region.
    pub region: String,
    /// Endpoint URL where it is not AWS' own.
    pub endpoint: Option<String>,
}

/// All that is known about a credential but its secret. Sealed as the record's label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialMeta {
    /// Our id.
    pub id: CredentialId,
    /// What it is.
    pub kind: CredentialKind,
    /// The user's name for it.
    pub name: String,
    /// Whose it is.
    pub account: AccountId,
    /// The workspace it opens.
    pub workspace: String,
    /// The platform's id, where it gave one ("Token ID" at EODH).
    pub platform_id: Option<String>,
    /// When the platform made it.
    pub created: Option<Timestamp>,
    /// When it ends; `None` when no end is known.
    pub expires: Option<Timestamp>,
    /// Whether `expires` was told by the platform (else by the user).
    pub end_confirmed: bool,
    /// When it was revoked, if it was.
    pub revoked: Option<Timestamp>,
    /// When the platform last accepted it.
    pub verified: Option<Timestamp>,
    /// S3: where its objects are.
    pub s3: Option<S3Location>,
    /// What it may do, in the platform's own words; also such as we do not know.
    #[serde(default)]
    pub permissions: Vec<String>,
    /// Whose it is at the platform, where the user told.
    #[serde(default)]
    pub owner: Option<KeyOwner>,
}

impl CredentialMeta {
    /// A credential without a name, a workspace and an end, of which nothing more is known yet.
    pub const fn new(id: CredentialId, kind: CredentialKind, account: AccountId) -> Self {
        Self {
            id,
            kind,
            name: String::new(),
            account,
            workspace: String::new(),
            platform_id: None,
            created: None,
            expires: None,
            end_confirmed: false,
            revoked: None,
            verified: None,
            s3: None,
            permissions: Vec::new(),
            owner: None,
        }
    }
}

/// Whose a key is at the platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct KeyOwner {
    /// A person or a service account.
    pub kind: OwnerKind,
    /// The name.
    pub name: String,
}

/// What can own a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum OwnerKind {
    /// A person.
    User,
    /// An account for programs.
    ServiceAccount,
}

/// The secret of a credential.
#[derive(Debug)]
pub enum CredentialSecret {
    /// The key.
    ApiToken(Secret),
    /// The three parts of temporary S3 credentials.
    S3 {
        /// `AWS_ACCESS_KEY_ID`.
        access_key_id: Secret,
        /// `AWS_SECRET_ACCESS_KEY`.
        secret_access_key: Secret,
        /// `AWS_SESSION_TOKEN`.
        session_token: Secret,
    },
    /// The two parts of a pair.
    KeyPair {
        /// The API key; public by itself.
        api_key: Secret,
        /// The secret key.
        secret_key: Secret,
    },
    /// The token.
    SessionToken(Secret),
}

impl CredentialSecret {
    /// The body to seal: each part length-prefixed (u32, big endian), in the order of the type.
    pub fn to_body(&self) -> Secret {
        let parts: Vec<&Secret> = match self {
            Self::ApiToken(key) | Self::SessionToken(key) => vec![key],
            Self::KeyPair { api_key, secret_key } => vec![api_key, secret_key],
            Self::S3 { access_key_id, secret_access_key, session_token } => {
                vec![access_key_id, secret_access_key, session_token]
            }
        };
        let size = parts.iter().map(|part| part.len() + 4).sum();
        let mut body = Vec::with_capacity(size);
        for part in parts {
            body.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            body.extend_from_slice(part.expose());
        }
        Secret::new(body)
    }

    /// Reads what [`Self::to_body`] wrote; `None` when it is something else.
    pub fn from_body(kind: CredentialKind, body: &Secret) -> Option<Self> {
        let mut rest = body.expose();
        let mut next = || {
            let (length, tail) = rest.split_at_checked(4)?;
            let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
            let (part, tail) = tail.split_at_checked(length)?;
            rest = tail;
            Some(Secret::new(part.to_vec()))
        };
        Some(match kind {
            CredentialKind::ApiToken => Self::ApiToken(next()?),
            CredentialKind::SessionToken => Self::SessionToken(next()?),
            CredentialKind::KeyPair => Self::KeyPair { api_key: next()?, secret_key: next()? },
            CredentialKind::S3 => Self::S3 {
                access_key_id: next()?,
                secret_access_key: next()?,
                session_token: next()?,
            },
        })
    }

    /// One secret field; `None` for a field that this kind does not have, and for the fields
    /// that are no secret ([`Field::Username`], [`Field::TokenId`]).
    pub fn field(&self, field: Field) -> Option<Secret> {
        match (self, field) {
            (Self::ApiToken(key), Field::ApiKey) | (Self::SessionToken(key), Field::Token) => {
                Some(key.duplicate())
            }
            (Self::KeyPair { api_key, .. }, Field::ApiKey | Field::AccessKeyId) => {
                Some(api_key.duplicate())
            }
            (Self::KeyPair { secret_key, .. }, Field::SecretKey | Field::SecretAccessKey) => {
                Some(secret_key.duplicate())
            }
            (Self::ApiToken(key) | Self::SessionToken(key), Field::BearerHeader) => {
                let mut value = Vec::with_capacity(7 + key.len());
                value.extend_from_slice(b"Bearer ");
                value.extend_from_slice(key.expose());
                Some(Secret::new(value))
            }
            (Self::S3 { access_key_id, .. }, Field::AccessKeyId) => Some(access_key_id.duplicate()),
            (Self::S3 { secret_access_key, .. }, Field::SecretAccessKey) => {
                Some(secret_access_key.duplicate())
            }
            (Self::S3 { session_token, .. }, Field::SessionToken) => {
                Some(session_token.duplicate())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::from_text(text.into())
    }

    #[test]
    fn a_body_round_trips() {
        let s3 = CredentialSecret::S3 {
            access_key_id: secret("ASIA"),
            secret_access_key: secret("s/e+c"),
            session_token: secret("token=="),
        };
        let back = CredentialSecret::from_body(CredentialKind::S3, &s3.to_body()).expect("reads");
        let token = back.field(Field::SessionToken).expect("has one");
        assert_eq!(token.expose_text(), Some("token=="));
    }

    #[test]
    fn a_pair_round_trips_and_opens_s3_as_it_is() {
        let pair = CredentialSecret::KeyPair { api_key: secret("ak"), secret_key: secret("sk") };
        let back = CredentialSecret::from_body(CredentialKind::KeyPair, &pair.to_body());
        let back = back.expect("reads");
        for (field, text) in [
            (Field::ApiKey, "ak"),
            (Field::SecretKey, "sk"),
            (Field::AccessKeyId, "ak"),
            (Field::SecretAccessKey, "sk"),
        ] {
            assert_eq!(back.field(field).expect("has one").expose_text(), Some(text));
        }
        assert!(back.field(Field::SessionToken).is_none());
        assert!(back.field(Field::BearerHeader).is_none());
    }

    #[test]
    fn a_cut_body_is_refused() {
        let body = CredentialSecret::ApiToken(secret("454f4448")).to_body();
        let cut = Secret::new(body.expose()[..body.len() - 1].to_vec());
        assert!(CredentialSecret::from_body(CredentialKind::ApiToken, &cut).is_none());
    }

    #[test]
    fn a_token_has_no_s3_fields() {
        let token = CredentialSecret::ApiToken(secret("454f4448"));
        assert!(token.field(Field::AccessKeyId).is_none());
        let header = token.field(Field::BearerHeader).expect("has one");
        assert_eq!(header.expose_text(), Some("Bearer 454f4448"));
    }
}
