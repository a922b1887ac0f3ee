//! Accounts: who is signed in where, and what can be done there.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::handle::Reply;
use super::records::account_record;
use super::sessions::{Access, open_access};
use super::state::{Account, AccountFacts, AccountMeta};
use super::{Engine, fresh_id};
use crate::api::{
    ActivityKind, Answer, HistoryEvent, NewAccount, OnRemove, SignInState, SignInWay, WorkspaceView,
};
use crate::credential::{AccountId, CredentialKind, CredentialMeta};
use crate::error::{Error, ErrorCode, Result};
use crate::host::Host;
use crate::platform::connection::ca_file;
use crate::platform::{
    AnyPlatform, Asked, Auth, Connection, Finding, Kind, NetworkKind, Operation, Platform,
    PlatformError,
};
use crate::session::Session;
use crate::vault::Change;

/// The longest display name of an account, in characters.
const NAME_MAX: usize = 80;
/// How many seconds two clocks may differ before that is told (platforms.md G.11).
const SKEW_TOLD: i64 = 120;

impl<H: Host> Engine<H> {
    /// Adds an account. A hub that the user typed in is asked whether it is one; that nobody
    /// answers is no reason to refuse it.
    pub(super) fn add_account(&mut self, new: NewAccount, reply: Reply) {
        let made = self.state.need_not_locked().and_then(|()| make_account(&new));
        let (platform, connection, account) = match made {
            Ok(made) => made,
            Err(error) => return reply.answer(Err(error)),
        };
        self.trust(&connection, &new.connection);
        if connection.environment.is_some() {
            return self.put_account(account, reply);
        }
        let http = self.sessions.http.clone();
        let probe = async move { platform.probe(&http, &connection).await };
        self.work(probe, move |engine, probed: Asked<()>| match probed {
            Err(error) if !nobody_answers(&error) => reply.answer(Err(error.into())),
            Ok(()) | Err(_) => engine.put_account(account, reply),
        });
    }

    /// Lets the certificate file of a connection count, where it has one.
    fn trust(&self, connection: &Connection, fields: &BTreeMap<String, String>) {
        // A field that is no path was refused by `connect`.
        if let Ok(Some(file)) = ca_file(fields) {
            self.sessions.http.trust(connection, Some(&file));
        }
    }

    fn put_account(&mut self, account: Account, reply: Reply) {
        if let Err(error) = self.state.need_not_locked() {
            return reply.answer(Err(error));
        }
        let record = account_record(&account.meta);
        self.persist_then(record.into_iter().collect(), move |engine, kept| {
            let view = account.view();
            // A vault that was locked meanwhile holds it, and shows it when it is opened.
            if kept.is_ok() && engine.state.need_not_locked().is_ok() {
                engine.state.accounts.insert(account.meta.id, account);
            }
            reply.answer(kept.map(|()| Answer::Account(view)));
        });
    }

    pub(super) fn take_in_account(&mut self, meta: AccountMeta) {
        let made = platform(&meta.platform)
            .and_then(|platform| Ok((platform, platform.connect(&meta.connection)?)));
        match made {
            Ok((platform, connection)) => {
                self.trust(&connection, &meta.connection);
                let auth = platform.descriptor().usual_auth();
                let facts = facts(platform, &connection, &meta, auth);
                let id = meta.id;
                self.state.accounts.insert(id, Account { meta, facts, signed_in: None });
            }
            // Written by a newer Wayleave: it stays in the vault and is not shown.
            Err(error) => self.alert(error, Some(meta.id), None),
        }
    }

    pub(super) fn edit_account(
        &mut self,
        id: AccountId,
        name: Option<String>,
        username: Option<String>,
        client_id: Option<String>,
        reply: Reply,
    ) {
        let edited = self.state.need_not_locked().and_then(|()| {
            let name = name.as_deref().map(account_name).transpose()?;
            let username = username.as_deref().map(user_name).transpose()?;
            let account = self.state.account_mut(id)?;
            let before = account.meta.clone();
            account.meta.name = name.unwrap_or_else(|| account.meta.name.clone());
            account.meta.username = username.or_else(|| account.meta.username.take());
            match client_id.as_deref().map(str::trim) {
                Some("") => drop(account.meta.connection.remove("client_id")),
                Some(client) => {
                    account.meta.connection.insert("client_id".into(), client.into());
                }
                None => {}
            }
            Ok((before, account_record(&account.meta)))
        });
        let (before, record) = match edited {
            Ok(edited) => edited,
            Err(error) => return reply.answer(Err(error)),
        };
        self.refresh_facts(id);
        self.persist_then(record.into_iter().collect(), move |engine, kept| {
            if let (Err(_), Ok(account)) = (&kept, engine.state.account_mut(id)) {
                account.meta = before;
                engine.refresh_facts(id);
            }
            let view = |()| engine.state.account(id).map(Account::view);
            reply.answer(kept.and_then(view).map(Answer::Account));
        });
    }

    pub(super) fn remove_account(&mut self, id: AccountId, then: OnRemove, reply: Reply) {
        let found = self.state.need_not_locked().and_then(|()| self.state.account(id).map(drop));
        if let Err(error) = found {
            return reply.answer(Err(error));
        }
        match then {
            OnRemove::Keep => self.drop_account(id, false, reply),
            OnRemove::Forget => self.drop_account(id, true, reply),
            OnRemove::Revoke => self.revoke_then_drop(id, reply),
        }
    }

    /// Revokes what lives, one after the other; the first failure stops the removal.
    fn revoke_then_drop(&mut self, id: AccountId, reply: Reply) {
        let now = self.clock.now();
        let alive: Vec<CredentialMeta> = self
            .state
            .credentials
            .values()
            .filter(|meta| meta.account == id && meta.kind.is_lasting())
            .filter(|meta| meta.revoked.is_none() && meta.expires.is_none_or(|end| end > now))
            .cloned()
            .collect();
        let mut jobs = Vec::new();
        for meta in alive {
            match self.revocation(&meta) {
                Ok(job) => jobs.push((meta, job)),
                Err(error) => return reply.answer(Err(error)),
            }
        }
        let revoke = async move {
            let mut done = Vec::new();
            for (meta, job) in jobs {
                match job.await {
                    Ok(_) => done.push(meta),
                    Err(error) => return (done, Err(error)),
                }
            }
            (done, Ok(()))
        };
        self.work(revoke, move |engine, (done, outcome)| {
            for meta in done {
                engine.mark_revoked(&meta);
            }
            match outcome {
                Ok(()) => engine.drop_account(id, true, reply),
                Err(error) => reply.answer(Err(error)),
            }
        });
    }

    /// Takes the account out; with its credentials, or leaving them in the vault.
    fn drop_account(&mut self, id: AccountId, credentials: bool, reply: Reply) {
        let mut changes = vec![Change::Remove { id }];
        let session = self.sessions.live.get(&id).map(|live| live.record);
        changes.extend(session.map(|id| Change::Remove { id }));
        let all = self.state.credentials.values();
        let theirs: Vec<CredentialMeta> =
            all.filter(|meta| credentials && meta.account == id).cloned().collect();
        for meta in &theirs {
            changes.push(Change::Remove { id: meta.id });
            changes.extend(self.history_line(HistoryEvent::Forgotten, meta, None));
        }
        self.persist_then(changes, move |engine, kept| {
            if kept.is_ok() {
                for meta in theirs {
                    engine.state.credentials.remove(&meta.id);
                }
                engine.forget_session(id);
                engine.state.accounts.remove(&id);
                engine.state.alerts.retain(|_, alert| alert.account != Some(id));
            }
            reply.answer(kept.map(|()| Answer::Done));
        });
    }

    /// Reads the workspaces, by whatever opens the account.
    pub(super) fn workspaces(&mut self, id: AccountId, reply: Reply) {
        let access = match self.access(id, None) {
            Ok(access) => access,
            Err(error) => return reply.answer(Err(error)),
        };
        let (activity, cancelled) = self.begin(None, ActivityKind::Read, Some(id), None);
        let keeper = self.keeper.clone();
        let read = async move {
            tokio::select! {
                read = read_workspaces(keeper, access) => read,
                _ = cancelled => Err(Error::new(ErrorCode::Cancelled, "reading was cancelled")),
            }
        };
        self.work(read, move |engine, read: Result<(Auth, Asked<Vec<WorkspaceView>>)>| {
            engine.end(activity);
            reply.answer(read.and_then(|(auth, asked)| {
                let workspaces = engine.heard(id, auth, None, asked)?;
                engine.keep_workspaces(id, auth, &workspaces);
                Ok(Answer::Workspaces(workspaces))
            }));
        });
    }

    /// Keeps what a person sees. A key sees its own workspace only, which is no news.
    pub(super) fn keep_workspaces(
        &mut self,
        id: AccountId,
        auth: Auth,
        workspaces: &[WorkspaceView],
    ) {
        let Ok(account) = self.state.account_mut(id) else { return };
        let partial = auth == Auth::Key && !account.facts.key_is_sign_in;
        if partial || account.meta.workspaces == workspaces {
            return;
        }
        account.meta.workspaces = workspaces.to_vec();
        self.persist_account(id);
    }

    /// Takes note of what an answer says about the network, the session and the account.
    pub(super) fn heard<T>(
        &mut self,
        id: AccountId,
        auth: Auth,
        learned: Option<(Operation, Option<Finding>)>,
        asked: Asked<T>,
    ) -> Result<T> {
        if let Some((operation, Some(finding))) = learned {
            let changed = self
                .state
                .account_mut(id)
                .is_ok_and(|account| account.meta.learned.note(auth, operation, finding));
            if changed {
                self.refresh_facts(id);
                self.persist_account(id);
            }
        }
        self.look_at_sessions();
        self.look_at_skew(id);
        match asked {
            Ok(value) => {
                self.state.offline = false;
                Ok(value)
            }
            Err(error) => {
                self.state.offline = is_offline(&error);
                Err(error.into())
            }
        }
    }

    /// Says when this computer's clock and the platform's differ by minutes.
    fn look_at_skew(&mut self, id: AccountId) {
        let Ok((_, connection)) = self.connection(id) else { return };
        let host = connection.host();
        let seconds = self.sessions.http.skew(host).unwrap_or(0);
        if seconds.abs() <= SKEW_TOLD {
            return self.withdraw(ErrorCode::ClockOff, Some(id));
        }
        let (minutes, side) = (seconds.abs() / 60, if seconds > 0 { "behind" } else { "ahead" });
        let what = format!("this computer's clock is {minutes} minutes {side} of {host}");
        let error = Error::new(ErrorCode::ClockOff, what).with("seconds", seconds);
        self.alert(error.with("host", host), Some(id), None);
    }

    /// What the descriptor says of the account, as it is signed in now.
    pub(super) fn refresh_facts(&mut self, id: AccountId) {
        let auth = self.auth_of(id);
        let Ok(account) = self.state.account_mut(id) else { return };
        let made = platform(&account.meta.platform)
            .and_then(|platform| Ok((platform, platform.connect(&account.meta.connection)?)));
        if let Ok((platform, connection)) = made {
            account.facts = facts(platform, &connection, &account.meta, auth);
        }
        let by_key = self.key_as_sign_in(id);
        if let Ok(account) = self.state.account_mut(id) {
            account.facts.by_key = by_key;
        }
    }

    /// Where the key stands that an account is signed in with, if it is.
    fn key_as_sign_in(&self, id: AccountId) -> Option<(SignInState, Option<Timestamp>)> {
        let account = self.state.account(id).ok()?;
        let key = account.meta.key.filter(|_| account.facts.key_is_sign_in)?;
        let meta = self.state.credentials.get(&key)?;
        let over = meta.revoked.or(meta.expires.filter(|end| *end <= self.clock.now()));
        Some(match over {
            Some(at) => (SignInState::Expired, Some(at)),
            None => (SignInState::SignedIn, meta.expires),
        })
    }

    /// Signs out of an account whose sign-in is a key: Wayleave does not act with it any more.
    /// It stays a credential of the vault; `everywhere` revokes it, and what it was exchanged for.
    pub(super) fn sign_out_key(&mut self, id: AccountId, everywhere: bool, reply: Reply) {
        let key = self.state.account(id).ok().and_then(|account| account.meta.key);
        let meta = key.and_then(|key| self.state.credentials.get(&key).cloned());
        let work = match meta.filter(|meta| everywhere && meta.revoked.is_none()) {
            Some(meta) => match self.end_everywhere(&meta) {
                Ok(job) => Some((meta, job)),
                Err(error) => return reply.answer(Err(error)),
            },
            None => None,
        };
        let Some((meta, job)) = work else {
            self.forget_key(id);
            return reply.answer(Ok(Answer::Done));
        };
        self.work(job, move |engine, ended: Result<bool>| {
            let ended = ended.map(|revoked| {
                if revoked {
                    engine.mark_revoked(&meta);
                }
                engine.forget_key(id);
                Answer::Done
            });
            reply.answer(ended);
        });
    }

    fn forget_key(&mut self, id: AccountId) {
        if let Ok(account) = self.state.account_mut(id) {
            account.meta.key = None;
        }
        self.refresh_facts(id);
        self.persist_account(id);
    }

    /// Forgets what was refused, so that it is tried again.
    pub(super) fn try_again(&mut self, id: AccountId, reply: Reply) {
        if let Err(error) = self.state.need_not_locked() {
            return reply.answer(Err(error));
        }
        let auth = self.auth_of(id);
        if let Ok(account) = self.state.account_mut(id) {
            account.meta.learned.retry(auth);
        }
        self.refresh_facts(id);
        self.persist_account(id);
        reply.answer(self.state.account(id).map(|account| Answer::Account(account.view())));
    }

    /// As what an account acts now, or would.
    fn auth_of(&self, id: AccountId) -> Auth {
        let signed_in = self.sessions.auth(id).or_else(|| self.holds_key(id).then_some(Auth::Key));
        let usual = || {
            let platform = platform(&self.state.account(id).ok()?.meta.platform).ok()?;
            Some(platform.descriptor().usual_auth())
        };
        signed_in.or_else(usual).unwrap_or(Auth::Portal)
    }

    fn holds_key(&self, id: AccountId) -> bool {
        let now = self.clock.now();
        self.state.credentials.values().any(|meta| {
            meta.account == id
                && meta.kind.is_lasting()
                && meta.revoked.is_none()
                && meta.expires.is_none_or(|end| end > now)
        })
    }

    pub(super) fn persist_account(&mut self, id: AccountId) {
        let change = self.state.account(id).ok().and_then(|account| account_record(&account.meta));
        self.persist(change.into_iter().collect());
    }

    /// Platform and connection of an account.
    pub(super) fn connection(&self, id: AccountId) -> Result<(AnyPlatform, Connection)> {
        let meta = &self.state.account(id)?.meta;
        let platform = platform(&meta.platform)?;
        Ok((platform, platform.connect(&meta.connection)?))
    }

    /// What was got before there was a vault, for the vault that is being made.
    pub(super) fn contents_to_seal(&self) -> Vec<Change> {
        self.state.accounts.values().filter_map(|account| account_record(&account.meta)).collect()
    }
}

async fn read_workspaces(
    keeper: super::keeper::Keeper,
    access: Access,
) -> Result<(Auth, Asked<Vec<WorkspaceView>>)> {
    let platform = access.platform;
    let session: Session = open_access(&keeper, access).await?;
    Ok((session.auth(), platform.workspaces(&session).await))
}

fn make_account(new: &NewAccount) -> Result<(AnyPlatform, Connection, Account)> {
    let platform = platform(&new.platform)?;
    let mut fields = new.connection.clone();
    fields.retain(|_, value| !value.trim().is_empty());
    let connection = platform.connect(&fields)?;
    let name = match &new.name {
        Some(name) => account_name(name)?,
        None => default_name(platform, &connection),
    };
    let meta = AccountMeta {
        id: fresh_id(),
        name,
        username: None,
        platform: new.platform.clone(),
        connection: fields,
        learned: crate::platform::Learned::default(),
        workspaces: Vec::new(),
        ended: None,
        key: None,
        permissions: None,
    };
    let facts = facts(platform, &connection, &meta, platform.descriptor().usual_auth());
    Ok((platform, connection, Account { meta, facts, signed_in: None }))
}

/// Nothing was there to say whether it is such a platform. Whoever took the connection and broke it
/// was there.
fn nobody_answers(error: &PlatformError) -> bool {
    use NetworkKind::{Dns, Refused};
    matches!(error.kind, Kind::Network { kind: Dns | Refused, .. })
}

fn is_offline(error: &PlatformError) -> bool {
    matches!(error.kind, Kind::Network { .. })
        && Error::from(error.clone()).code == ErrorCode::Offline
}

/// The platform of this id.
pub(super) fn platform(id: &str) -> Result<AnyPlatform> {
    AnyPlatform::by_id(id).ok_or_else(|| {
        Error::new(ErrorCode::NotFound, format!("there is no platform {id:?}"))
            .with("field", "platform")
    })
}

fn facts(
    platform: AnyPlatform,
    connection: &Connection,
    meta: &AccountMeta,
    auth: Auth,
) -> AccountFacts {
    let descriptor = platform.descriptor();
    let needs_client = |way: &SignInWay| matches!(way, SignInWay::Browser | SignInWay::Device);
    AccountFacts {
        platform_name: descriptor.name.into(),
        environment: connection.environment.clone(),
        hub: connection.origin(),
        ways: descriptor
            .ways
            .iter()
            .filter(|way| connection.client_id.is_some() || !needs_client(way))
            .copied()
            .collect(),
        capabilities: descriptor.effective(auth, &meta.learned),
        refused: meta.learned.refused(auth),
        manage_url: platform.manage_url(connection, None).map(Into::into),
        by_key: None,
        key_is_sign_in: descriptor.key_is_sign_in(),
        qgis: descriptor.qgis,
        bearer: descriptor.bearer,
        templates: [
            CredentialKind::ApiToken,
            CredentialKind::KeyPair,
            CredentialKind::SessionToken,
        ]
        .into_iter()
        .map(|kind| (kind, descriptor.templates_of(kind)))
        .collect(),
    }
}

fn default_name(platform: AnyPlatform, connection: &Connection) -> String {
    let name = platform.descriptor().name;
    match connection.environment.as_deref() {
        Some("production") => name.into(),
        Some(environment) => format!("{name}, {environment}"),
        None => connection.host().into(),
    }
}

fn account_name(name: &str) -> Result<String> {
    bounded(name, NAME_MAX, "name")
}

fn user_name(name: &str) -> Result<String> {
    bounded(name, NAME_MAX, "username")
}

fn bounded(text: &str, max: usize, field: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > max || text.chars().any(char::is_control) {
        return Err(Error::new(
            ErrorCode::InvalidName,
            format!("a name has 1 to {max} characters"),
        )
        .with("field", field)
        .with("max", max));
    }
    Ok(text.into())
}

/// Tiles that the agent was started with: `tiles.json` in the configuration folder. It is how
/// `make demo` puts the sandbox on the first page.
pub(super) fn read_tiles(path: &std::path::Path) -> Vec<(String, crate::api::Tile)> {
    #[derive(serde::Deserialize)]
    struct Written {
        platform: String,
        name: String,
        subtitle: String,
        connection: BTreeMap<String, String>,
    }
    let Ok(text) = std::fs::read_to_string(path) else { return Vec::new() };
    let written: Vec<Written> = serde_json::from_str(&text).unwrap_or_default();
    written
        .into_iter()
        .map(|t| {
            let Written { platform, name, subtitle, connection } = t;
            (platform, crate::api::Tile { name, subtitle, connection })
        })
        .collect()
}
