//! EODH as data: its descriptor, its environments, and the forms of its keys and ids.

use url::Url;

use crate::api::{
    Capabilities, ExpiryInput, Field, FieldKind, LifetimeRange, S3Mode, S3Offer, SignInWay, Support,
};
use crate::error::{Error, ErrorCode};
use crate::platform::connection::{invalid, normalise};
use crate::platform::descriptor::{
    Descriptor, FieldSpec, KeyHeader, NOTHING, ScopeSpec, TileSpec, field,
};

/// Environments and their hubs.
const HUBS: [(&str, &str); 3] = [
    ("production", "https://eodatahub.org.uk"),
    ("staging", "https://staging.eodatahub.org.uk"),
    ("test", "https://test.eodatahub.org.uk"),
];
/// Another name of the production hub.
const PRODUCTION_ALIAS: &str = "prod.eodatahub.org.uk";
/// Every API token begins with these bytes: ASCII `EODH` in hex.
const KEY_MAGIC: &str = "454f4448";
/// What EODH is and can do (platforms.md A.8, F).
pub static DESCRIPTOR: Descriptor = Descriptor {
    id: "eodh",
    name: "UK EO Data Hub",
    badge: "EO",
    subtitle: "UK Earth Observation Data Hub",
    key_hint: "API Key: 32 characters, beginning with 454f4448. The Token ID is not the key.",
    fields: &[
        FieldSpec {
            key: "environment",
            label: "Environment",
            kind: FieldKind::Choice,
            options: &["production", "staging", "test", "custom"],
            default: Some("production"),
            required: true,
            help: "Which of the hubs your account is at.",
        },
        field("hub", "Hub address", FieldKind::Url, "For a custom hub: its https address.")
            .optional(),
        field(
            "client_id",
            "Client ID",
            FieldKind::Text,
            "Only if the hub's operators registered Wayleave for you: allows signing in with your \
             own browser.",
        )
        .optional(),
    ],
    tiles: &[TileSpec {
        name: "UK EO Data Hub",
        subtitle: "eodatahub.org.uk",
        connection: &[("environment", "production")],
    }],
    ways: &[SignInWay::Browser, SignInWay::Device, SignInWay::Portal, SignInWay::Paste],
    lifetime: Some(LifetimeRange { min: 1, max: 30, default: 30 }),
    name_max: crate::api::NAME_MAX,
    names_are_ids: false,
    first_key: "",
    key_header: KeyHeader::Authorization("Bearer"),
    bearer: true,
    qgis: true,
    parts: &[(Field::ApiKey, "API Key")],
    owners: false,
    scope: ScopeSpec { label: "Workspace", typed: true },
    expiry: ExpiryInput::Days,
    permissions: None,
    s3: Some(S3Offer { mode: S3Mode::Requested, seconds: Some(3600) }),
    session: None,
    templates: &[],
    as_person: Capabilities {
        issue: Support::Yes,
        list: Support::Yes,
        revoke: Support::Yes,
        s3: Support::Yes,
        ..NOTHING
    },
    as_key: Capabilities {
        issue: Support::Unknown,
        list: Support::Unknown,
        revoke: Support::Unknown,
        s3: Support::Unknown,
        ..NOTHING
    },
};

/// Which hub is meant: a known environment, or the address given.
pub fn locate(
    environment: Option<String>,
    hub: Option<String>,
) -> Result<(Option<String>, Url), Error> {
    let known = |name: &str| HUBS.iter().find(|(environment, _)| *environment == name);
    match (environment.as_deref(), hub) {
        (Some("custom") | None, Some(hub)) => {
            let hub = normalise(&hub)?;
            let environment = HUBS
                .iter()
                .find(|(_, known)| hub.as_str().trim_end_matches('/') == *known)
                .map(|(environment, _)| (*environment).to_owned());
            let alias = hub.host_str() == Some(PRODUCTION_ALIAS);
            Ok((environment.or_else(|| alias.then(|| "production".into())), hub))
        }
        (Some("custom") | None, None) => {
            Err(Error::new(ErrorCode::InvalidAddress, "a custom hub needs its address")
                .with("field", "hub"))
        }
        (Some(name), _) => match known(name) {
            Some((name, hub)) => Ok((Some((*name).to_owned()), normalise(hub)?)),
            None => Err(invalid("there is no such environment", "environment")),
        },
    }
}

/// `^454f4448[0-9a-f]{24}$`
pub fn is_key(text: &str) -> bool {
    let hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    text.len() == 32 && text.starts_with(KEY_MAGIC) && text.bytes().all(hex)
}
