//! Sessions and sign-ins: who holds them, how they begin, and how they end.

use std::future::Future;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;

use super::handle::Reply;
use super::sessions::{Live, save_session};
use super::{Engine, fresh_id};
use crate::api::{AccountView, ActivityKind, Answer, Disclosure, FlowView, SignInWay};
use crate::credential::{AccountId, Id};
use crate::error::{Error, ErrorCode, Result};
use crate::host::Host;
use crate::platform::{AnyPlatform, Asked, Connection, Platform};
use crate::secret::{Disclosed, Secret};
use crate::session::browser::BrowserFlow;
use crate::session::device::DeviceFlow;
use crate::session::portal::{self, PortalFlow};
use crate::session::{Grant, Session, SignInError};

/// How long a flow's end is remembered, for a client that asks for it late.
const REMEMBER: SignedDuration = SignedDuration::from_mins(2);

/// Whether a sign-in asks to outlive the browser's session (`offline_access`): nobody is asked
/// about that yet, so it does not.
const STAY: bool = false;

/// A sign-in under way.
pub(super) struct Flow {
    pub account: AccountId,
    waiting: Vec<Reply>,
    /// Dropping it, or sending, ends the work behind the flow.
    cancel: Option<oneshot::Sender<()>>,
    portal: Option<PortalFlow>,
}

/// A flow that waits for somebody at a browser or another device.
struct Opened<F> {
    url: String,
    user_code: Option<String>,
    until: Timestamp,
    finish: F,
}

impl<H: Host> Engine<H> {
    /// Starts a sign-in in the browser or by a device code.
    pub(super) fn sign_in(&mut self, account: AccountId, way: SignInWay, reply: Reply) {
        let (_, connection) = match self.may_sign_in(account, way) {
            Ok(ready) => ready,
            Err(error) => return reply.answer(Err(error)),
        };
        let http = self.sessions.http.clone();
        match way {
            SignInWay::Browser => {
                let open = async move { BrowserFlow::open(&http, &connection, STAY).await };
                self.work(open, move |engine, opened| {
                    let http = engine.sessions.http.clone();
                    let opened = opened.map(|flow| Opened {
                        url: flow.url.to_string(),
                        user_code: None,
                        until: flow.until,
                        finish: async move { flow.finish(&http).await },
                    });
                    engine.opened_flow(account, way, opened, reply);
                });
            }
            SignInWay::Device => {
                let open = async move { DeviceFlow::open(&http, &connection, STAY).await };
                self.work(open, move |engine, opened| {
                    let http = engine.sessions.http.clone();
                    let opened = opened.map(|flow| Opened {
                        url: flow.url.to_string(),
                        user_code: Some(flow.user_code.clone()),
                        until: flow.until,
                        finish: async move { flow.finish(&http).await },
                    });
                    engine.opened_flow(account, way, opened, reply);
                });
            }
            SignInWay::Portal | SignInWay::Paste => reply.answer(Err(Error::new(
                ErrorCode::InvalidInput,
                "this way begins with a secret of its own",
            ))),
        }
    }

    /// A flow has begun, or could not. Another one may have begun meanwhile.
    fn opened_flow<F>(
        &mut self,
        account: AccountId,
        way: SignInWay,
        opened: std::result::Result<Opened<F>, SignInError>,
        reply: Reply,
    ) where
        F: Future<Output = std::result::Result<Grant, SignInError>> + Send + 'static,
    {
        let still = self.may_sign_in(account, way);
        let opened = still.and_then(|_| opened.map_err(Error::from));
        let Opened { url, user_code, until, finish } = match opened {
            Ok(opened) => opened,
            Err(error) => return reply.answer(Err(error)),
        };
        let view = self.open_flow(account, way, url, user_code, until);
        self.run_flow(view.id, finish, None);
        reply.answer(Ok(Answer::Flow(view)));
    }

    /// Starts a portal sign-in: the client opens the window.
    pub(super) fn start_portal(&mut self, account: AccountId, reply: Reply) {
        let opened = self
            .may_sign_in(account, SignInWay::Portal)
            .and_then(|(_, connection)| PortalFlow::open(&connection, &*self.clock));
        let flow = match opened {
            Ok(flow) => flow,
            Err(error) => return reply.disclose(Err(error)),
        };
        let proof = flow.proof.duplicate();
        let (url, until) = (flow.start.to_string(), flow.until);
        let view = self.open_flow(account, SignInWay::Portal, url, None, until);
        if let Some(open) = self.sessions.flows.get_mut(&view.id) {
            open.portal = Some(flow);
        }
        let proof = Disclosed::new(proof);
        reply.disclose(Ok(Disclosure::PortalFlow { flow: view, proof }));
    }

    /// What the sign-in window brought. A wrong proof leaves the flow open.
    pub(super) fn finish_portal(
        &mut self,
        id: Id,
        proof: &Disclosed,
        cookies: Disclosed,
        reply: Reply,
    ) {
        let now = self.clock.now();
        let proof = Secret::new(proof.expose().to_vec());
        match self.accept(id, &proof, now) {
            Ok(account) => self.exchange_cookies(id, account, cookies, reply),
            Err(error) => reply.disclose(Err(error)),
        }
    }

    /// One result per flow: the flow's window is spent by a right proof.
    fn accept(&mut self, id: Id, proof: &Secret, now: Timestamp) -> Result<AccountId> {
        let unknown = || Error::from(SignInError::Unknown);
        let flow = self.sessions.flows.get_mut(&id).ok_or_else(unknown)?;
        flow.portal.as_ref().ok_or_else(unknown)?.accepts(proof, now)?;
        flow.portal = None;
        Ok(flow.account)
    }

    /// Cookies that the user brought along, on a machine without a screen.
    pub(super) fn sign_in_with_cookies(
        &mut self,
        account: AccountId,
        cookies: Disclosed,
        reply: Reply,
    ) {
        if let Err(error) = self.may_sign_in(account, SignInWay::Portal) {
            return reply.disclose(Err(error));
        }
        let until = self.clock.now().checked_add(portal::WINDOW_LIMIT).unwrap_or(Timestamp::MAX);
        let view = self.open_flow(account, SignInWay::Portal, String::new(), None, until);
        self.exchange_cookies(view.id, account, cookies, reply);
    }

    fn exchange_cookies(&mut self, flow: Id, account: AccountId, cookies: Disclosed, reply: Reply) {
        let (_, connection) = match self.connection(account) {
            Ok(found) => found,
            Err(error) => return reply.disclose(Err(error)),
        };
        let http = self.sessions.http.clone();
        let header = cookies.into_secret();
        self.run_flow(
            flow,
            async move { portal::exchange(&http, &connection, &header).await },
            Some(reply),
        );
    }

    fn may_sign_in(&self, id: AccountId, way: SignInWay) -> Result<(AnyPlatform, Connection)> {
        self.state.need_not_locked()?;
        let (platform, connection) = self.connection(id)?;
        if !self.state.account(id)?.facts.ways.contains(&way) {
            return Err(Error::new(
                if platform.descriptor().ways.contains(&way) {
                    ErrorCode::NoClientId
                } else {
                    ErrorCode::NotSupported
                },
                "this way to sign in cannot be used for this account",
            ));
        }
        let open = self.sessions.flows.iter().find(|(_, flow)| flow.account == id);
        if let Some((flow, _)) = open {
            return Err(Error::new(
                ErrorCode::SignInOpen,
                "another sign-in to this account is still open",
            )
            .with("flow", flow));
        }
        Ok((platform, connection))
    }

    fn open_flow(
        &mut self,
        account: AccountId,
        way: SignInWay,
        url: String,
        user_code: Option<String>,
        until: Timestamp,
    ) -> FlowView {
        let id = fresh_id();
        let hub =
            self.state.account(account).map_or_else(|_| String::new(), |a| a.facts.hub.clone());
        let view = FlowView { id, account, way, url, user_code, hub, until };
        self.state.flows.insert(id, view.clone());
        let flow = Flow { account, waiting: Vec::new(), cancel: None, portal: None };
        self.sessions.flows.insert(id, flow);
        view
    }

    /// Runs what brings the session, and then what makes it usable. The first part is dropped
    /// when the user cancels; the second is not, since it has spent what the first brought.
    fn run_flow(
        &mut self,
        id: Id,
        grant: impl Future<Output = std::result::Result<Grant, SignInError>> + Send + 'static,
        told: Option<Reply>,
    ) {
        let Some(flow) = self.sessions.flows.get_mut(&id) else { return };
        let account = flow.account;
        let (cancel, cancelled) = oneshot::channel();
        flow.cancel = Some(cancel);
        let granted = async move {
            tokio::select! {
                grant = grant => grant.map_err(Error::from),
                _ = cancelled => Err(Error::new(ErrorCode::Cancelled, "the sign-in was cancelled")),
            }
        };
        self.work(granted, move |engine, granted| match granted {
            Ok(grant) => engine.begin_session(id, account, grant, told),
            Err(error) => {
                engine.end_flow(id, Err(error.clone()));
                tell(told, Err(error));
            }
        });
    }

    /// Makes the grant a session: stored, its workspaces read, its user name found.
    fn begin_session(&mut self, id: Id, account: AccountId, grant: Grant, told: Option<Reply>) {
        let found = self.state.need_not_locked().and_then(|()| self.connection(account));
        let (platform, connection) = match found {
            Ok(found) => found,
            Err(error) => {
                self.end_flow(id, Err(error.clone()));
                return tell(told, Err(error));
            }
        };
        let record = fresh_id();
        let told_name = grant.username.clone();
        let save = save_session(self.keeper.clone(), record, account);
        let http = self.sessions.http.clone();
        let session = Session::begin(grant, connection, http, Arc::clone(&save));
        let (activity, _) = self.begin(None, ActivityKind::SignIn, Some(account), None);
        self.commit_to(activity);
        let permit = self.keeper.permit();
        let settle = async move {
            save(session.to_sealed().await).await?;
            drop(permit);
            let workspaces = platform.workspaces(&session).await;
            let seen = workspaces.as_deref().unwrap_or_default();
            let username = match told_name {
                Some(name) => Some(name),
                None => platform.identify(&session, seen).await.ok().flatten(),
            };
            Ok((session, workspaces, username))
        };
        self.work(settle, move |engine, settled: Result<_>| {
            engine.end(activity);
            let outcome = settled.and_then(|(session, workspaces, username)| {
                engine.take_session(account, record, session, workspaces, username)
            });
            engine.end_flow(id, outcome.clone());
            tell(told, outcome);
        });
    }

    fn take_session(
        &mut self,
        id: AccountId,
        record: Id,
        session: Session,
        workspaces: Asked<Vec<crate::api::WorkspaceView>>,
        username: Option<String>,
    ) -> Result<AccountView> {
        self.state.need_not_locked()?;
        let auth = session.auth();
        let old = self.forget_session(id);
        self.persist(old.into_iter().collect());
        self.sessions.live.insert(id, Live { record, session });
        let account = self.state.account_mut(id)?;
        account.meta.ended = None;
        account.meta.learned.forget(auth);
        account.meta.username = username.or_else(|| account.meta.username.take());
        self.look_at_sessions();
        self.refresh_facts(id);
        let heard = self.heard(id, auth, None, workspaces);
        match heard {
            Ok(workspaces) => self.keep_workspaces(id, auth, &workspaces),
            // Signed in all the same; the list can be read again.
            Err(error) => self.alert(error, Some(id), None),
        }
        self.persist_account(id);
        self.confirm_ends(id);
        self.reconcile_intents(Vec::new());
        Ok(self.state.account(id)?.view())
    }

    pub(super) fn end_flow(&mut self, id: Id, outcome: Result<AccountView>) {
        self.state.flows.remove(&id);
        let Some(flow) = self.sessions.flows.remove(&id) else { return };
        for reply in flow.waiting {
            reply.answer(outcome.clone().map(Answer::Account));
        }
        self.sessions.ended.insert(id, (outcome, self.clock.now()));
    }

    pub(super) fn await_sign_in(&mut self, id: Id, reply: Reply) {
        if let Some(flow) = self.sessions.flows.get_mut(&id) {
            return flow.waiting.push(reply);
        }
        let outcome = self.sessions.ended.get(&id).map(|(outcome, _)| outcome.clone());
        reply.answer(
            outcome.unwrap_or_else(|| Err(SignInError::Unknown.into())).map(Answer::Account),
        );
    }

    pub(super) fn cancel_sign_in(&mut self, id: Id, reply: Reply) {
        let Some(flow) = self.sessions.flows.get_mut(&id) else {
            return reply.answer(Err(SignInError::Unknown.into()));
        };
        flow.portal = None;
        if let Some(cancel) = flow.cancel.take() {
            // The work behind the flow may just have ended.
            let _ = cancel.send(());
        }
        let cancelled = Error::new(ErrorCode::Cancelled, "the sign-in was cancelled");
        self.end_flow(id, Err(cancelled));
        reply.answer(Ok(Answer::Done));
    }

    /// Gives up flows whose time has come, and looks whether sessions have ended.
    pub(super) fn drop_stale(&mut self, now: Timestamp) {
        let late: Vec<Id> =
            self.state.flows.values().filter(|flow| flow.until <= now).map(|f| f.id).collect();
        for id in late {
            if self.sessions.flows.get(&id).is_some_and(|flow| flow.cancel.is_none()) {
                self.end_flow(id, Err(SignInError::Expired.into()));
            }
        }
        self.sessions.ended.retain(|_, (_, at)| now.duration_since(*at) < REMEMBER);
        self.look_at_sessions();
    }
}

/// Whoever handed the result over also wants to know.
fn tell(told: Option<Reply>, outcome: Result<AccountView>) {
    if let Some(reply) = told {
        reply.disclose(outcome.map(Disclosure::Account));
    }
}
