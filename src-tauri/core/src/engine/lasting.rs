//! What is handed out whole lasts long enough to be used: what is about to end is renewed first.

use jiff::SignedDuration;

use super::Engine;
use crate::credential::{CredentialKind, CredentialMeta};
use crate::error::Result;
use crate::host::Host;

/// A session token is renewed when it has less than this left: enough for what it is copied for
/// to begin.
const SESSION_TOKEN: SignedDuration = SignedDuration::from_secs(60);
/// S3 credentials are renewed when they have less than this left: at the latest then the tools that
/// they are handed to would renew them too (botocore, `RefreshableCredentials`).
const S3: SignedDuration = SignedDuration::from_mins(10);

impl<H: Host> Engine<H> {
    /// Goes on with a credential that lasts: the one given, or its row renewed. S3 credentials
    /// that could not be renewed are used to their end.
    pub(super) fn lasting(
        &mut self,
        meta: CredentialMeta,
        then: impl FnOnce(&mut Self, Result<CredentialMeta>) + Send + 'static,
    ) {
        match meta.kind {
            CredentialKind::SessionToken if self.is_spent(&meta) => {
                self.renew_session(meta.account, None, then);
            }
            CredentialKind::S3 if self.ends_within(&meta, S3) => {
                let (account, workspace) = (meta.account, meta.workspace.clone());
                self.mint_s3(account, workspace, None, move |engine, minted| {
                    let ended = engine.ends_within(&meta, SignedDuration::ZERO);
                    let usable = minted.or_else(|e| if ended { Err(e) } else { Ok(meta) });
                    then(engine, usable);
                });
            }
            CredentialKind::ApiToken
            | CredentialKind::KeyPair
            | CredentialKind::SessionToken
            | CredentialKind::S3 => then(self, Ok(meta)),
        }
    }

    /// A session token without a known end may have ended.
    fn is_spent(&self, meta: &CredentialMeta) -> bool {
        meta.revoked.is_some() || meta.expires.is_none() || self.ends_within(meta, SESSION_TOKEN)
    }

    fn ends_within(&self, meta: &CredentialMeta, time: SignedDuration) -> bool {
        let then = self.clock.now().checked_add(time).unwrap_or(jiff::Timestamp::MAX);
        meta.expires.is_some_and(|end| end <= then)
    }
}
