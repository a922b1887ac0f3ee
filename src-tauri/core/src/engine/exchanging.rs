//! Session tokens: a key is exchanged for one, it is one row that is renewed in place, and it ends
//! by itself or with the key.

use std::future::Future;

use super::handle::Reply;
use super::issuing::Heard;
use super::keeper::Keeper;
use super::records::put_credential;
use super::sessions::{Access, open_access};
use super::{Engine, disclosing, fresh_id};
use crate::api::{Ability, ActivityKind, Answer, Support};
use crate::credential::{AccountId, CredentialKind, CredentialMeta, CredentialSecret, Field, Id};
use crate::error::{ErrorCode, Result};
use crate::host::Host;
use crate::platform::{Finding, Kind, Operation, Platform, PlatformError};
use crate::secret::Secret;

type Changed = Heard<CredentialMeta>;

impl<H: Host> Engine<H> {
    /// Gets a session token for whoever asks.
    pub(super) fn request_session(
        &mut self,
        account: AccountId,
        activity: Option<Id>,
        reply: Reply,
    ) {
        self.renew_session(account, activity, move |engine, renewed| {
            reply.answer(renewed.and_then(|meta| engine.view_of(meta.id).map(Answer::Credential)));
        });
    }

    /// Exchanges the account's key for a session token: one attempt. The token is one row, which
    /// is renewed in place.
    pub(super) fn renew_session(
        &mut self,
        account: AccountId,
        activity: Option<Id>,
        then: impl FnOnce(&mut Self, Result<CredentialMeta>) + Send + 'static,
    ) {
        let ready = self
            .may(account, Ability::Session, None)
            .and_then(|access| self.check_attempts(account).map(|()| access))
            .and_then(|access| Ok((access, self.session_meta(account)?, self.keeper.permit()?)));
        let (access, meta, permit) = match ready {
            Ok(ready) => ready,
            Err(error) => return then(self, Err(error)),
        };
        let kind = ActivityKind::RequestSession;
        let (activity, _) = self.begin(activity, kind, Some(account), Some(meta.id));
        self.commit_to(activity);
        let keeper = self.keeper.clone();
        let job = async move {
            let renewed = exchange(&keeper, access, meta).await;
            drop(permit);
            renewed
        };
        self.work(job, move |engine, heard: Result<Changed>| {
            let refused = matches!(&heard, Ok(Heard { outcome: Err(error), .. })
                if error.code == ErrorCode::SessionEnded);
            engine.note_attempt(account, refused);
            let renewed = engine.requested(activity, account, heard);
            then(engine, renewed);
        });
    }

    fn session_meta(&self, account: AccountId) -> Result<CredentialMeta> {
        let mut all = self.state.credentials.values();
        let same =
            all.find(|meta| meta.kind == CredentialKind::SessionToken && meta.account == account);
        let workspaces = &self.state.account(account)?.meta.workspaces;
        let workspace = workspaces.first().map(|w| w.name.clone()).unwrap_or_default();
        let fresh = || CredentialMeta {
            name: format!("Session token of {workspace}"),
            workspace,
            ..CredentialMeta::new(fresh_id(), CredentialKind::SessionToken, account)
        };
        Ok(same.cloned().unwrap_or_else(fresh).requested_at(self.clock.now()))
    }

    /// Ends a session token at the platform.
    pub(super) fn end_token(&mut self, meta: CredentialMeta, reply: Reply) {
        let job = match self.ending(&meta) {
            Ok(job) => job,
            Err(error) => return reply.answer(Err(error)),
        };
        self.work(job, move |engine, ended: Result<()>| {
            reply.answer(ended.and_then(|()| {
                engine.mark_revoked(&meta);
                engine.view_of(meta.id).map(Answer::Credential)
            }));
        });
    }

    fn ending(
        &self,
        meta: &CredentialMeta,
    ) -> Result<impl Future<Output = Result<()>> + Send + use<H>> {
        let access = self.access(meta.account, None)?;
        let keeper = self.keeper.clone();
        let id = meta.id;
        Ok(async move {
            let platform = access.platform;
            let secret = disclosing::open(&keeper, id, CredentialKind::SessionToken).await?;
            let token = secret.field(Field::Token).unwrap_or_else(|| Secret::new(Vec::new()));
            let session = open_access(&keeper, access).await?;
            Ok(platform.end_session(&session, &token).await?)
        })
    }

    /// Ends what an account's key reaches, at the platform: the session token that it was
    /// exchanged for, then the key itself, where the platform lets a program do it. Says whether
    /// the key was revoked.
    pub(super) fn end_everywhere(
        &self,
        key: &CredentialMeta,
    ) -> Result<impl Future<Output = Result<bool>> + Send + use<H>> {
        let now = self.clock.now();
        let lives = |meta: &&CredentialMeta| {
            meta.kind == CredentialKind::SessionToken
                && meta.account == key.account
                && meta.revoked.is_none()
                && meta.expires.is_none_or(|end| end > now)
        };
        let token = self.state.credentials.values().find(lives);
        let token = token.map(|meta| self.ending(meta)).transpose()?;
        let can = self.state.account(key.account)?.facts.capabilities.revoke;
        // What no program can revoke is revoked by hand; ending the session is all there is.
        let revocation = match (can, token.is_some()) {
            (Support::No, true) => None,
            _ => Some(self.revocation(key)?),
        };
        Ok(async move {
            if let Some(token) = token {
                token.await?;
            }
            match revocation {
                Some(revocation) => revocation.await?.outcome.map(|_| true),
                None => Ok(false),
            }
        })
    }
}

async fn exchange(keeper: &Keeper, access: Access, meta: CredentialMeta) -> Result<Changed> {
    let platform = access.platform;
    let session = open_access(keeper, access).await?;
    let asked = platform.issue_session(&session).await;
    // Not judged by asking about the key: that would be a second attempt.
    let finding = match &asked {
        Ok(_) => Some(Finding::Works),
        Err(PlatformError { kind: Kind::NotSupported { .. }, .. }) => Some(Finding::Refused),
        Err(_) => None,
    };
    let outcome = match asked {
        Ok(issued) => {
            let meta = CredentialMeta {
                expires: Some(issued.expires),
                end_confirmed: issued.told,
                revoked: None,
                ..meta
            };
            let put = put_credential(&meta, &CredentialSecret::SessionToken(issued.token))?;
            keeper.commit(vec![put]).await.map(|()| meta)
        }
        Err(error) => Err(error.into()),
    };
    let learned = Some((Operation::Session, finding));
    Ok(Heard { auth: session.auth(), learned, outcome })
}
