//! Sessions: who holds them, how they end, and how an account is acted for.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::accounts::read_tiles;
use super::handle::Reply;
use super::keeper::{Keeper, Slot};
use super::records::session_record;
use super::signing::Flow;
use super::state::SignedIn;
use super::{Engine, disclosing};
use crate::api::{AccountView, Answer, PlatformView, SignInState, Tile};
use crate::clock::Clock;
use crate::credential::{
    AccountId, CredentialId, CredentialKind, CredentialMeta, CredentialSecret, Id,
};
use crate::error::{Error, ErrorCode, Result};
use crate::host::Host;
use crate::paths::Paths;
use crate::platform::http::Http;
use crate::platform::{AnyPlatform, Asked, Auth, Connection, Platform};
use crate::secret::Secret;
use crate::session::{Save, Session};
use crate::vault::Change;

/// A session as the vault keeps it.
pub(super) struct SealedSession {
    pub record: Id,
    pub account: AccountId,
    pub sealed: Secret,
}

/// All sessions, and the sign-ins under way.
pub(super) struct Sessions {
    pub http: Http,
    pub(super) live: BTreeMap<AccountId, Live>,
    pub(super) flows: BTreeMap<Id, Flow>,
    pub(super) ended: BTreeMap<Id, (Result<AccountView>, Timestamp)>,
    pub(super) tiles: Vec<(String, Tile)>,
    /// Refused attempts in a row to exchange an account's key, and the time of the last one.
    refused: BTreeMap<AccountId, (u32, Timestamp)>,
}

/// Refused attempts in a row after which nothing is sent for [`COOLING`]: platforms suspend
/// accounts for repeated failures (platforms.md D.4).
const ATTEMPTS: u32 = 2;
/// For how long.
const COOLING: SignedDuration = SignedDuration::from_mins(5);

pub(super) struct Live {
    pub record: Id,
    pub session: Session,
}

/// How an account is acted for: by its session, or by a key of its own.
pub(super) struct Access {
    pub platform: AnyPlatform,
    pub connection: Connection,
    http: Http,
    by: By,
}

enum By {
    Session(Session),
    Key(CredentialId, CredentialKind),
}

impl Sessions {
    pub fn new(clock: Arc<dyn Clock>, paths: &Paths) -> Self {
        Self {
            http: Http::new(clock),
            live: BTreeMap::new(),
            flows: BTreeMap::new(),
            ended: BTreeMap::new(),
            tiles: read_tiles(&paths.config.join("tiles.json")),
            refused: BTreeMap::new(),
        }
    }

    /// The platforms, with the tiles that this agent was given.
    pub fn platforms(&self) -> Vec<PlatformView> {
        let mut views: Vec<PlatformView> =
            AnyPlatform::ALL.iter().map(|platform| platform.descriptor().view()).collect();
        for (platform, tile) in &self.tiles {
            let of = views.iter_mut().find(|view| view.id == *platform);
            if let Some(view) = of {
                view.tiles.push(tile.clone());
            }
        }
        views
    }

    /// As what an account is signed in.
    pub fn auth(&self, account: AccountId) -> Option<Auth> {
        self.live.get(&account).map(|live| live.session.auth())
    }
}

impl<H: Host> Engine<H> {
    /// Takes over into the view what the sessions know about themselves.
    pub(super) fn look_at_sessions(&mut self) {
        let now = self.clock.now();
        let mut over = Vec::new();
        for (id, live) in &self.sessions.live {
            let status = live.session.status();
            let ended = status.ended.or(status.until.filter(|until| *until <= now));
            if let Some(at) = ended {
                over.push((*id, live.session.with(), at));
            }
            if let Ok(account) = self.state.account_mut(*id) {
                account.signed_in =
                    Some(SignedIn { with: live.session.with(), until: status.until });
            }
        }
        let keys_ended: Vec<AccountId> = self
            .state
            .accounts
            .iter()
            .filter(|(_, account)| {
                matches!(account.facts.by_key, Some((SignInState::SignedIn, Some(end))) if end <= now)
            })
            .map(|(id, _)| *id)
            .collect();
        for id in keys_ended {
            self.refresh_facts(id);
        }
        for (id, with, at) in over {
            let change = self.forget_session(id);
            if let Ok(account) = self.state.account_mut(id) {
                account.meta.ended = Some((with, at));
            }
            self.persist(change.into_iter().collect());
            self.persist_account(id);
        }
    }

    pub(super) fn sign_out(&mut self, id: AccountId, everywhere: bool, reply: Reply) {
        if let Err(error) =
            self.state.need_not_locked().and_then(|()| self.state.account(id).map(drop))
        {
            return reply.answer(Err(error));
        }
        if self.state.account(id).is_ok_and(|account| account.facts.key_is_sign_in) {
            return self.sign_out_key(id, everywhere, reply);
        }
        let session = self.sessions.live.get(&id).map(|live| live.session.clone());
        let change = self.forget_session(id);
        if let Ok(account) = self.state.account_mut(id) {
            account.meta.ended = None;
        }
        self.persist(change.into_iter().collect());
        self.persist_account(id);
        let Some(session) = session else {
            return self.after_commits(|_| reply.answer(Ok(Answer::Done)));
        };
        let end = async move { session.sign_out(everywhere).await };
        self.work(end, |engine, ended: Asked<()>| {
            let told = ended.map(|()| Answer::Done).map_err(|error| {
                // Here it is over whatever the platform said.
                Error::from(error).with("signed_out_here", true)
            });
            engine.after_commits(|_| reply.answer(told));
        });
    }

    /// Lets go of an account's session; the change takes it out of the vault.
    pub(super) fn forget_session(&mut self, id: AccountId) -> Option<Change> {
        if let Ok(account) = self.state.account_mut(id) {
            account.signed_in = None;
        }
        let live = self.sessions.live.remove(&id);
        self.refresh_facts(id);
        live.map(|live| Change::Remove { id: live.record })
    }

    /// Lets go of all sessions and ends all flows: the vault is being locked.
    pub(super) fn forget_sessions(&mut self) {
        self.sessions.live.clear();
        let flows: Vec<Id> = self.sessions.flows.keys().copied().collect();
        for id in flows {
            self.end_flow(id, Err(Error::new(ErrorCode::VaultLocked, "the vault was locked")));
        }
        self.sessions.ended.clear();
    }

    pub(super) fn restore_sessions(&mut self, sealed: Vec<SealedSession>) {
        for SealedSession { record, account, sealed } in sealed {
            let save = save_session(self.keeper.clone(), record, account);
            let http = self.sessions.http.clone();
            let restored = self
                .connection(account)
                .and_then(|(_, connection)| Session::restore(&sealed, connection, http, save));
            match restored {
                Ok(session) => drop(self.sessions.live.insert(account, Live { record, session })),
                // Of no use to anybody any more, so it goes; signing in again is one step.
                Err(_) => self.persist(vec![Change::Remove { id: record }]),
            }
        }
        self.look_at_sessions();
        let accounts: Vec<AccountId> = self.state.accounts.keys().copied().collect();
        for id in accounts {
            self.refresh_facts(id);
        }
    }

    /// Sessions that were got before there was a vault.
    pub(super) fn sessions_to_seal(&self) -> Vec<(Id, AccountId, Session)> {
        self.sessions
            .live
            .iter()
            .map(|(account, live)| (live.record, *account, live.session.clone()))
            .collect()
    }

    /// How to act for an account: by its session, else by a live key of the workspace
    /// (platforms.md A.8: whether the hub lets a key do it is learned by trying).
    pub(super) fn access(&self, id: AccountId, workspace: Option<&str>) -> Result<Access> {
        self.state.need_not_locked()?;
        let (platform, connection) = self.connection(id)?;
        let by = if let Some(live) = self.sessions.live.get(&id) {
            By::Session(live.session.clone())
        } else {
            let (key, kind) = self.key_for(id, workspace).ok_or_else(|| self.signed_out(id))?;
            By::Key(key, kind)
        };
        Ok(Access { platform, connection, http: self.sessions.http.clone(), by })
    }

    /// The key that acts for an account. Where keys are the only way to sign in it is the one
    /// that the user signed in with; elsewhere any live one of the workspace.
    fn key_for(
        &self,
        id: AccountId,
        workspace: Option<&str>,
    ) -> Option<(CredentialId, CredentialKind)> {
        let now = self.clock.now();
        let alive = |meta: &&CredentialMeta| {
            meta.account == id
                && meta.kind.is_lasting()
                && meta.revoked.is_none()
                && meta.expires.is_none_or(|end| end > now)
        };
        let account = self.state.account(id).ok()?;
        let found = if account.facts.key_is_sign_in {
            account.meta.key.and_then(|key| self.state.credentials.get(&key)).filter(alive)
        } else {
            let all = self.state.credentials.values().filter(alive);
            all.filter(|meta| workspace.is_none_or(|name| name == meta.workspace))
                .max_by_key(|meta| meta.expires)
        };
        found.map(|meta| (meta.id, meta.kind))
    }

    fn signed_out(&self, id: AccountId) -> Error {
        let ended = self.state.account(id).ok().and_then(|account| account.meta.ended);
        match ended {
            Some((_, at)) => {
                Error::new(ErrorCode::SessionEnded, "the session has ended").with("at", at)
            }
            None => Error::new(ErrorCode::NotSignedIn, "nobody is signed in to this account"),
        }
        .with("account", id)
    }

    /// Acts as a key of the vault.
    pub(super) fn as_key(&self, account: AccountId, key: CredentialId) -> Result<Access> {
        let (platform, connection) = self.connection(account)?;
        let kind = self.state.credential(key)?.kind;
        let by = By::Key(key, kind);
        Ok(Access { platform, connection, http: self.sessions.http.clone(), by })
    }

    /// Whether a refused sign-in of this account was so recent that trying once more could
    /// suspend it at the platform.
    pub(super) fn check_attempts(&self, account: AccountId) -> Result<()> {
        let now = self.clock.now();
        match self.sessions.refused.get(&account) {
            Some((count, last)) if *count >= ATTEMPTS && now.duration_since(*last) < COOLING => {
                let left = COOLING - now.duration_since(*last);
                Err(Error::new(
                    ErrorCode::RateLimited,
                    "the platform refused the key several times; another try could suspend it",
                )
                .with("retry_after", left.as_secs().max(1)))
            }
            _ => Ok(()),
        }
    }

    /// Counts refusals in a row; anything that was accepted ends the count.
    pub(super) fn note_attempt(&mut self, account: AccountId, refused: bool) {
        let now = self.clock.now();
        if refused {
            let (count, last) = self.sessions.refused.entry(account).or_insert((0, now));
            *count = if now.duration_since(*last) < COOLING { *count + 1 } else { 1 };
            *last = now;
        } else {
            self.sessions.refused.remove(&account);
        }
    }
}

/// Makes an access a session, reading the key where it is one.
pub(super) async fn open_access(keeper: &Keeper, access: Access) -> Result<Session> {
    let (id, kind) = match access.by {
        By::Session(session) => return Ok(session),
        By::Key(id, kind) => (id, kind),
    };
    let secret = disclosing::open(keeper, id, kind).await?;
    session_of(secret, access.connection, access.http)
}

/// A session that acts with a key or a pair.
pub(super) fn session_of(
    secret: CredentialSecret,
    connection: Connection,
    http: Http,
) -> Result<Session> {
    match secret {
        CredentialSecret::ApiToken(key) => Ok(Session::for_key(key, connection, http)),
        CredentialSecret::KeyPair { api_key, secret_key } => {
            Ok(Session::for_pair(api_key, secret_key, connection, http))
        }
        CredentialSecret::S3 { .. } | CredentialSecret::SessionToken(_) => {
            Err(Error::internal("a temporary credential cannot act for an account"))
        }
    }
}

/// Where a session is stored whenever it changes. Before there is a vault it lives in memory.
pub(super) fn save_session(keeper: Keeper, record: Id, account: AccountId) -> Save {
    Arc::new(move |sealed: Secret| {
        let keeper = keeper.clone();
        Box::pin(async move {
            keeper
                .run(move |kept| match &mut kept.vault {
                    Slot::Missing => Ok(()),
                    slot @ (Slot::Open(_) | Slot::Closed(_) | Slot::Unusable(_)) => {
                        Ok(slot.open()?.commit(vec![session_record(record, account, sealed)])?)
                    }
                })
                .await
        })
    })
}
