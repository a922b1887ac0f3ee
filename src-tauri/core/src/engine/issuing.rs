//! Requesting credentials: intent, one request, the secret stored first, then the rest.
//!
//! A lost answer never leads to a second request: [`super::lost`] settles it.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::handle::Reply;
use super::keeper::Keeper;
use super::lost::{Lost, Settled, meta_of};
use super::records::{put_credential, relabel};
use super::rules::{check_lifetime, check_name, check_token_name};
use super::sessions::open_access;
use super::{Engine, fresh_id};
use crate::api::{ActivityKind, Answer, HistoryEvent, Support, TokenRequest};
use crate::clock::Clock;
use crate::credential::{AccountId, CredentialMeta, CredentialSecret, Id};
use crate::error::{Error, ErrorCode, Result};
use crate::host::Host;
use crate::issuance::{Intent, Wish, adopt_id, prepare};
use crate::platform::{
    AnyPlatform, Asked, Auth, Finding, IssueOutcome, IssueRequest, IssuedToken, Operation,
    Platform, PlatformError, learn,
};
use crate::secret::Secret;
use crate::session::Session;
use crate::vault::Change;

/// What a finished job says about the account beside its outcome.
pub(super) struct Heard<T> {
    pub auth: Auth,
    pub learned: Option<(Operation, Option<Finding>)>,
    pub outcome: Result<T>,
}

/// Everything a request for a token needs, away from the loop.
struct TokenJob {
    keeper: Keeper,
    clock: Arc<dyn Clock>,
    platform: AnyPlatform,
    session: Session,
    request: TokenRequest,
    intent: Id,
}

impl<H: Host> Engine<H> {
    pub(super) fn request_token(&mut self, request: TokenRequest, reply: Reply) {
        let ready = self
            .check_request(&request)
            .and_then(|()| self.access(request.account, Some(&request.workspace)))
            .and_then(|access| Ok((access, self.keeper.permit()?)));
        let (access, permit) = match ready {
            Ok(ready) => ready,
            Err(error) => return reply.answer(Err(error)),
        };
        let account = request.account;
        let kind = ActivityKind::RequestToken;
        let (activity, cancelled) = self.begin(request.activity, kind, Some(account), None);
        let committed = self.when_committed(activity);
        let (keeper, clock) = (self.keeper.clone(), Arc::clone(&self.clock));
        let intent = fresh_id();
        let job = async move {
            let platform = access.platform;
            let session = open_access(&keeper, access).await?;
            let job = TokenJob { keeper, clock, platform, session, request, intent };
            let heard = job.run(cancelled, committed).await;
            drop(permit);
            Ok(heard)
        };
        self.work(job, move |engine, heard| {
            let requested = engine.requested(activity, account, heard);
            reply.answer(requested.and_then(|m| engine.view_of(m.id).map(Answer::Credential)));
        });
    }

    /// What a request for a credential brought is in the vault, or it failed.
    pub(super) fn requested(
        &mut self,
        activity: Id,
        account: AccountId,
        heard: Result<Heard<CredentialMeta>>,
    ) -> Result<CredentialMeta> {
        self.end(activity);
        let meta = heard.and_then(|heard| self.take_heard(account, heard))?;
        self.store_in_state(meta.clone());
        self.note(HistoryEvent::Requested, &meta, None);
        Ok(meta)
    }

    fn check_request(&self, request: &TokenRequest) -> Result<()> {
        self.state.need_open()?;
        let (platform, _) = self.connection(request.account)?;
        check_name(&request.name)?;
        let account = self.state.account(request.account)?;
        if account.facts.capabilities.issue == Support::No {
            return Err(self.not_supported(request.account, "request tokens"));
        }
        check_token_name(platform.descriptor(), &request.name)?;
        check_lifetime(platform.descriptor(), request.lifetime)
    }

    pub(super) fn not_supported(&self, id: AccountId, what: &str) -> Error {
        let error = Error::new(
            ErrorCode::NotSupported,
            format!("the platform does not let this account {what}"),
        );
        match self.state.account(id).ok().and_then(|account| account.facts.manage_url.clone()) {
            Some(url) => error.with("url", url),
            None => error,
        }
    }

    /// Tells the loop, from inside a job, that there is no way back.
    fn when_committed(&self, activity: Id) -> oneshot::Sender<()> {
        let (committed, told) = oneshot::channel();
        self.work(told, move |engine, told: std::result::Result<(), _>| {
            if told.is_ok() {
                engine.commit_to(activity);
            }
        });
        committed
    }

    pub(super) fn take_heard<T>(&mut self, account: AccountId, heard: Heard<T>) -> Result<T> {
        let offline = matches!(&heard.outcome, Err(error) if error.code == ErrorCode::Offline);
        let taken = self.heard(account, heard.auth, heard.learned, Ok(heard.outcome));
        self.state.offline = offline;
        taken?
    }

    /// A credential is in the vault: show it, and count leads that lie behind as announced.
    pub(super) fn store_in_state(&mut self, meta: CredentialMeta) {
        self.seen(&meta);
        let account = meta.account;
        self.state.missing.remove(&meta.id);
        self.state.credentials.insert(meta.id, meta);
        self.refresh_facts(account);
    }

    /// Settles what earlier runs left open, where the account can be acted for.
    pub(super) fn reconcile_intents(&mut self, intents: Vec<(Id, Intent)>) {
        self.intents.extend(intents);
        let ready: Vec<Id> = self
            .intents
            .iter()
            .filter(|(_, intent)| self.access(intent.account, Some(&intent.workspace)).is_ok())
            .map(|(id, _)| *id)
            .collect();
        for id in ready {
            let Some(intent) = self.intents.remove(&id) else { continue };
            let Ok(access) = self.access(intent.account, Some(&intent.workspace)) else { continue };
            let keeper = self.keeper.clone();
            let account = intent.account;
            let clock = Arc::clone(&self.clock);
            let settle = async move {
                let platform = access.platform;
                let session = open_access(&keeper, access).await?;
                let lost = Lost { keeper: &keeper, clock: &*clock, intent: &intent };
                Ok(lost.settle(platform, &session).await)
            };
            self.work(settle, move |engine, settled: Result<Settled>| match settled {
                Ok(Settled::Kept(meta)) => {
                    engine.note(HistoryEvent::Requested, &meta, None);
                    engine.store_in_state(*meta);
                }
                // Nobody needs to know.
                Ok(Settled::NotMade) => {}
                Ok(Settled::Told(told)) | Err(told) => engine.alert(told, Some(account), None),
            });
        }
    }
}

impl TokenJob {
    async fn run(
        self,
        cancelled: oneshot::Receiver<()>,
        committed: oneshot::Sender<()>,
    ) -> Heard<CredentialMeta> {
        let auth = self.session.auth();
        let intent = tokio::select! {
            intent = self.write_intent() => intent,
            _ = cancelled => Err(cancelled_error()),
        };
        let intent = match intent {
            Ok(intent) => intent,
            Err(error) => return Heard { auth, learned: None, outcome: Err(error) },
        };
        log::debug!("token {}: intent written", self.intent);
        // The engine may have ended; then nobody shows activities any more.
        let _ = committed.send(());
        let workspace = &self.request.workspace;
        let outcome = self.platform.issue(&self.session, workspace, &self.asked()).await;
        log::debug!("token {}: answered", self.intent);
        let (asked, outcome) = self.settle(outcome, &intent).await;
        let finding =
            learn(self.platform, &self.session, workspace, Operation::Issue, &asked).await;
        Heard { auth, learned: Some((Operation::Issue, finding)), outcome }
    }

    /// Lists what is there, and writes down what is about to be asked for.
    async fn write_intent(&self) -> Result<Intent> {
        let TokenRequest { account, workspace, .. } = &self.request;
        let listed = match self.platform.tokens(&self.session, workspace).await {
            Ok(tokens) => Some(tokens),
            Err(error) if may_issue_without_list(&error) => None,
            Err(error) => return Err(error.into()),
        };
        if self.platform.descriptor().names_are_ids
            && listed.iter().flatten().any(|token| token.name == self.request.name)
        {
            return Err(Error::new(
                ErrorCode::Rejected,
                "the platform has a token of this name, and names are ids there",
            )
            .with("field", "name"));
        }
        let host = self.session.connection().host();
        let skew = self.session.http().skew(host).unwrap_or(0);
        let wish = Wish { id: self.intent, account: *account, workspace, request: &self.asked() };
        let intent = prepare(wish, listed.as_deref(), self.clock.now(), skew);
        let body = serde_json::to_vec(&intent)
            .map_err(|e| Error::internal(format!("an intent cannot be written: {e}")))?;
        let change = Change::PutIntent { id: self.intent, body: Secret::new(body) };
        self.keeper.commit(vec![change]).await?;
        Ok(intent)
    }

    fn asked(&self) -> IssueRequest {
        let TokenRequest { name, lifetime, permissions, .. } = &self.request;
        IssueRequest { name: name.clone(), lifetime: *lifetime, permissions: permissions.clone() }
    }

    async fn settle(
        &self,
        outcome: IssueOutcome,
        intent: &Intent,
    ) -> (Asked<()>, Result<CredentialMeta>) {
        match outcome {
            IssueOutcome::Issued(issued) => (Ok(()), self.store(*issued, intent).await),
            IssueOutcome::WithoutKey(token) => {
                let revoked = self.take_back(token.id.as_deref()).await;
                let gone = self.drop_intent().await;
                let told = Error::new(
                    ErrorCode::UnexpectedAnswer,
                    "the platform made a token and did not show its key",
                )
                .with("revoked", revoked);
                (Ok(()), gone.and(Err(told)))
            }
            IssueOutcome::Refused(error) => {
                let gone = self.drop_intent().await;
                let told = error.clone().into();
                (Err(error), gone.and(Err(told)))
            }
            IssueOutcome::Unknown(error) => {
                let lost = Lost { keeper: &self.keeper, clock: &*self.clock, intent };
                let told = match lost.settle(self.platform, &self.session).await {
                    Settled::Kept(meta) => Ok(*meta),
                    // It failed as it says it did, and asking again is safe.
                    Settled::NotMade => Err(Error::from(error.clone()).with("made", false)),
                    Settled::Told(told) => Err(told),
                };
                (Err(error), told)
            }
        }
    }

    /// The secret first: stored in one commit with the end of the intent. Only then is an id
    /// that the platform kept back looked for.
    async fn store(&self, issued: IssuedToken, intent: &Intent) -> Result<CredentialMeta> {
        let IssuedToken { token, key, .. } = issued;
        let mut meta = meta_of(intent, &token, self.clock.now());
        let put = put_credential(&meta, &CredentialSecret::ApiToken(key))?;
        let stored = self.keeper.commit(vec![put, Change::RemoveIntent { id: self.intent }]).await;
        if let Err(error) = stored {
            let revoked = self.take_back(token.id.as_deref()).await;
            return Err(Error::new(
                ErrorCode::IssuedButNotStored,
                format!("the token was made and could not be stored: {error}"),
            )
            .with("revoked", revoked));
        }
        log::debug!("token {}: kept", self.intent);
        if meta.platform_id.is_none() {
            self.find_id(&mut meta, intent).await;
        }
        Ok(meta)
    }

    /// Best effort: without an id the token works all the same, and is revoked by hand.
    async fn find_id(&self, meta: &mut CredentialMeta, intent: &Intent) {
        let Ok(listed) = self.platform.tokens(&self.session, &meta.workspace).await else { return };
        if let Some(token) = adopt_id(intent, &listed) {
            meta.platform_id.clone_from(&token.id);
            meta.expires = meta.expires.or(token.expires);
            meta.end_confirmed = meta.expires.is_some();
            if let Ok(change) = relabel(meta) {
                // It is in the vault with or without its id.
                let _ = self.keeper.commit(vec![change]).await;
            }
        }
    }

    /// Revokes what cannot be kept; says whether that is sure.
    async fn take_back(&self, id: Option<&str>) -> bool {
        let Some(id) = id else { return false };
        let revoked = self.platform.revoke(&self.session, &self.request.workspace, id).await;
        revoked.is_ok_and(|revoked| revoked.confirmed || revoked.already)
    }

    async fn drop_intent(&self) -> Result<()> {
        self.keeper.commit(vec![Change::RemoveIntent { id: self.intent }]).await
    }
}

/// A key that may not list may still issue; anything else stops before the request.
fn may_issue_without_list(error: &PlatformError) -> bool {
    matches!(
        Error::from(error.clone()).code,
        ErrorCode::Forbidden | ErrorCode::NotSupported | ErrorCode::NotFound
    )
}

pub(super) fn cancelled_error() -> Error {
    Error::new(ErrorCode::Cancelled, "the request was cancelled before anything was made")
}
