//! DataOS as data: its descriptor, and what Heimdall sends and takes, read leniently.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::api::{
    Capabilities, CredentialKind, ExpiryInput, Field, FieldKind, LifetimeRange, SignInWay, Support,
};
use crate::platform::RemoteToken;
use crate::platform::descriptor::{
    Descriptor, KeyHeader, NOTHING, ScopeSpec, TemplateSpec, TileSpec, field,
};
use crate::platform::http::parse_time;
use crate::platform::lenient::{secrets, text, texts};
use crate::secret::Secret;

/// What is written into a token's description.
const DESCRIPTION: &str = "made by Wayleave";
/// What DataOS is and can do (platforms.md B.5).
pub static DESCRIPTOR: Descriptor = Descriptor {
    id: "dataos",
    name: "DataOS",
    badge: "DO",
    subtitle: "Data platform of your organisation",
    key_hint: "API key token: a long text in letters and digits, often with = at its end.",
    first_key: "In DataOS: Profile, Tokens, Add API Key.",
    fields: &[field(
        "host",
        "DataOS address",
        FieldKind::Host,
        "The host of your DataOS, such as alpha-omega.dataos.app.",
    )],
    tiles: &[TileSpec { name: "DataOS", subtitle: "Your organisation's DataOS", connection: &[] }],
    ways: &[SignInWay::Paste],
    key_header: KeyHeader::Named("apikey"),
    bearer: true,
    qgis: false,
    parts: &[(Field::ApiKey, "API key token")],
    owners: false,
    scope: ScopeSpec { label: "User", typed: false },
    expiry: ExpiryInput::Hours,
    // The longest that its own documents show; a limit is not documented.
    lifetime: Some(LifetimeRange { min: 1, max: 9_999, default: 24 }),
    name_max: 64,
    names_are_ids: true,
    permissions: None,
    s3: None,
    session: None,
    templates: &[
        TemplateSpec {
            id: "apikey-header",
            label: "Header for its gateway (apikey)",
            of: CredentialKind::ApiToken,
            text: "apikey: {api_key}",
        },
        TemplateSpec {
            id: "trino",
            label: "User and password for Trino and JDBC",
            of: CredentialKind::ApiToken,
            text: "user={username}\npassword={api_key}\n",
        },
    ],
    as_person: NOTHING,
    as_key: Capabilities {
        issue: Support::Yes,
        list: Support::Yes,
        revoke: Support::Yes,
        rotate: Support::Yes,
        read_key: Support::Yes,
        ..NOTHING
    },
};

/// `TokenRequest`. `duration` counts whole hours (platforms.md B.2).
#[derive(Serialize)]
pub struct Create<'a> {
    r#type: &'static str,
    name: &'a str,
    duration: String,
    description: &'static str,
}

impl<'a> Create<'a> {
    /// A token of this name, for so long.
    pub fn new(name: &'a str, duration: String) -> Self {
        Self { r#type: "apikey", name, duration, description: DESCRIPTION }
    }
}

/// `RotateTokenRequest`.
#[derive(Serialize)]
pub struct Rotate<'a> {
    pub token: &'a str,
    pub duration: String,
    pub user_id: &'a str,
}

/// What is sent to `authorize`.
#[derive(Serialize)]
pub struct Authorize<'a> {
    pub token: &'a str,
}

/// `AuthorizationResult`.
#[derive(Deserialize)]
pub struct Verdict {
    #[serde(default)]
    pub allow: bool,
    #[serde(default)]
    pub valid: bool,
    #[serde(default)]
    pub result: Option<Who>,
    #[serde(default)]
    pub error: Option<serde::de::IgnoredAny>,
}

/// Whom a verdict names.
#[derive(Deserialize)]
pub struct Who {
    #[serde(default, deserialize_with = "text")]
    pub id: Option<String>,
    #[serde(default, deserialize_with = "texts")]
    pub tags: Vec<String>,
}

/// `TokenV2`.
#[derive(Deserialize)]
pub struct Token {
    #[serde(default, deserialize_with = "secrets")]
    data: BTreeMap<String, Secret>,
    #[serde(default, deserialize_with = "text")]
    expiration: Option<String>,
    #[serde(default, deserialize_with = "text")]
    name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    r#type: Option<String>,
    #[serde(default, deserialize_with = "text")]
    user_id: Option<String>,
}

impl Token {
    /// The key: under its two known names, else the only text, else the one that reads as a key.
    pub fn key(&mut self) -> Option<Secret> {
        let mut data = std::mem::take(&mut self.data);
        for name in ["apikey", "token"] {
            if let Some(key) = data.remove(name) {
                return Some(key);
            }
        }
        let mut rest: Vec<Secret> = data.into_values().collect();
        match rest.len() {
            0 | 1 => rest.pop(),
            _ => rest.into_iter().find(is_key),
        }
    }

    /// What is known of it; `user` is whose list was asked.
    pub fn remote(self, user: &str) -> RemoteToken {
        RemoteToken {
            id: self.name.clone(),
            user_id: self.user_id,
            name: self.name.unwrap_or_default(),
            workspace: user.to_owned(),
            expires: self.expiration.as_deref().and_then(parse_time),
            kind: self.r#type,
            ..RemoteToken::default()
        }
    }
}

/// Whether it decodes to `NAME.UUID`, as every key does.
pub fn is_key(key: &Secret) -> bool {
    let padded = key.expose_text().map(|text| text.trim_end_matches('=')).unwrap_or_default();
    let mut text = padded.as_bytes().to_vec();
    text.resize(text.len().next_multiple_of(4), b'=');
    let decoded = STANDARD.decode(&text).map(Secret::new);
    decoded.is_ok_and(|decoded| {
        decoded.expose_text().and_then(|text| text.rsplit_once('.')).is_some_and(|(name, id)| {
            let hex = |b: u8| b == b'-' || b.is_ascii_hexdigit();
            !name.is_empty() && id.len() == 36 && id.bytes().all(hex)
        })
    })
}
