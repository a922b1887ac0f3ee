//! What happens to credentials that are in the vault: verify, revoke, forget, rename, paste,
//! and comparing them with what lives on the platform.

use std::future::Future;

use jiff::Timestamp;

use super::handle::Reply;
use super::issuing::Heard;
use super::keeper::Keeper;
use super::records::{put_credential, relabel};
use super::rules::check_name;
use super::sessions::{Access, open_access, session_of};
use super::{Engine, disclosing, fresh_id};
use crate::api::{
    ActivityKind, Answer, CredentialView, Disclosure, ExpiryInput, HistoryEvent, OnForget,
    PastedKey, Support, VerifyCause, VerifyView,
};
use crate::credential::{
    AccountId, CredentialId, CredentialKind, CredentialMeta, CredentialSecret, Field,
};
use crate::error::{Error, ErrorCode, Result};
use crate::host::Host;
use crate::platform::connection::is_visible;
use crate::platform::{
    AnyPlatform, Asked, Auth, Introduction, KeyForm, KeyState, Kind, Operation, Platform,
    PlatformError, Revoked, learn, verify_cause,
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

    /// Stores a key that the user brought. The same key again updates what is known about it.
    /// Where a key is the sign-in, the platform is asked first whose it is; one that it does not
    /// accept is not stored.
    pub(super) fn paste_key(
        &mut self,
        key: Disclosed,
        secret_key: Option<Disclosed>,
        about: PastedKey,
        reply: Reply,
    ) {
        let ready = self.pasted(&key, secret_key.as_ref(), &about).and_then(|meta| {
            let (platform, connection) = self.connection(meta.account)?;
            self.check_exchange(meta.account)?;
            Ok((meta, platform, connection))
        });
        let (meta, platform, connection) = match ready {
            Ok(ready) => ready,
            Err(error) => return reply.disclose(Err(error)),
        };
        let others: Vec<CredentialMeta> = self
            .state
            .credentials
            .values()
            .filter(|other| other.account == meta.account && other.kind == meta.kind)
            .cloned()
            .collect();
        let (keeper, http) = (self.keeper.clone(), self.sessions.http.clone());
        let secret = pasted_secret(&key, secret_key.as_ref());
        let account = meta.account;
        let store = async move {
            let introduction = if platform.descriptor().key_is_sign_in() {
                let session = session_of(copy(&secret, meta.kind)?, connection, http)?;
                Some(platform.introduce(&session).await.map_err(not_accepted)?)
            } else {
                None
            };
            let meta = introduced(meta, introduction.as_ref());
            let meta = match same_key(&keeper, &others, &secret).await? {
                Some(known) => CredentialMeta {
                    id: known.id,
                    platform_id: meta.platform_id.or(known.platform_id),
                    ..meta
                },
                None => meta,
            };
            keeper.commit(vec![put_credential(&meta, &secret)?]).await?;
            Ok((meta, introduction))
        };
        self.work(store, move |engine, stored: Result<(CredentialMeta, Option<Introduction>)>| {
            let refused = matches!(&stored, Err(error) if error.code == ErrorCode::SignInRefused);
            engine.note_attempt(account, refused);
            reply.disclose(stored.and_then(|(meta, introduction)| {
                let meta = engine.with_what_the_list_told(meta);
                engine.store_in_state(meta.clone());
                engine.note(HistoryEvent::Pasted, &meta, None);
                engine.take_introduction(&meta, introduction, about.username);
                engine.confirm_ends(meta.account);
                engine.view_of(meta.id).map(Disclosure::Credential)
            }));
        });
    }

    /// What was told about the account of a pasted key, by the platform or the user.
    fn take_introduction(
        &mut self,
        meta: &CredentialMeta,
        introduction: Option<Introduction>,
        username: Option<String>,
    ) {
        let typed = username.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        let Ok(account) = self.state.account_mut(meta.account) else { return };
        if let Some(introduction) = introduction {
            let Introduction { username, scope, permissions, findings, own: _ } = introduction;
            account.meta.key = Some(meta.id);
            account.meta.username = username.or(typed).or_else(|| account.meta.username.take());
            account.meta.workspaces = scope.into_iter().collect();
            account.meta.permissions = permissions;
            account.meta.learned.forget(Auth::Key);
            for (operation, finding) in findings {
                account.meta.learned.note(Auth::Key, operation, finding);
            }
        } else if typed.is_some() {
            account.meta.username = typed;
        }
        self.refresh_facts(meta.account);
        self.persist_account(meta.account);
    }

    /// Where keys are exchanged by a login, a wrong one is not tried again and again.
    pub(super) fn check_exchange(&self, account: AccountId) -> Result<()> {
        let (platform, _) = self.connection(account)?;
        match platform.descriptor().session {
            Some(_) => self.check_attempts(account),
            None => Ok(()),
        }
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

    fn pasted(
        &self,
        key: &Disclosed,
        secret_key: Option<&Disclosed>,
        about: &PastedKey,
    ) -> Result<CredentialMeta> {
        self.state.need_open()?;
        let (platform, _) = self.connection(about.account)?;
        let descriptor = platform.descriptor();
        // Where the platform lists the key, it has a name there.
        let nameless = descriptor.key_is_sign_in() && about.name.trim().is_empty();
        let name = if nameless { descriptor.parts[0].1 } else { about.name.as_str() };
        check_name(name)?;
        check_form(platform, key, secret_key)?;
        let workspace = about.workspace.trim();
        if descriptor.scope.typed
            && (workspace.is_empty() || workspace.chars().any(|c| c.is_control() || c == '/'))
        {
            return Err(Error::new(ErrorCode::InvalidInput, "which workspace does the key open?")
                .with("field", "workspace"));
        }
        if about.expires.is_some_and(|end| end <= self.clock.now()) {
            return Err(Error::new(ErrorCode::InvalidInput, "the key has ended already")
                .with("field", "expires"));
        }
        let kind = descriptor.key_kind();
        let public = (kind == CredentialKind::KeyPair)
            .then(|| key.expose_text().map(|text| text.trim().to_owned()))
            .flatten();
        Ok(CredentialMeta {
            id: fresh_id(),
            kind,
            name: name.to_owned(),
            account: about.account,
            workspace: workspace.into(),
            platform_id: about.token_id.clone().filter(|id| !id.trim().is_empty()).or(public),
            created: about.made,
            expires: about.expires,
            end_confirmed: descriptor.expiry == ExpiryInput::None,
            revoked: None,
            verified: None,
            s3: None,
            permissions: Vec::new(),
            owner: about.owner.clone(),
        })
    }
}

/// Whether the platform does not accept the key.
fn is_refused(state: &Asked<KeyState>) -> bool {
    match state {
        Ok(state) => *state == KeyState::NotAccepted,
        Err(error) => error.kind == Kind::Unauthenticated,
    }
}

/// Refuses what cannot be a key of this platform.
fn check_form(
    platform: AnyPlatform,
    key: &Disclosed,
    secret_key: Option<&Disclosed>,
) -> Result<()> {
    let wrong = |field: &str| {
        Err(Error::new(ErrorCode::InvalidInput, "that cannot be a key").with("field", field))
    };
    match platform.recognise_key(key.expose_text().unwrap_or_default().trim()) {
        KeyForm::TokenId => {
            return Err(Error::new(
                ErrorCode::TokenIdNotKey,
                "that is a Token ID, the name of a key, not the key",
            )
            .with("field", "key"));
        }
        KeyForm::Unusable => return wrong("key"),
        KeyForm::Key | KeyForm::Odd => {}
    }
    let parts = platform.descriptor().parts.len();
    match secret_key {
        None if parts > 1 => Err(Error::new(ErrorCode::InvalidInput, "the secret key is missing")
            .with("field", "secret_key")),
        Some(_) if parts == 1 => wrong("secret_key"),
        Some(second) => {
            let text = second.expose_text().unwrap_or_default().trim();
            let fine = !text.is_empty() && text.len() <= 4096 && is_visible(text);
            if fine { Ok(()) } else { wrong("secret_key") }
        }
        None => Ok(()),
    }
}

fn pasted_secret(key: &Disclosed, secret_key: Option<&Disclosed>) -> CredentialSecret {
    let trimmed = |text: &Disclosed| Secret::new(text.expose().trim_ascii().to_vec());
    match secret_key {
        Some(secret_key) => {
            CredentialSecret::KeyPair { api_key: trimmed(key), secret_key: trimmed(secret_key) }
        }
        None => CredentialSecret::ApiToken(trimmed(key)),
    }
}

fn copy(secret: &CredentialSecret, kind: CredentialKind) -> Result<CredentialSecret> {
    CredentialSecret::from_body(kind, &secret.to_body())
        .ok_or_else(|| Error::internal("a key cannot be copied"))
}

/// A key that the platform refuses is a sign-in that was refused: nothing was stored.
fn not_accepted(error: PlatformError) -> Error {
    let refused = error.kind == Kind::Unauthenticated;
    let error = Error::from(error);
    if refused { Error { code: ErrorCode::SignInRefused, ..error } } else { error }
}

/// What the platform told stands over what the user said.
fn introduced(meta: CredentialMeta, introduction: Option<&Introduction>) -> CredentialMeta {
    let Some(Introduction { scope, own, .. }) = introduction else { return meta };
    let (workspace, s3) = match scope {
        Some(scope) => (scope.name.clone(), scope.s3.clone()),
        None => (meta.workspace, meta.s3),
    };
    let meta = CredentialMeta { workspace, s3, ..meta };
    let Some(own) = own else { return meta };
    CredentialMeta {
        name: if own.name.is_empty() { meta.name } else { own.name.clone() },
        platform_id: own.id.clone().or(meta.platform_id),
        created: own.created.or(meta.created),
        expires: own.expires.or(meta.expires),
        end_confirmed: meta.end_confirmed || own.expires.is_some(),
        permissions: own.permissions.clone(),
        ..meta
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
    pasted: &CredentialSecret,
) -> Result<Option<CredentialMeta>> {
    let Some(key) = pasted.field(Field::ApiKey) else { return Ok(None) };
    for other in others {
        let secret = disclosing::open(keeper, other.id, other.kind).await?;
        let same = secret.field(Field::ApiKey).is_some_and(|known| known.matches(key.expose()));
        if same {
            return Ok(Some(other.clone()));
        }
    }
    Ok(None)
}
