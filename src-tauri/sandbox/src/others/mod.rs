//! The other platforms' routes, small: enough for an adapter to sign in, list, issue and revoke.
//!
//! They live on the hub's origin. Nobody can make a first key there without a browser, so each
//! person has one from the start ([`FirstKeys`]).

mod dataos;
mod opendatasoft;
mod ovh;

use axum::Router;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::state::App;
use crate::world::Person;

/// What the other platforms remember.
#[derive(Default)]
pub(crate) struct OtherStore {
    dataos: dataos::Store,
    opendatasoft: opendatasoft::Store,
    ovh: ovh::Store,
}

/// Their routes.
pub(crate) fn router() -> Router<App> {
    Router::new().merge(dataos::router()).merge(opendatasoft::router()).merge(ovh::router())
}

/// The keys that a person has from the start, the same in every sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FirstKeys {
    /// DataOS: header `apikey`, base address `{hub}/heimdall`, user id = the login name.
    pub dataos: String,
    /// Opendatasoft: header `Authorization: Apikey …`. The key of `demo` may manage keys, that of
    /// `ada` may only read.
    pub opendatasoft: String,
    /// OVH Data Platform: the API key of the pair for `{hub}/iam/login`.
    pub ovh_key: String,
    /// OVH Data Platform: the secret key of the pair.
    pub ovh_secret: String,
}

/// The keys of one person.
pub(crate) fn first_keys(who: &Person) -> FirstKeys {
    let hex: String = who.subject.chars().filter(char::is_ascii_hexdigit).collect();
    FirstKeys {
        dataos: STANDARD.encode(format!("first_key_of_{}.{}", who.username, who.subject)),
        opendatasoft: format!("{hex}{}", hex.get(..24).unwrap_or_default()),
        ovh_key: format!("sandbox-{}-key", who.username),
        ovh_secret: format!("sandbox-{}-secret-{hex}", who.username),
    }
}
