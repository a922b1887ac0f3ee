//! What the engine knows, its transitions, and the snapshot made of it. Pure: no I/O, and time
//! comes in as `now`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::api::{
    Ability, AccountView, ActivityView, AgentView, AlertView, Capabilities, CredentialState,
    CredentialView, FlowView, Settings, SignInState, SignInView, SignInWay, Snapshot, TemplateView,
    VaultState, VaultView, WatchedView, WorkspaceView,
};
use crate::credential::{
    AccountId, CredentialId, CredentialKind, CredentialMeta, Field, Id, Snippet,
};
use crate::error::{Error, ErrorCode, Result};
use crate::expiry::{self, Watch};
use crate::platform::Learned;

/// What is kept of an account: sealed as the label of its record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct AccountMeta {
    pub id: AccountId,
    pub name: String,
    pub username: Option<String>,
    pub platform: String,
    pub connection: BTreeMap<String, String>,
    #[serde(default)]
    pub learned: Learned,
    #[serde(default)]
    pub workspaces: Vec<WorkspaceView>,
    /// When the last session ended by itself, and how it had come about.
    #[serde(default)]
    pub ended: Option<(SignInWay, Timestamp)>,
    /// The credential that the account acts with, where keys are the only way to sign in.
    #[serde(default)]
    pub key: Option<CredentialId>,
    /// Permissions that a token can be given, where the platform told them.
    #[serde(default)]
    pub permissions: Option<Vec<String>>,
}

/// What the platform's descriptor says of an account as it stands now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AccountFacts {
    pub platform_name: String,
    pub environment: Option<String>,
    pub hub: String,
    pub ways: Vec<SignInWay>,
    pub capabilities: Capabilities,
    pub refused: Vec<Ability>,
    pub manage_url: Option<String>,
    /// The account's key as its sign-in: whether it still works, and its end.
    pub by_key: Option<(SignInState, Option<Timestamp>)>,
    /// Whether QGIS has a plugin that takes its keys.
    pub qgis: bool,
    /// Whether keys are the only way to sign in.
    pub key_is_sign_in: bool,
    /// Whether its keys are sent as `Bearer`.
    pub bearer: bool,
    /// Forms for the tools that read this platform, by kind.
    pub templates: BTreeMap<CredentialKind, Vec<TemplateView>>,
}

/// A session as a screen may know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SignedIn {
    pub with: SignInWay,
    pub until: Option<Timestamp>,
}

/// An account in use.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Account {
    pub meta: AccountMeta,
    pub facts: AccountFacts,
    pub signed_in: Option<SignedIn>,
}

/// Everything but the things that do something.
pub(crate) struct State {
    pub revision: u64,
    pub agent: AgentView,
    pub vault: VaultView,
    pub accounts: BTreeMap<AccountId, Account>,
    pub credentials: BTreeMap<CredentialId, CredentialMeta>,
    /// Credentials that the platform's list does not hold.
    pub missing: BTreeSet<CredentialId>,
    pub watched: Vec<Watch>,
    pub flows: BTreeMap<Id, FlowView>,
    pub activities: BTreeMap<Id, ActivityView>,
    pub alerts: BTreeMap<Id, AlertView>,
    pub offline: bool,
    pub settings: Settings,
}

impl State {
    pub fn new(agent: AgentView, vault: VaultView, settings: Settings) -> Self {
        Self {
            revision: 0,
            agent,
            vault,
            accounts: BTreeMap::new(),
            credentials: BTreeMap::new(),
            missing: BTreeSet::new(),
            watched: Vec::new(),
            flows: BTreeMap::new(),
            activities: BTreeMap::new(),
            alerts: BTreeMap::new(),
            offline: false,
            settings,
        }
    }

    /// Refuses unless the vault is open.
    pub fn need_open(&self) -> Result<()> {
        match self.vault.state {
            VaultState::Unlocked => Ok(()),
            VaultState::Missing => Err(Error::new(ErrorCode::NoVault, "there is no vault yet")),
            VaultState::Locked | VaultState::Opening => {
                Err(Error::new(ErrorCode::VaultLocked, "the vault is locked"))
            }
            VaultState::Unusable => Err(self.vault.problem.clone().unwrap_or_else(|| {
                Error::new(ErrorCode::VaultDamaged, "the vault cannot be used")
            })),
        }
    }

    /// Refuses while a vault that could hold accounts is closed: accounts can be added before
    /// there is a vault, and not while it is locked.
    pub fn need_not_locked(&self) -> Result<()> {
        if self.vault.state == VaultState::Missing { Ok(()) } else { self.need_open() }
    }

    pub fn account(&self, id: AccountId) -> Result<&Account> {
        self.accounts.get(&id).ok_or_else(|| not_found("account", id))
    }

    pub fn account_mut(&mut self, id: AccountId) -> Result<&mut Account> {
        self.accounts.get_mut(&id).ok_or_else(|| not_found("account", id))
    }

    pub fn credential(&self, id: CredentialId) -> Result<&CredentialMeta> {
        self.need_open()?;
        self.credentials.get(&id).ok_or_else(|| not_found("credential", id))
    }

    /// Forgets everything that only an open vault may show. Flows end with it: what they
    /// would bring could not be kept.
    pub fn close(&mut self, watched: Vec<Watch>) {
        self.vault.state = VaultState::Locked;
        self.accounts.clear();
        self.credentials.clear();
        self.missing.clear();
        self.flows.clear();
        self.alerts.retain(|_, alert| alert.account.is_none() && alert.credential.is_none());
        self.watched = watched;
    }

    /// What the expiry plan looks at: the credentials, or what is known of them while locked.
    pub fn watches(&self) -> Vec<Watch> {
        if self.vault.state != VaultState::Unlocked {
            return self.watched.clone();
        }
        let alive = self.credentials.values().filter(|meta| meta.revoked.is_none());
        alive
            .map(|meta| Watch { id: meta.id, kind: meta.kind, expires: meta.expires.map(minute) })
            .collect()
    }

    pub fn credential_view(&self, now: Timestamp, meta: &CredentialMeta) -> CredentialView {
        let account = self.accounts.get(&meta.account);
        CredentialView {
            id: meta.id,
            kind: meta.kind,
            name: meta.name.clone(),
            account: meta.account,
            platform: account.map_or_else(String::new, |a| a.meta.platform.clone()),
            workspace: meta.workspace.clone(),
            platform_id: meta.platform_id.clone(),
            created: meta.created,
            expires: meta.expires,
            end_confirmed: meta.end_confirmed,
            state: self.credential_state(now, meta),
            installations: 0,
            verified_at: meta.verified,
            s3: meta.s3.clone(),
            fields: fields(meta, account),
            snippets: snippets(meta),
            templates: account
                .and_then(|account| account.facts.templates.get(&meta.kind).cloned())
                .unwrap_or_default(),
            permissions: meta.permissions.clone(),
            owner: meta.owner.clone(),
        }
    }

    fn credential_state(&self, now: Timestamp, meta: &CredentialMeta) -> CredentialState {
        if meta.revoked.is_some() {
            return CredentialState::Revoked;
        }
        let by_end = expiry::state(now, meta.kind, meta.expires);
        if by_end != CredentialState::Expired && self.missing.contains(&meta.id) {
            return CredentialState::Missing;
        }
        by_end
    }

    pub fn snapshot(&self, now: Timestamp) -> Snapshot {
        let mut accounts: Vec<AccountView> = self.accounts.values().map(Account::view).collect();
        accounts.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        let mut credentials: Vec<CredentialView> =
            self.credentials.values().map(|meta| self.credential_view(now, meta)).collect();
        credentials.sort_by_key(|c| (c.expires.unwrap_or(Timestamp::MAX), c.name.clone(), c.id));
        let mut watched: Vec<WatchedView> = self
            .watched
            .iter()
            .filter(|_| self.vault.state != VaultState::Unlocked)
            .map(|watch| WatchedView { kind: watch.kind, expires: watch.expires })
            .collect();
        watched.sort_by_key(|w| w.expires.unwrap_or(Timestamp::MAX));
        Snapshot {
            revision: self.revision,
            agent: self.agent.clone(),
            vault: self.vault.clone(),
            accounts,
            credentials,
            watched,
            flows: self.flows.values().cloned().collect(),
            activities: self.activities.values().cloned().collect(),
            alerts: self.alerts.values().cloned().collect(),
            offline: self.offline,
            settings: self.settings.clone(),
        }
    }
}

impl Account {
    pub fn view(&self) -> AccountView {
        AccountView {
            id: self.meta.id,
            name: self.meta.name.clone(),
            username: self.meta.username.clone(),
            platform: self.meta.platform.clone(),
            platform_name: self.facts.platform_name.clone(),
            environment: self.facts.environment.clone(),
            hub: self.facts.hub.clone(),
            client_id: self.meta.connection.get("client_id").cloned(),
            sign_in: self.sign_in(),
            ways: self.facts.ways.clone(),
            capabilities: self.facts.capabilities,
            refused: self.facts.refused.clone(),
            permissions: self.meta.permissions.clone(),
            key: self.meta.key,
            workspaces: self.meta.workspaces.clone(),
            manage_url: self.facts.manage_url.clone(),
        }
    }

    fn sign_in(&self) -> SignInView {
        match (self.signed_in, self.meta.ended) {
            (Some(session), _) => SignInView {
                state: SignInState::SignedIn,
                with: Some(session.with),
                until: session.until,
            },
            (None, Some((with, at))) => {
                SignInView { state: SignInState::Expired, with: Some(with), until: Some(at) }
            }
            (None, None) => match self.facts.by_key {
                Some((state, until)) => SignInView { state, with: Some(SignInWay::Paste), until },
                None => SignInView { state: SignInState::SignedOut, with: None, until: None },
            },
        }
    }
}

/// Ends are kept to the minute in the clear (security.md 3.4); the plan uses the same, so that
/// a notice is the same one locked or unlocked.
pub(crate) fn minute(at: Timestamp) -> Timestamp {
    let seconds = at.as_second();
    Timestamp::from_second(seconds - seconds.rem_euclid(60)).unwrap_or(at)
}

/// What can be copied, in the order in which tools ask for it.
fn fields(meta: &CredentialMeta, account: Option<&Account>) -> Vec<Field> {
    let username = account.is_some_and(|account| account.meta.username.is_some());
    let bearer = account.is_none_or(|account| account.facts.bearer);
    let all = match meta.kind {
        CredentialKind::ApiToken => vec![
            (Field::Username, username),
            (Field::ApiKey, true),
            (Field::BearerHeader, bearer),
            (Field::TokenId, meta.platform_id.is_some()),
        ],
        CredentialKind::KeyPair => vec![(Field::ApiKey, true), (Field::SecretKey, true)],
        CredentialKind::SessionToken => vec![(Field::Token, true), (Field::BearerHeader, true)],
        CredentialKind::S3 => {
            let parts = [Field::AccessKeyId, Field::SecretAccessKey, Field::SessionToken];
            parts.into_iter().map(|part| (part, true)).collect()
        }
    };
    all.into_iter().filter(|(_, there)| *there).map(|(field, _)| field).collect()
}

fn snippets(meta: &CredentialMeta) -> Vec<Snippet> {
    match meta.kind {
        CredentialKind::S3 => vec![Snippet::Env],
        CredentialKind::KeyPair if meta.s3.is_some() => vec![Snippet::Env],
        CredentialKind::ApiToken | CredentialKind::KeyPair | CredentialKind::SessionToken => {
            Vec::new()
        }
    }
}

fn not_found(what: &str, id: Id) -> Error {
    Error::new(ErrorCode::NotFound, format!("there is no {what} {id}")).with("id", id)
}
