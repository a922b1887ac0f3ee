//! What happens to credentials that are in the vault: verify, revoke, forget, rename.

use std::future::Future;

use jiff::Timestamp;

use super::Engine;
use super::handle::Reply;
use super::issuing::Heard;
use super::keeper::Keeper;
use super::records::relabel;
use super::rules::check_name;
use super::sessions::{Access, open_access};
use crate::api::{
    ActivityKind, Answer, CredentialView, HistoryEvent, OnForget, Support, VerifyCause, VerifyView,
};
use crate::credential::{AccountId, CredentialId, CredentialKind, CredentialMeta};
use crate::error::{Error, ErrorCode, Result};
use crate::host::Host;
use crate::platform::{Asked, KeyState, Kind, Operation, Platform, Revoked, learn, verify_cause};
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
        if !meta.kind.is_lasting() {
            let ok = meta.expires.is_none_or(|end| end > self.clock.now());
            let cause = if ok { VerifyCause::Ok } else { VerifyCause::Expired };
            return reply.answer(Ok(Answer::Verified(VerifyView { id, ok, cause })));
        }
        let ready = self.check_exchange(meta.account).and_then(|()| self.as_key(meta.account, id));
        let access = match ready {
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
                engine.note_attempt(meta.account, is_refused(&state));
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
        let found = self.state.credential(id).cloned();
        if let Ok(meta) = &found
            && meta.kind == CredentialKind::SessionToken
        {
            return self.end_token(meta.clone(), reply);
        }
        let ready = found.and_then(|meta| {
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
        if meta.kind == CredentialKind::S3 {
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
            self.not_supported(meta.account, "revoke a token whose id is not known")
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

    pub(super) fn view_of(&self, id: CredentialId) -> Result<CredentialView> {
        let meta = self.state.credential(id)?;
        Ok(self.state.credential_view(self.clock.now(), meta))
    }

    /// Takes a credential out of the vault. A token that still works is a question first.
    pub(super) fn forget(&mut self, id: CredentialId, unexpired: OnForget, reply: Reply) {
        let meta = match self.state.credential(id) {
            Ok(meta) => meta.clone(),
            Err(error) => return reply.answer(Err(error)),
        };
        let lives = meta.kind.is_lasting()
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

    /// Where keys are exchanged by a login, a wrong one is not tried again and again.
    pub(super) fn check_exchange(&self, account: AccountId) -> Result<()> {
        let (platform, _) = self.connection(account)?;
        match platform.descriptor().session {
            Some(_) => self.check_attempts(account),
            None => Ok(()),
        }
    }
}

/// Whether the platform does not accept the key.
fn is_refused(state: &Asked<KeyState>) -> bool {
    match state {
        Ok(state) => *state == KeyState::NotAccepted,
        Err(error) => error.kind == Kind::Unauthenticated,
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
