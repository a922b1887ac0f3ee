//! What happens to credentials that are in the vault: verify, revoke, forget, rename, paste,
//! and comparing them with what lives on the platform.

use std::future::Future;

use jiff::Timestamp;

use super::handle::Reply;
use super::issuing::{Heard, check_name};
use super::keeper::Keeper;
use super::records::{put_credential, relabel};
use super::sessions::{Access, open_access};
use super::{Engine, disclosing, fresh_id};
use crate::api::{
    ActivityKind, Answer, CredentialView, Disclosure, HistoryEvent, OnForget, PastedKey, Support,
    VerifyCause, VerifyView,
};
use crate::credential::{CredentialId, CredentialKind, CredentialMeta, CredentialSecret, Field};
use crate::error::{Error, ErrorCode, Result};
use crate::host::Host;
use crate::platform::{
    Asked, KeyForm, KeyState, Operation, Platform, Revoked, learn, verify_cause,
};
use crate::secret::{Disclosed, Secret};
use crate::vault::Change;

impl<H: Host> Engine<H> {
    /// Asks the platform about a credential, at its own workspace. S3 credentials are judged by
    /// their end: the platform has no way to ask about them (platforms.md A.4).
    pub(super) fn verify(&mut self, id: CredentialId, reply: Reply) {
        let found = self.state.credential(id).cloned();
        let meta = match found {
            Ok(meta) => meta,
            Err(error) => return reply.answer(Err(error)),
        };
        if meta.kind == CredentialKind::S3 {
            let ok = meta.expires.is_none_or(|end| end > self.clock.now());
            let cause = if ok { VerifyCause::Ok } else { VerifyCause::Expired };
            return reply.answer(Ok(Answer::Verified(VerifyView { id, ok, cause })));
        }
        let access = match self.as_key(meta.account, id) {
            Ok(access) => access,
            Err(error) => return reply.answer(Err(error)),
        };
        let (activity, cancelled) =
            self.begin(None, ActivityKind::Verify, Some(meta.account), Some(id));
        let keeper = self.keeper.clone();
        let (workspace, host) = (meta.workspace.clone(), access.connection.host().to_owned());
        let ask = async move {
            let platform = access.platform;
            let session = open_access(&keeper, access).await?;
            tokio::select! {
                state = platform.verify(&session, &workspace) => Ok(state),
                _ = cancelled => Err(Error::new(ErrorCode::Cancelled, "the check was cancelled")),
            }
        };
        self.work(ask, move |engine, asked: Result<Asked<KeyState>>| {
            engine.end(activity);
            let now = engine.clock.now();
            let skew = engine.sessions.http.skew(&host).unwrap_or(0);
            reply.answer(asked.map(|state| {
                let cause = verify_cause(&state, meta.expires, now, skew);
                engine.state.offline = cause == VerifyCause::Offline;
                engine.verified(&meta, cause, now);
                Answer::Verified(VerifyView { id, ok: cause == VerifyCause::Ok, cause })
            }));
        });
    }

    fn verified(&mut self, meta: &CredentialMeta, cause: VerifyCause, now: Timestamp) {
        match cause {
            VerifyCause::Ok => {
                self.note(HistoryEvent::Verified, meta, None);
                self.change_meta(meta.id, |meta| meta.verified = Some(now));
            }
            VerifyCause::Expired
            | VerifyCause::Revoked
            | VerifyCause::WrongWorkspace
            | VerifyCause::WrongEnvironment
            | VerifyCause::NotPermitted => self.note(HistoryEvent::Refused, meta, None),
            VerifyCause::Clock | VerifyCause::Tls | VerifyCause::Offline | VerifyCause::Server => {}
        }
    }

    /// Changes what is known about a credential, and keeps it.
    pub(super) fn change_meta(
        &mut self,
        id: CredentialId,
        change: impl FnOnce(&mut CredentialMeta),
    ) {
        let Some(meta) = self.state.credentials.get_mut(&id) else { return };
        let before = meta.clone();
        change(meta);
        if *meta == before {
            return;
        }
        match relabel(meta) {
            Ok(change) => self.persist(vec![change]),
            Err(error) => self.alert(error, None, Some(id)),
        }
    }

    pub(super) fn revoke(&mut self, id: CredentialId, reply: Reply) {
        let ready = self.state.credential(id).cloned().and_then(|meta| {
            let job = self.revocation(&meta)?;
            Ok((meta, job))
        });
        let (meta, job) = match ready {
            Ok(ready) => ready,
            Err(error) => return reply.answer(Err(error)),
        };
        let account = Some(meta.account);
        let (activity, _) = self.begin(None, ActivityKind::Revoke, account, Some(id));
        self.commit_to(activity);
        self.work(job, move |engine, heard: Result<Heard<Revoked>>| {
            engine.end(activity);
            let revoked = heard.and_then(|heard| engine.take_heard(meta.account, heard));
            let told = revoked.and_then(|_| {
                engine.mark_revoked(&meta);
                engine.view_of(meta.id).map(Answer::Credential)
            });
            engine.after_commits(move |_| reply.answer(told));
        });
    }

    /// The work of revoking a token; it runs to its end once begun.
    pub(super) fn revocation(
        &self,
        meta: &CredentialMeta,
    ) -> Result<impl Future<Output = Result<Heard<Revoked>>> + Send + use<H>> {
        if meta.kind != CredentialKind::ApiToken {
            return Err(Error::new(
                ErrorCode::NotSupported,
                "S3 credentials cannot be revoked; they end by themselves",
            ));
        }
        let account = self.state.account(meta.account)?;
        if account.facts.capabilities.revoke == Support::No {
            return Err(self.not_supported(meta.account, "revoke tokens"));
        }
        let token = meta.platform_id.clone().ok_or_else(|| {
            self.not_supported(meta.account, "revoke a token whose Token ID is not known")
        })?;
        // A token revokes itself where nothing else can: it is the last thing it does.
        let access = self
            .access(meta.account, Some(&meta.workspace))
            .or_else(|_| self.as_key(meta.account, meta.id))?;
        let permit = self.keeper.permit()?;
        let keeper = self.keeper.clone();
        let workspace = meta.workspace.clone();
        Ok(async move {
            let heard = revoke_at(&keeper, access, &workspace, &token).await;
            drop(permit);
            heard
        })
    }

    pub(super) fn mark_revoked(&mut self, meta: &CredentialMeta) {
        let now = self.clock.now();
        self.note(HistoryEvent::Revoked, meta, None);
        self.change_meta(meta.id, |meta| meta.revoked = Some(now));
        self.refresh_facts(meta.account);
    }

    fn view_of(&self, id: CredentialId) -> Result<CredentialView> {
        let meta = self.state.credential(id)?;
        Ok(self.state.credential_view(self.clock.now(), meta))
    }

    /// Takes a credential out of the vault. A token that still works is a question first.
    pub(super) fn forget(&mut self, id: CredentialId, unexpired: OnForget, reply: Reply) {
        let meta = match self.state.credential(id) {
            Ok(meta) => meta.clone(),
            Err(error) => return reply.answer(Err(error)),
        };
        let lives = meta.kind == CredentialKind::ApiToken
            && meta.revoked.is_none()
            && meta.expires.is_none_or(|end| end > self.clock.now());
        match unexpired {
            OnForget::Ask if lives => {
                let mut still = Error::new(
                    ErrorCode::StillValid,
                    "the token has not ended: it goes on working on the platform",
                );
                if let Some(end) = meta.expires {
                    still = still.with("expires", end);
                }
                reply.answer(Err(still));
            }
            OnForget::Revoke if lives => {
                let job = match self.revocation(&meta) {
                    Ok(job) => job,
                    Err(error) => return reply.answer(Err(error)),
                };
                self.work(job, move |engine, heard: Result<Heard<Revoked>>| {
                    match heard.and_then(|heard| engine.take_heard(meta.account, heard)) {
                        Ok(_) => {
                            engine.mark_revoked(&meta);
                            engine.take_out(meta, reply);
                        }
                        Err(error) => reply.answer(Err(error)),
                    }
                });
            }
            OnForget::Ask | OnForget::Revoke | OnForget::Keep => self.take_out(meta, reply),
        }
    }

    /// Removes the record; the line of history keeps name, id, workspace and end.
    fn take_out(&mut self, meta: CredentialMeta, reply: Reply) {
        let mut changes = vec![Change::Remove { id: meta.id }];
        changes.extend(self.history_line(HistoryEvent::Forgotten, &meta, None));
        self.work(self.keeper.commit(changes), move |engine, removed| {
            if removed.is_ok() {
                engine.state.credentials.remove(&meta.id);
                engine.state.missing.remove(&meta.id);
                engine.refresh_facts(meta.account);
            }
            reply.answer(removed.map(|()| Answer::Done));
        });
    }

    pub(super) fn rename(&mut self, id: CredentialId, name: String, reply: Reply) {
        let ready = check_name(&name).and_then(|()| self.state.credential(id).cloned());
        match ready {
            Ok(meta) => self.rename_to(meta, name, reply),
            Err(error) => reply.answer(Err(error)),
        }
    }

    /// The state has the new name at once, so that nothing else writes the old one over it; it goes
    /// back where the vault could not take it.
    fn rename_to(&mut self, old: CredentialMeta, name: String, reply: Reply) {
        let mut changes =
            Vec::from_iter(self.history_line(HistoryEvent::Renamed, &old, Some(&name)));
        let renamed = CredentialMeta { name, ..old.clone() };
        match relabel(&renamed) {
            Ok(change) => changes.push(change),
            Err(error) => return reply.answer(Err(error)),
        }
        self.state.credentials.insert(old.id, renamed);
        self.persist_then(changes, move |engine, kept| {
            if let (Err(_), Some(meta)) = (&kept, engine.state.credentials.get_mut(&old.id)) {
                meta.name.clone_from(&old.name);
            }
            reply.answer(kept.and_then(|()| engine.view_of(old.id).map(Answer::Credential)));
        });
    }

    /// Stores a key that the user brought. The same key again updates what is known about it.
    pub(super) fn paste_key(&mut self, key: Disclosed, about: PastedKey, reply: Reply) {
        let meta = match self.pasted(&key, &about) {
            Ok(meta) => meta,
            Err(error) => return reply.disclose(Err(error)),
        };
        let others: Vec<CredentialMeta> = self
            .state
            .credentials
            .values()
            .filter(|other| other.account == meta.account && other.kind == meta.kind)
            .cloned()
            .collect();
        let keeper = self.keeper.clone();
        let key = Secret::new(key.expose().trim_ascii().to_vec());
        let store = async move {
            let meta = match same_key(&keeper, &others, &key).await? {
                Some(known) => CredentialMeta {
                    id: known.id,
                    platform_id: meta.platform_id.or(known.platform_id),
                    ..meta
                },
                None => meta,
            };
            let put = put_credential(&meta, &CredentialSecret::ApiToken(key))?;
            keeper.commit(vec![put]).await?;
            Ok(meta)
        };
        self.work(store, move |engine, stored: Result<CredentialMeta>| {
            reply.disclose(stored.and_then(|meta| {
                let meta = engine.with_what_the_list_told(meta);
                engine.store_in_state(meta.clone());
                engine.note(HistoryEvent::Pasted, &meta, None);
                if let (Some(name), Ok(account)) =
                    (about.username, engine.state.account_mut(meta.account))
                {
                    account.meta.username = Some(name.trim().to_owned()).filter(|n| !n.is_empty());
                    engine.persist_account(meta.account);
                }
                engine.confirm_ends(meta.account);
                engine.view_of(meta.id).map(Disclosure::Credential)
            }));
        });
    }

    /// A key that is pasted again keeps what the platform has told about it meanwhile.
    fn with_what_the_list_told(&mut self, meta: CredentialMeta) -> CredentialMeta {
        let told = self.state.credentials.get(&meta.id).filter(|known| known.end_confirmed);
        let Some(known) = told.cloned() else { return meta };
        let kept = CredentialMeta {
            platform_id: meta.platform_id.clone().or(known.platform_id),
            created: known.created,
            expires: known.expires,
            end_confirmed: true,
            ..meta.clone()
        };
        if kept != meta {
            self.persist(relabel(&kept).into_iter().collect());
        }
        kept
    }

    fn pasted(&self, key: &Disclosed, about: &PastedKey) -> Result<CredentialMeta> {
        self.state.need_open()?;
        let (platform, _) = self.connection(about.account)?;
        check_name(&about.name)?;
        let text = key.expose_text().unwrap_or_default().trim();
        match platform.recognise_key(text) {
            KeyForm::TokenId => {
                return Err(Error::new(
                    ErrorCode::TokenIdNotKey,
                    "that is a Token ID, the name of a key, not the key",
                )
                .with("field", "key"));
            }
            KeyForm::Unusable => {
                return Err(Error::new(ErrorCode::InvalidInput, "that cannot be a key")
                    .with("field", "key"));
            }
            KeyForm::Key | KeyForm::Odd => {}
        }
        let workspace = about.workspace.trim();
        if workspace.is_empty() || workspace.chars().any(|c| c.is_control() || c == '/') {
            return Err(Error::new(ErrorCode::InvalidInput, "which workspace does the key open?")
                .with("field", "workspace"));
        }
        if about.expires.is_some_and(|end| end <= self.clock.now()) {
            return Err(Error::new(ErrorCode::InvalidInput, "the key has ended already")
                .with("field", "expires"));
        }
        Ok(CredentialMeta {
            id: fresh_id(),
            kind: CredentialKind::ApiToken,
            name: about.name.clone(),
            account: about.account,
            workspace: workspace.into(),
            platform_id: about.token_id.clone().filter(|id| !id.trim().is_empty()),
            created: about.made,
            expires: about.expires,
            end_confirmed: false,
            revoked: None,
            verified: None,
            s3: None,
        })
    }
}

pub(super) async fn revoke_at(
    keeper: &Keeper,
    access: Access,
    workspace: &str,
    token: &str,
) -> Result<Heard<Revoked>> {
    let platform = access.platform;
    let session = open_access(keeper, access).await?;
    let asked = platform.revoke(&session, workspace, token).await;
    let finding = learn(platform, &session, workspace, Operation::Revoke, &asked).await;
    Ok(Heard {
        auth: session.auth(),
        learned: Some((Operation::Revoke, finding)),
        outcome: asked.map_err(Error::from),
    })
}

/// The credential that holds this very key, if one does.
async fn same_key(
    keeper: &Keeper,
    others: &[CredentialMeta],
    key: &Secret,
) -> Result<Option<CredentialMeta>> {
    for other in others {
        let secret = disclosing::open(keeper, other.id, other.kind).await?;
        let same = secret.field(Field::ApiKey).is_some_and(|known| known.matches(key.expose()));
        if same {
            return Ok(Some(other.clone()));
        }
    }
    Ok(None)
}
