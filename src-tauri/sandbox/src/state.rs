//! All that one running sandbox remembers.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::behind::Front;
use crate::clock::Clock;
use crate::controls::{HandedOut, Settings};
use crate::oidc::keys::Signer;
use crate::oidc::store::OidcStore;
use crate::others::OtherStore;
use crate::portal::session::PortalStore;
use crate::random::Random;
use crate::seen::Record;
use crate::world::Addresses;

/// What every handler gets.
pub(crate) type App = Arc<Shared>;

/// One sandbox.
pub(crate) struct Shared {
    /// The time here.
    pub(crate) clock: Clock,
    /// Ids and secrets.
    pub(crate) random: Random,
    /// The identity provider's key.
    pub(crate) signer: Signer,
    /// Origin of the hub, no slash at the end.
    pub(crate) hub: String,
    /// Origin of S3, no slash at the end.
    pub(crate) s3: String,
    /// Id of the public client.
    pub(crate) client_id: String,
    /// Where the objects lie.
    pub(crate) s3_directory: PathBuf,
    /// The real parts in front of it, if any.
    pub(crate) front: Option<Front>,
    data: Mutex<Data>,
}

/// The part that changes.
#[derive(Default)]
pub(crate) struct Data {
    /// API tokens of everybody.
    pub(crate) tokens: Vec<ApiToken>,
    /// The portal's cookie sessions.
    pub(crate) portal: PortalStore,
    /// The identity provider's sessions, codes and grants.
    pub(crate) oidc: OidcStore,
    /// Live and dead S3 credentials by access key.
    pub(crate) s3: HashMap<String, S3Grant>,
    /// The other platforms.
    pub(crate) others: OtherStore,
    /// What the tests asked for.
    pub(crate) settings: Settings,
    /// Every request so far.
    pub(crate) seen: Record,
    /// Every secret that was given to somebody.
    pub(crate) handed_out: Vec<HandedOut>,
}

/// An API token as the platform keeps it: without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiToken {
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) workspace: String,
    pub(crate) name: String,
    pub(crate) created: i64,
    pub(crate) expires: i64,
    /// SHA-256 of the secret; empty for a token "made elsewhere", whose secret nobody here has.
    pub(crate) fingerprint: String,
}

/// Temporary S3 credentials.
#[derive(Clone)]
pub(crate) struct S3Grant {
    pub(crate) secret_key: String,
    pub(crate) session_token: String,
    pub(crate) workspace: String,
    pub(crate) expires: i64,
}

impl Data {
    /// Notes a secret that leaves the sandbox.
    pub(crate) fn hand_out(&mut self, kind: &'static str, value: &str) {
        self.handed_out.push(HandedOut { kind, value: value.to_owned() });
    }

    /// Every secret that left the sandbox so far.
    pub(crate) fn secrets(&self) -> Vec<HandedOut> {
        let of = |kind| move |value: &String| HandedOut { kind, value: value.clone() };
        let mut all = self.handed_out.clone();
        all.extend(self.portal.values().map(of("portal_session")));
        all.extend(self.oidc.codes.keys().map(of("code")));
        all.extend(self.oidc.devices.keys().map(of("device_code")));
        all
    }
}

impl Shared {
    /// Puts a sandbox together; nothing listens yet.
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            clock: Clock::default(),
            random: parts.random,
            signer: parts.signer,
            hub: parts.hub,
            s3: parts.s3,
            client_id: parts.client_id,
            s3_directory: parts.s3_directory,
            front: parts.front,
            data: Mutex::default(),
        }
    }

    /// The changing part. Held only between awaits; a handler that failed leaves it usable.
    pub(crate) fn data(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The identity provider's issuer.
    pub(crate) fn issuer(&self) -> String {
        format!("{}{}", self.hub, crate::oidc::REALM)
    }

    /// Addresses for a workspace's description.
    pub(crate) fn addresses(&self) -> Addresses<'_> {
        Addresses {
            hub: &self.hub,
            s3_authority: self.s3.strip_prefix("http://").unwrap_or(&self.s3),
        }
    }
}

/// What [`Shared::new`] needs.
pub(crate) struct Parts {
    pub(crate) random: Random,
    pub(crate) signer: Signer,
    pub(crate) hub: String,
    pub(crate) s3: String,
    pub(crate) client_id: String,
    pub(crate) s3_directory: PathBuf,
    pub(crate) front: Option<Front>,
}
