//! A request whose answer was lost: what may have been made is looked for in the platform's list,
//! kept where its key can be had, and revoked where it is surely ours ([`crate::issuance`]).

use jiff::Timestamp;

use super::keeper::Keeper;
use super::records::put_credential;
use crate::clock::Clock;
use crate::credential::{CredentialKind, CredentialMeta, CredentialSecret};
use crate::error::{Error, ErrorCode, Result};
use crate::issuance::{Intent, Verdict, reconcile};
use crate::platform::{AnyPlatform, Platform, RemoteToken};
use crate::secret::Secret;
use crate::session::Session;
use crate::vault::Change;

/// What became of a request whose answer was lost.
pub(super) enum Settled {
    /// The platform's list shows that nothing was made.
    NotMade,
    /// What was made is in the vault: the platform showed its key again.
    Kept(Box<CredentialMeta>),
    /// What the user must know.
    Told(Error),
}

/// A request whose answer was lost.
pub(super) struct Lost<'a> {
    pub keeper: &'a Keeper,
    pub clock: &'a dyn Clock,
    pub intent: &'a Intent,
}

impl Lost<'_> {
    /// Looks for what was made. What is surely ours is kept where the platform shows its key
    /// again, and revoked where its key is lost; more than one candidate is left alone and
    /// shown.
    pub async fn settle(&self, platform: AnyPlatform, session: &Session) -> Settled {
        let Ok(listed) = platform.tokens(session, &self.intent.workspace).await else {
            // The intent stays, and is settled when the platform answers again.
            return Settled::Told(self.unknown(
                "the answer was lost and the list cannot be read; nothing was sent twice",
            ));
        };
        let told = match reconcile(self.intent, &listed) {
            Verdict::NotMade => Settled::NotMade,
            Verdict::Ours(token) => {
                let id = token.id.clone().unwrap_or_default();
                let read = platform.read_key(session, &self.intent.workspace, &id).await;
                if let Ok((_, key)) = read {
                    return self.keep(&token, key).await.map_or_else(Settled::Told, Settled::Kept);
                }
                match platform.revoke(session, &self.intent.workspace, &id).await {
                    Ok(_) => Settled::Told(
                        self.unknown("the answer was lost; the token that was made was revoked")
                            .with("revoked", true)
                            .with("token_id", id),
                    ),
                    Err(_) => {
                        return Settled::Told(
                            self.unknown("the answer was lost; a token may have been made"),
                        );
                    }
                }
            }
            Verdict::Unclear(tokens) => {
                let ids: Vec<&str> = tokens.iter().filter_map(|t| t.id.as_deref()).collect();
                Settled::Told(
                    self.unknown("the answer was lost, and more than one token may be the one")
                        .with("candidates", ids.join(" ")),
                )
            }
        };
        // Settled; if this fails, it is settled once more at the next unlock.
        let _ = self.keeper.commit(vec![Change::RemoveIntent { id: self.intent.id }]).await;
        told
    }

    /// The token with the key that the platform showed again.
    async fn keep(&self, token: &RemoteToken, key: Secret) -> Result<Box<CredentialMeta>> {
        let meta = meta_of(self.intent, token, self.clock.now());
        let put = put_credential(&meta, &CredentialSecret::ApiToken(key))?;
        self.keeper.commit(vec![put, Change::RemoveIntent { id: self.intent.id }]).await?;
        Ok(Box::new(meta))
    }

    fn unknown(&self, what: &str) -> Error {
        Error::new(ErrorCode::OutcomeUnknown, what)
            .with("name", &self.intent.name)
            .with("workspace", &self.intent.workspace)
    }
}

/// What is known of a token that a request made.
pub(super) fn meta_of(intent: &Intent, token: &RemoteToken, now: Timestamp) -> CredentialMeta {
    CredentialMeta {
        name: intent.name.clone(),
        workspace: intent.workspace.clone(),
        platform_id: token.id.clone(),
        created: token.created.or(Some(now)),
        expires: token.expires,
        end_confirmed: token.expires.is_some(),
        permissions: token.permissions.clone(),
        ..CredentialMeta::new(intent.id, CredentialKind::ApiToken, intent.account)
    }
}
