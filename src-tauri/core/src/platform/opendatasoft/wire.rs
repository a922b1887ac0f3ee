//! Opendatasoft as data: its descriptor, and what the Automation API sends and takes.

use serde::{Deserialize, Serialize};

use crate::api::{Capabilities, CredentialKind, ExpiryInput, Field, FieldKind, SignInWay, Support};
use crate::platform::descriptor::{
    Descriptor, KeyHeader, NOTHING, PermissionSpec, ScopeSpec, TemplateSpec, TileSpec, field,
};
use crate::platform::http::parse_time;
use crate::platform::lenient::{count, secret, text, texts};
use crate::platform::{RemoteToken, Revocation};
use crate::secret::Secret;

/// What Opendatasoft is and can do (platforms.md C.6). What a key may do is learned.
pub static DESCRIPTOR: Descriptor = Descriptor {
    id: "opendatasoft",
    name: "Opendatasoft",
    badge: "OD",
    subtitle: "Data portal on Opendatasoft or Huwise",
    key_hint: "API key: a long text in letters and digits.",
    first_key: "On the portal: your account, API keys.",
    fields: &[field(
        "domain",
        "Portal",
        FieldKind::Host,
        "The portal's address, or its name alone: fenland is fenland.opendatasoft.com.",
    )],
    tiles: &[TileSpec {
        name: "Opendatasoft",
        subtitle: "A data portal on Opendatasoft or Huwise",
        connection: &[],
    }],
    ways: &[SignInWay::Paste],
    key_header: KeyHeader::Authorization("Apikey"),
    bearer: false,
    qgis: false,
    parts: &[(Field::ApiKey, "API key")],
    owners: false,
    scope: ScopeSpec { label: "Portal", typed: false },
    expiry: ExpiryInput::None,
    lifetime: None,
    name_max: 128,
    names_are_ids: false,
    permissions: Some(PermissionSpec {
        all: &[
            ("edit_domain", "Manage the portal"),
            ("create_page", "Create pages"),
            ("edit_page", "Edit pages"),
            ("manage_page", "Manage pages"),
            ("explore_restricted_page", "See restricted pages"),
            ("create_dataset", "Create datasets"),
            ("edit_dataset", "Edit datasets"),
            ("publish_dataset", "Publish datasets"),
            ("manage_dataset", "Manage datasets"),
            ("explore_restricted_dataset", "See restricted datasets"),
            ("edit_reuse", "Edit reuses"),
            ("manage_subdomains", "Manage subdomains"),
            ("explore_monitoring", "See monitoring"),
            ("edit_theme", "Edit the theme"),
            ("edit_form", "Edit forms"),
            ("submit_private_form", "Submit private forms"),
        ],
        preset: &["explore_restricted_dataset"],
    }),
    s3: None,
    session: None,
    templates: &[
        TemplateSpec {
            id: "qgis-header",
            label: "Header value for QGIS (Authorization)",
            of: CredentialKind::ApiToken,
            text: "Apikey {api_key}",
        },
        TemplateSpec {
            id: "qgis-plugin",
            label: "Domain and key for the portal's QGIS plugin",
            of: CredentialKind::ApiToken,
            text: "{host}\n{api_key}\n",
        },
        TemplateSpec {
            id: "curl-config",
            label: "Header line for curl --config",
            of: CredentialKind::ApiToken,
            text: "header = \"Authorization: Apikey {api_key}\"\n",
        },
    ],
    as_person: NOTHING,
    as_key: Capabilities {
        issue: Support::Unknown,
        list: Support::Unknown,
        revoke: Support::Unknown,
        edit: Support::Unknown,
        read_key: Support::Unknown,
        ..NOTHING
    },
};

/// What a key is made of, or changed to.
#[derive(Serialize)]
pub struct Wanted<'a> {
    pub label: &'a str,
    pub permissions: &'a [String],
}

/// Why a key is revoked.
#[derive(Serialize)]
pub struct Reason {
    pub reason: &'static str,
}

/// One page of keys.
#[derive(Deserialize)]
pub struct Page {
    #[serde(default, deserialize_with = "count")]
    pub total_count: Option<u64>,
    #[serde(default, deserialize_with = "text")]
    pub next: Option<String>,
    #[serde(default)]
    pub results: Option<Vec<Key>>,
}

/// `APIKey`. Lists hold the key itself.
#[derive(Deserialize)]
#[allow(clippy::struct_field_names, reason = "the platform's own name")]
pub struct Key {
    #[serde(default, deserialize_with = "text")]
    uid: Option<String>,
    #[serde(default, deserialize_with = "text")]
    label: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    pub key: Option<Secret>,
    #[serde(default, deserialize_with = "texts")]
    permissions: Vec<String>,
    #[serde(default, deserialize_with = "text")]
    created_at: Option<String>,
    #[serde(default)]
    pub user: Option<User>,
    #[serde(default)]
    revocation_status: Option<RevocationStatus>,
    #[serde(default)]
    is_revoked: Option<bool>,
}

/// Whose a key is; also `GET users/{name}/`, as far as it is read.
#[derive(Deserialize)]
pub struct User {
    #[serde(default, deserialize_with = "text")]
    pub username: Option<String>,
    #[serde(default, deserialize_with = "texts")]
    pub permissions: Vec<String>,
}

#[derive(Deserialize)]
struct RevocationStatus {
    #[serde(default, deserialize_with = "text")]
    revoked_at: Option<String>,
    #[serde(default, deserialize_with = "text")]
    revocation_reason: Option<String>,
}

impl Key {
    /// What is known of it. Keys have no end.
    pub fn remote(self, portal: &str) -> RemoteToken {
        let status = self.revocation_status;
        let at = status.as_ref().and_then(|s| s.revoked_at.as_deref()).and_then(parse_time);
        let revoked = self.is_revoked.unwrap_or(at.is_some());
        RemoteToken {
            id: self.uid,
            user_id: self.user.and_then(|user| user.username),
            name: self.label.unwrap_or_default(),
            workspace: portal.to_owned(),
            created: self.created_at.as_deref().and_then(parse_time),
            permissions: self.permissions,
            revoked: revoked
                .then(|| Revocation { at, reason: status.and_then(|s| s.revocation_reason) }),
            ..RemoteToken::default()
        }
    }
}

/// What the platform says of its data, as far as it tells a portal from anything else.
#[derive(Deserialize)]
pub struct Catalogue {
    #[serde(default)]
    pub total_count: Option<serde::de::IgnoredAny>,
}
