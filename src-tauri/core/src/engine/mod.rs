//! The engine: one owner of all state, one loop, no locks.
//!
//! Requests, finished work and the timer are one kind of event. The loop never awaits the
//! network, Argon2 or a file: [`Engine::work`] spawns what takes time, and its outcome comes
//! back to be applied to the state. After each event that changed something, the whole snapshot
//! is published.

mod accounts;
mod changing;
mod comparing;
mod disclosing;
mod exchanging;
mod handle;
mod history;
mod issuing;
mod keeper;
mod keeping;
mod lasting;
mod lost;
mod minting;
mod opening;
mod pasting;
mod records;
mod rules;
mod sessions;
mod signing;
mod state;
mod vaulting;
mod warning;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use crate::api::{
    ActivityKind, ActivityView, AgentView, AlertView, Answer, Ask, Confide, Snapshot, VaultState,
    VaultView,
};
use crate::clock::Clock;
use crate::credential::{AccountId, CredentialId, Id};
use crate::error::{Error, ErrorCode, Result};
use crate::host::Host;
use crate::issuance::Intent;
use crate::paths::Paths;
use crate::settings;
use handle::{Answered, Message, Reply};
pub use handle::{Handle, UNREAD};
use keeper::Keeper;
use sessions::Sessions;
use state::State;

/// The longest sleep of the loop: timers stand still while the machine sleeps, so it looks at
/// the clock at least this often (security.md 7).
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// Something that happened, applied by the loop.
type Event<H> = Box<dyn FnOnce(&mut Engine<H>) + Send>;

/// Owns everything. It lives in its own task; the world talks to it through [`Handle`].
pub struct Engine<H: Host> {
    state: State,
    keeper: Keeper,
    sessions: Sessions,
    warnings: warning::Warnings,
    /// Requests for tokens whose outcome is not known yet.
    intents: BTreeMap<Id, Intent>,
    tickets: disclosing::Tickets,
    /// Work that may still be cancelled without losing anything.
    cancels: BTreeMap<Id, oneshot::Sender<()>>,
    host: Arc<H>,
    clock: Arc<dyn Clock>,
    paths: Paths,
    program: PathBuf,
    events: mpsc::UnboundedSender<Event<H>>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    last_use: Timestamp,
    next_look: Option<Timestamp>,
    stopping: bool,
}

impl<H: Host> Engine<H> {
    /// Reads what there is and starts the loop.
    pub async fn start(
        paths: Paths,
        program: PathBuf,
        host: H,
        clock: Arc<dyn Clock>,
    ) -> Result<Handle> {
        let (events, finished) = mpsc::unbounded_channel();
        let (inbox, requests) = mpsc::channel(64);
        let now = clock.now();
        let (settings, broken_settings) = settings::load(&paths.settings());
        let (keeper, forgetful) = Keeper::start(&paths).await;
        let agent = AgentView {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").into(),
            since: now,
        };
        let vault = VaultView {
            state: VaultState::Opening,
            path: paths.vault().display().to_string(),
            slots: Vec::new(),
            keyring: false,
            problem: None,
        };
        let state = State::new(agent, vault, settings);
        let (snapshots, watched) = watch::channel(Arc::new(state.snapshot(now)));
        let sessions = Sessions::new(Arc::clone(&clock), &paths);
        let mut engine = Self {
            state,
            keeper,
            sessions,
            tickets: disclosing::Tickets::default(),
            warnings: warning::Warnings::default(),
            intents: BTreeMap::new(),
            cancels: BTreeMap::new(),
            host: Arc::new(host),
            clock,
            paths,
            program,
            events,
            snapshots,
            last_use: now,
            next_look: Some(now),
            stopping: false,
        };
        for problem in [broken_settings, forgetful].into_iter().flatten() {
            engine.alert(problem, None, None);
        }
        engine.load_warnings();
        let outside = engine.look_outside().await?;
        engine.take_outside(outside);
        tokio::spawn(engine.run(requests, finished));
        Ok(Handle { inbox, snapshots: watched })
    }

    async fn run(
        mut self,
        mut requests: mpsc::Receiver<(Message, Reply)>,
        mut finished: mpsc::UnboundedReceiver<Event<H>>,
    ) {
        while !self.stopping {
            let pause = self.pause();
            tokio::select! {
                Some((message, reply)) = requests.recv() => self.receive(message, reply),
                Some(event) = finished.recv() => event(&mut self),
                () = tokio::time::sleep(pause) => {}
                else => break,
            }
            self.look_at_clock();
            self.publish();
        }
        // Ending must not hang on a vault that fails to close: its keys end with the process.
        let _ = self.keeper.end().await;
        // Only now has it ended, for whoever waits for that: what was announced is on the disk.
        requests.close();
        while let Ok((_, reply)) = requests.try_recv() {
            reply.refuse(handle::unread());
        }
    }

    /// How long nothing will happen by itself.
    fn pause(&self) -> Duration {
        let now = self.clock.now();
        let until =
            |at: Timestamp| Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO);
        self.next_look.map_or(LONGEST_SLEEP, |at| until(at).min(LONGEST_SLEEP))
    }

    /// What time alone brings about: warnings, ends, the idle lock.
    fn look_at_clock(&mut self) {
        let now = self.clock.now();
        self.lock_when_idle(now);
        self.drop_stale(now);
        self.warn(now);
    }

    fn publish(&mut self) {
        let mut next = self.state.snapshot(self.clock.now());
        let changed = {
            let last = self.snapshots.borrow();
            next.revision = last.revision;
            **last != next
        };
        if changed {
            self.state.revision += 1;
            next.revision = self.state.revision;
            self.snapshots.send_replace(Arc::new(next));
        }
    }

    fn receive(&mut self, message: Message, reply: Reply) {
        match message {
            Message::Ask(ask) => {
                if !matches!(ask, Ask::Snapshot) {
                    self.last_use = self.clock.now();
                }
                self.asked(ask, reply);
            }
            Message::Confide(confide) => {
                self.last_use = self.clock.now();
                self.confided(confide, reply);
            }
        }
    }

    fn asked(&mut self, ask: Ask, reply: Reply) {
        match ask {
            Ask::Snapshot => {
                let snapshot = self.state.snapshot(self.clock.now());
                reply.answer(Ok(Answer::Snapshot(Box::new(snapshot))));
            }
            Ask::Stop => self.stop(reply),
            Ask::CreateWithKeyring => self.create(None, true, Answered::Ask(reply)),
            Ask::UnlockWithKeyring => self.unlock_with_keyring(reply),
            Ask::Lock => self.lock_now(reply),
            Ask::VaultInfo => self.vault_info(false, reply),
            Ask::VaultCheck => self.vault_info(true, reply),
            Ask::Platforms => reply.answer(Ok(Answer::Platforms(self.sessions.platforms()))),
            Ask::AddAccount(account) => self.add_account(account, reply),
            Ask::EditAccount { account, name, username, client_id } => {
                self.edit_account(account, name, username, client_id, reply);
            }
            Ask::RemoveAccount { account, credentials } => {
                self.remove_account(account, credentials, reply);
            }
            Ask::SignIn { account, way } => self.sign_in(account, way, reply),
            Ask::AwaitSignIn { flow } => self.await_sign_in(flow, reply),
            Ask::CancelSignIn { flow } => self.cancel_sign_in(flow, reply),
            Ask::SignOut { account, everywhere } => self.sign_out(account, everywhere, reply),
            Ask::Workspaces { account } => self.workspaces(account, reply),
            Ask::TryAgain { account } => self.try_again(account, reply),
            Ask::RequestToken(request) => self.request_token(request, reply),
            Ask::RequestS3 { account, workspace, activity } => {
                self.request_s3(account, workspace, activity, reply);
            }
            Ask::RequestSession { account, activity } => {
                self.request_session(account, activity, reply);
            }
            Ask::Rotate { credential, lifetime } => self.rotate(credential, lifetime, reply),
            Ask::EditToken { credential, name, permissions } => {
                self.edit_token(credential, name, permissions, reply);
            }
            Ask::Adopt { account, workspace, platform_id } => {
                self.adopt(account, workspace, platform_id, reply);
            }
            Ask::CancelActivity { activity } => self.cancel_activity(activity, reply),
            Ask::RemoteTokens { account, workspace } => {
                self.remote_tokens(account, workspace, reply);
            }
            Ask::RevokeRemote { account, workspace, platform_id } => {
                self.revoke_remote(account, workspace, platform_id, reply);
            }
            Ask::Revoke { credential } => self.revoke(credential, reply),
            Ask::Verify { credential } => self.verify(credential, reply),
            Ask::Forget { credential, unexpired } => self.forget(credential, unexpired, reply),
            Ask::Rename { credential, name } => self.rename(credential, name, reply),
            Ask::History { credential } => self.history(credential, reply),
            Ask::QgisInstalls => self.qgis_installs(reply),
            Ask::PrepareQgis { credential } => self.prepare_qgis(credential, reply),
            Ask::SetSettings(settings) => self.set_settings(settings, reply),
            Ask::DismissAlert { alert } => {
                self.state.alerts.remove(&alert);
                reply.answer(Ok(Answer::Done));
            }
        }
    }

    fn confided(&mut self, confide: Confide, reply: Reply) {
        match confide {
            Confide::Create { passphrase, keyring } => {
                self.create(Some(passphrase), keyring, Answered::Confide(reply));
            }
            Confide::Unlock { passphrase } => self.unlock(passphrase, reply),
            Confide::ChangePassphrase { old, new } => self.change_passphrase(old, new, reply),
            Confide::FinishPortal { flow, proof, cookies } => {
                self.finish_portal(flow, &proof, cookies, reply);
            }
            Confide::SignInWithCookies { account, cookies } => {
                self.sign_in_with_cookies(account, cookies, reply);
            }
            Confide::StartPortal { account } => self.start_portal(account, reply),
            Confide::PasteKey { key, secret_key, about } => {
                self.paste_key(key, secret_key, about, reply);
            }
            Confide::Reveal { credential, field, purpose } => {
                self.reveal(credential, field, purpose, reply);
            }
            Confide::RevealNamed { name, field, purpose } => {
                self.reveal_named(&name, field, purpose, reply);
            }
            Confide::Render { credential, snippet, purpose } => {
                self.render(credential, snippet, purpose, reply);
            }
            Confide::RenderTemplate { credential, template, purpose } => {
                self.render_template(credential, template, purpose, reply);
            }
            Confide::RedeemTicket { ticket } => self.redeem_ticket(&ticket, reply),
        }
    }

    /// Spawns what takes time; its outcome is applied by the loop.
    fn work<T: Send + 'static>(
        &self,
        job: impl Future<Output = T> + Send + 'static,
        then: impl FnOnce(&mut Self, T) + Send + 'static,
    ) {
        let events = self.events.clone();
        tokio::spawn(async move {
            let outcome = job.await;
            // A loop that has ended needs no outcome any more.
            let _ = events.send(Box::new(move |engine: &mut Self| then(engine, outcome)));
        });
    }

    /// Shows work in the snapshot, under the client's own id if it gave one. What comes back
    /// resolves when the user cancels.
    fn begin(
        &mut self,
        id: Option<Id>,
        kind: ActivityKind,
        account: Option<AccountId>,
        credential: Option<CredentialId>,
    ) -> (Id, oneshot::Receiver<()>) {
        let id = id.unwrap_or_else(fresh_id);
        let (cancel, cancelled) = oneshot::channel();
        self.cancels.insert(id, cancel);
        let since = self.clock.now();
        let view = ActivityView { id, kind, account, credential, since, cancellable: true };
        self.state.activities.insert(id, view);
        (id, cancelled)
    }

    /// From here on the work runs to its end.
    fn commit_to(&mut self, id: Id) {
        self.cancels.remove(&id);
        if let Some(activity) = self.state.activities.get_mut(&id) {
            activity.cancellable = false;
        }
    }

    fn end(&mut self, id: Id) {
        self.cancels.remove(&id);
        self.state.activities.remove(&id);
    }

    fn cancel_activity(&mut self, id: Id, reply: Reply) {
        match (self.cancels.remove(&id), self.state.activities.contains_key(&id)) {
            (Some(cancel), _) => {
                // The work may have ended just now.
                let _ = cancel.send(());
                reply.answer(Ok(Answer::Done));
            }
            (None, true) => reply.answer(Err(Error::new(
                ErrorCode::InvalidInput,
                "the platform has been asked already; stopping now would lose its answer",
            ))),
            (None, false) => {
                reply.answer(Err(Error::new(ErrorCode::NotFound, "nothing like that is running")));
            }
        }
    }

    /// Tells the user something that belongs to no request.
    fn alert(
        &mut self,
        error: Error,
        account: Option<AccountId>,
        credential: Option<CredentialId>,
    ) {
        let same = |alert: &AlertView| {
            alert.error.code == error.code
                && alert.account == account
                && alert.credential == credential
        };
        self.state.alerts.retain(|_, alert| !same(alert));
        let id = fresh_id();
        let at = self.clock.now();
        self.state.alerts.insert(id, AlertView { id, error, at, account, credential });
    }

    /// Takes back what [`Self::alert`] told, where it is so no more.
    fn withdraw(&mut self, code: ErrorCode, account: Option<AccountId>) {
        self.state.alerts.retain(|_, alert| alert.error.code != code || alert.account != account);
    }

    fn set_settings(&mut self, settings: crate::api::Settings, reply: Reply) {
        let stored = settings::store(&self.paths.settings(), &settings);
        if stored.is_ok() {
            self.state.settings = settings;
        }
        reply.answer(stored.map(|()| Answer::Done));
    }

    fn stop(&mut self, reply: Reply) {
        self.stopping = true;
        reply.answer(Ok(Answer::Done));
    }
}

/// A random id.
fn fresh_id() -> Id {
    let mut id = [0; 16];
    // Without randomness nothing here is safe to go on with.
    #[allow(clippy::expect_used, reason = "an operating system without randomness ends the agent")]
    getrandom::fill(&mut id).expect("the operating system gives random bytes");
    Id(id)
}
