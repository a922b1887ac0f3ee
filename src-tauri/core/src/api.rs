//! The one protocol: all that a client may ask and all that it may know.
//!
//! [`Ask`] and [`Answer`] hold no secret and are what the window's page speaks; TypeScript types
//! are generated from them (`make bindings`). [`Confide`] and
//! [`Disclosure`] are the few exchanges that carry a [`Disclosed`]; they have no TypeScript twin.
//! [`Snapshot`] is the whole visible state, pushed after each change: no deltas, no polling.
//!
//! It is a table, and longer than a file of code may be, so that the surface is seen whole.
//! Times are RFC 3339 UTC. `None` means "not known" or "not applicable", as each field says.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use crate::credential::{
    AccountId, CredentialId, CredentialKind, Field, Id, KeyOwner, OwnerKind, S3Location, Snippet,
};
use crate::error::{Error, ErrorCode};
use crate::secret::Disclosed;

/// Version of the protocol; raised when a frame, a request or an answer changes its meaning.
pub const PROTOCOL: u16 = 1;

/// Longest accepted name of a credential, in characters (EODH's own limit, platforms.md A.3).
pub const NAME_MAX: usize = 128;

/// One frame from a client.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// A question or an order without a secret in it or in its answer.
    Ask(Ask),
    /// One that carries or yields a secret.
    Confide(Confide),
    /// Keep the connection open and push every snapshot, the current one first.
    Subscribe,
}

impl Request {
    /// Whether it is about what the agent knows and changes nothing anywhere, so that asking it a
    /// second time is harmless.
    pub const fn only_looks(&self) -> bool {
        matches!(
            self,
            Self::Ask(
                Ask::Snapshot
                    | Ask::VaultInfo
                    | Ask::VaultCheck
                    | Ask::Platforms
                    | Ask::History { .. }
                    | Ask::QgisInstalls
            )
        )
    }
}

/// One frame from the agent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// Answers [`Request::Ask`].
    Answer(Answer),
    /// Answers [`Request::Confide`].
    Disclosure(Disclosure),
    /// One push of a subscription.
    Snapshot(Box<Snapshot>),
    /// It could not be done.
    Failed(Error),
}

/// What a client may ask for without a secret changing hands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// The current snapshot. → [`Answer::Snapshot`]
    Snapshot,
    /// Ends the agent after running commits. → [`Answer::Done`]
    Stop,

    /// Makes the vault with a keyring slot only. → [`Answer::Done`]
    CreateWithKeyring,
    /// Opens the vault with what the keyring holds. → [`Answer::Done`]
    UnlockWithKeyring,
    /// Closes the vault to everybody. → [`Answer::Done`]
    Lock,
    /// What the vault file is made of. → [`Answer::Vault`]
    VaultInfo,
    /// Verifies every record and the root. → [`Answer::Vault`]
    VaultCheck,

    /// The platforms there are. → [`Answer::Platforms`]
    Platforms,
    /// Adds an account. → [`Answer::Account`]
    AddAccount(NewAccount),
    /// Changes what the user set of an account. → [`Answer::Account`]
    EditAccount {
        /// Which.
        account: AccountId,
        /// A new display name.
        name: Option<String>,
        /// The user name at the platform, asked for once where it cannot be found.
        username: Option<String>,
        /// The client id for the browser and device ways; empty takes it away.
        client_id: Option<String>,
    },
    /// Removes an account. → [`Answer::Done`]
    RemoveAccount {
        /// Which.
        account: AccountId,
        /// What happens to its credentials.
        credentials: OnRemove,
    },
    /// Starts a sign-in. → [`Answer::Flow`]
    SignIn {
        /// To which account.
        account: AccountId,
        /// How; [`SignInWay::Paste`] is [`Confide::PasteKey`] instead.
        way: SignInWay,
    },
    /// Waits for a flow to end. → [`Answer::Account`]
    AwaitSignIn {
        /// Which flow.
        flow: Id,
    },
    /// Ends a flow without a result. → [`Answer::Done`]
    CancelSignIn {
        /// Which flow.
        flow: Id,
    },
    /// Forgets the account's session here, and ends it there when asked. → [`Answer::Done`]
    SignOut {
        /// Which account.
        account: AccountId,
        /// Also end the session at the platform.
        everywhere: bool,
    },
    /// The workspaces of an account, read from the platform. → [`Answer::Workspaces`]
    Workspaces {
        /// Which account.
        account: AccountId,
    },
    /// Forgets what the platform was seen to refuse this account, so that it is tried again.
    /// → [`Answer::Account`]
    TryAgain {
        /// Which account.
        account: AccountId,
    },

    /// Requests an API token and stores it. → [`Answer::Credential`]
    RequestToken(TokenRequest),
    /// Requests temporary S3 credentials and stores them. → [`Answer::Credential`]
    RequestS3 {
        /// Whose.
        account: AccountId,
        /// For which workspace.
        workspace: String,
        /// Names the activity in the snapshot, so that it can be cancelled.
        activity: Option<Id>,
    },
    /// Exchanges the account's key for a short-lived session token and stores it, or renews the
    /// one there is. One attempt: a wrong pair is not tried twice. → [`Answer::Credential`]
    RequestSession {
        /// Whose.
        account: AccountId,
        /// Names the activity in the snapshot.
        activity: Option<Id>,
    },
    /// Has the platform replace a token's key in one call; the new one takes the old one's
    /// place. → [`Answer::Credential`]
    Rotate {
        /// Which.
        credential: CredentialId,
        /// For how long, in the platform's unit; the platform's usual time when absent.
        lifetime: Option<u32>,
    },
    /// Changes name and permissions of a token, at the platform and here.
    /// → [`Answer::Credential`]
    EditToken {
        /// Which.
        credential: CredentialId,
        /// The new name; absent keeps it.
        name: Option<String>,
        /// The new permissions; absent keeps them.
        permissions: Option<Vec<String>>,
    },
    /// Reads a token's key from a platform that shows keys again, and stores it.
    /// → [`Answer::Credential`]
    Adopt {
        /// Whose.
        account: AccountId,
        /// In which workspace.
        workspace: String,
        /// The platform's id.
        platform_id: String,
    },
    /// Stops a running activity where that loses nothing. → [`Answer::Done`]
    CancelActivity {
        /// Which.
        activity: Id,
    },
    /// What lives on the platform. → [`Answer::RemoteTokens`]
    RemoteTokens {
        /// Whose.
        account: AccountId,
        /// In which workspace; all of them when absent.
        workspace: Option<String>,
    },
    /// Revokes a token that is not in the vault. → [`Answer::Done`]
    RevokeRemote {
        /// Whose.
        account: AccountId,
        /// In which workspace.
        workspace: String,
        /// The platform's id.
        platform_id: String,
    },
    /// Revokes on the platform and marks it revoked here. → [`Answer::Credential`]
    Revoke {
        /// Which.
        credential: CredentialId,
    },
    /// Asks the platform whether it accepts the credential. → [`Answer::Verified`]
    Verify {
        /// Which.
        credential: CredentialId,
    },
    /// Takes a credential out of the vault; its name, id, workspace and end stay in the
    /// history. → [`Answer::Done`]
    Forget {
        /// Which.
        credential: CredentialId,
        /// What to do about a token that has not ended.
        unexpired: OnForget,
    },
    /// Gives a credential another name, here only. → [`Answer::Credential`]
    Rename {
        /// Which.
        credential: CredentialId,
        /// The new name, 1 to [`NAME_MAX`] characters.
        name: String,
    },
    /// What happened, newest first. → [`Answer::History`]
    History {
        /// Of which credential; of all when absent.
        credential: Option<CredentialId>,
    },

    /// QGIS versions and profiles on this computer. → [`Answer::Qgis`]
    QgisInstalls,
    /// Makes a one-time ticket and writes the script that redeems it. The button press behind
    /// this request is the consent. → [`Answer::QgisReady`]
    PrepareQgis {
        /// The API token to put into QGIS.
        credential: CredentialId,
    },

    /// Changes the settings. → [`Answer::Done`]
    SetSettings(Settings),
    /// Takes an alert away. → [`Answer::Done`]
    DismissAlert {
        /// Which.
        alert: Id,
    },
}

/// What a client may confide to the agent, or be confided.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confide {
    /// Makes the vault. → [`Disclosure::Done`]
    Create {
        /// Opens it from now on.
        passphrase: Disclosed,
        /// Whether the keyring may open it too.
        keyring: bool,
    },
    /// Opens the vault. → [`Disclosure::Done`]
    Unlock {
        /// What the user typed.
        passphrase: Disclosed,
    },
    /// Replaces the passphrase, or sets one where only the keyring opened the vault.
    /// → [`Disclosure::Done`]
    ChangePassphrase {
        /// The one in force, absent when there is none.
        old: Option<Disclosed>,
        /// The one from now on.
        new: Disclosed,
    },
    /// The portal's cookies, from the sign-in window. → [`Disclosure::Account`]
    FinishPortal {
        /// Which flow.
        flow: Id,
        /// The flow's one-time secret.
        proof: Disclosed,
        /// A `Cookie` header's value: `name=value; name=value`.
        cookies: Disclosed,
    },
    /// The portal's cookies, typed or piped by the user. → [`Disclosure::Account`]
    SignInWithCookies {
        /// Which account.
        account: AccountId,
        /// A `Cookie` header's value, or a whole `Cookie: …` line.
        cookies: Disclosed,
    },
    /// Starts a portal sign-in. → [`Disclosure::PortalFlow`]
    StartPortal {
        /// Which account.
        account: AccountId,
    },
    /// Stores a key that the user already has. → [`Disclosure::Credential`]
    PasteKey {
        /// The key.
        key: Disclosed,
        /// The secret key, where the platform's credential is a pair.
        #[serde(default)]
        secret_key: Option<Disclosed>,
        /// All that must be told about it.
        about: PastedKey,
    },
    /// One field of a credential. → [`Disclosure::Fields`]
    Reveal {
        /// Which credential.
        credential: CredentialId,
        /// Which field; all secret fields when absent.
        field: Option<Field>,
        /// Why, for the history.
        purpose: Purpose,
    },
    /// [`Self::Reveal`] of the credential that alone has this name, so that whoever knows the name
    /// asks one question. [`ErrorCode::NotFound`] where none has it, or more than one.
    RevealNamed {
        /// Its name.
        name: String,
        /// Which field; all secret fields when absent.
        field: Option<Field>,
        /// Why, for the history.
        purpose: Purpose,
    },
    /// A ready piece of configuration. → [`Disclosure::Text`]
    Render {
        /// Which credential.
        credential: CredentialId,
        /// In which form.
        snippet: Snippet,
        /// Why, for the history.
        purpose: Purpose,
    },
    /// A credential in one of its platform's forms, [`CredentialView::templates`].
    /// → [`Disclosure::Text`]
    RenderTemplate {
        /// Which credential.
        credential: CredentialId,
        /// The form's id.
        template: String,
        /// Why, for the history.
        purpose: Purpose,
    },
    /// What QGIS' script exchanges its ticket for. → [`Disclosure::Qgis`]
    RedeemTicket {
        /// The ticket.
        ticket: Disclosed,
    },
}

/// What the agent answers to [`Ask`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "answer", content = "value", rename_all = "snake_case")]
pub enum Answer {
    /// It is done.
    Done,
    /// The current state.
    Snapshot(Box<Snapshot>),
    /// The vault file.
    Vault(VaultInfo),
    /// The platforms there are.
    Platforms(Vec<PlatformView>),
    /// One account.
    Account(AccountView),
    /// A sign-in that has begun.
    Flow(FlowView),
    /// Workspaces, sorted by name.
    Workspaces(Vec<WorkspaceView>),
    /// One credential.
    Credential(CredentialView),
    /// Tokens on the platform.
    RemoteTokens(Vec<RemoteTokenView>),
    /// The outcome of a check.
    Verified(VerifyView),
    /// What happened.
    History(Vec<HistoryView>),
    /// QGIS on this computer.
    Qgis(Vec<QgisView>),
    /// QGIS can be told now.
    QgisReady(QgisReady),
}

/// What the agent answers to [`Confide`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disclosure {
    /// It is done.
    Done,
    /// Fields of a credential, in the order of its kind.
    Fields {
        /// Which credential.
        credential: CredentialId,
        /// What it is.
        kind: CredentialKind,
        /// The fields.
        fields: Vec<(Field, Disclosed)>,
    },
    /// Ready text.
    Text(Disclosed),
    /// The credential that was stored.
    Credential(CredentialView),
    /// The account that was signed in.
    Account(AccountView),
    /// A portal sign-in has begun: the client opens the window and hands it the proof on stdin.
    PortalFlow {
        /// The flow.
        flow: FlowView,
        /// Proves that a result belongs to this flow.
        proof: Disclosed,
    },
    /// What QGIS needs.
    Qgis {
        /// The user name for the plugin.
        username: String,
        /// The key.
        api_key: Disclosed,
        /// `production`, `staging` or `test`; `None` for a custom hub.
        environment: Option<String>,
        /// The hub's URL.
        hub: String,
        /// The workspace that the key opens.
        workspace: String,
    },
}

/// Why a secret is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To be shown.
    Reveal,
    /// To be put on the clipboard.
    Clipboard,
    /// To be printed by the command line for another program.
    Output,
}

/// The ways to sign in, in the order of platforms.md F.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum SignInWay {
    /// A window of the portal, in a process of its own.
    Portal,
    /// The system browser: code + PKCE on 127.0.0.1.
    Browser,
    /// A code typed on any device.
    Device,
    /// A key that the user already has.
    Paste,
}

/// An account to add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// The platform's id, as [`PlatformView::id`].
    pub platform: String,
    /// What the platform's connection fields hold: `environment`, `hub`, `client_id`, ….
    pub connection: BTreeMap<String, String>,
    /// A display name; made from the connection when absent.
    pub name: Option<String>,
}

/// What happens to the credentials of an account that is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum OnRemove {
    /// They stay in the vault and go on working.
    Keep,
    /// They are taken out of the vault.
    Forget,
    /// They are revoked, then taken out; a revocation that fails stops the removal.
    Revoke,
}

/// What happens to a token that has not ended when it is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum OnForget {
    /// Refuse with [`ErrorCode::StillValid`], so that revoking can be offered.
    Ask,
    /// Revoke first; stop when that fails.
    Revoke,
    /// Forget all the same: it keeps working until its end.
    Keep,
}

/// A token to request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// Whose.
    pub account: AccountId,
    /// For which workspace.
    pub workspace: String,
    /// The user's name for it, 1 to [`NAME_MAX`] characters; sent as it is.
    pub name: String,
    /// For how long, in the unit of [`PlatformView::expiry`]; absent where tokens have no end.
    pub lifetime: Option<u32>,
    /// What it may do: of [`PermissionsView::all`], or any other text where the catalogue is
    /// open. Empty where the platform has no permissions to choose.
    #[serde(default)]
    pub permissions: Vec<String>,
    /// Names the activity in the snapshot, so that it can be cancelled.
    pub activity: Option<Id>,
}

/// What the user tells about a pasted key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct PastedKey {
    /// To which account it belongs.
    pub account: AccountId,
    /// The workspace it opens; empty where the platform tells it ([`ScopeView::typed`]).
    pub workspace: String,
    /// The user name at the platform, if known; kept with the account.
    pub username: Option<String>,
    /// A name for it.
    pub name: String,
    /// The platform's Token ID, if known.
    pub token_id: Option<String>,
    /// When it was made, as the user says.
    #[cfg_attr(feature = "ts", ts(type = "string | null"))]
    pub made: Option<Timestamp>,
    /// When it ends, as the user says; `None`: no end known.
    #[cfg_attr(feature = "ts", ts(type = "string | null"))]
    pub expires: Option<Timestamp>,
    /// Whose it is at the platform, if told.
    #[serde(default)]
    pub owner: Option<KeyOwner>,
}

/// The whole visible state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Snapshot {
    /// Grows by one with each change; a client ignores one that is not newer.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub revision: u64,
    /// Who says so.
    pub agent: AgentView,
    /// The vault.
    pub vault: VaultView,
    /// Accounts, sorted by name. Empty while locked.
    pub accounts: Vec<AccountView>,
    /// Credentials, sorted by end (no end last). Empty while locked: then see `watched`.
    pub credentials: Vec<CredentialView>,
    /// All that is known of credentials while locked.
    pub watched: Vec<WatchedView>,
    /// Sign-ins under way.
    pub flows: Vec<FlowView>,
    /// Long work under way.
    pub activities: Vec<ActivityView>,
    /// What the user should know; dismissable.
    pub alerts: Vec<AlertView>,
    /// Whether the last attempt to reach a platform found the network.
    pub offline: bool,
    /// The settings.
    pub settings: Settings,
}

/// The agent itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct AgentView {
    /// Its process id.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Since when it runs.
    #[cfg_attr(feature = "ts", ts(type = "string"))]
    pub since: Timestamp,
}

/// The vault, as far as anybody may know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct VaultView {
    /// Where things stand.
    pub state: VaultState,
    /// Its file.
    pub path: String,
    /// What opens it.
    pub slots: Vec<SlotKind>,
    /// Whether a keyring answers on this computer.
    pub keyring: bool,
    /// Why it cannot be used, when it cannot.
    pub problem: Option<Error>,
}

/// Where the vault stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum VaultState {
    /// There is none yet.
    Missing,
    /// Nobody can read it now.
    Locked,
    /// Being opened.
    Opening,
    /// Open.
    Unlocked,
    /// There is a file, and it cannot be used: see [`VaultView::problem`].
    Unusable,
}

/// What opens a vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum SlotKind {
    /// A passphrase.
    Passphrase,
    /// The keyring of this computer.
    Keyring,
}

/// The vault file, read and checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct VaultInfo {
    /// Its file.
    pub path: String,
    /// Format number.
    pub format: u32,
    /// Its random id, hex.
    pub vault_id: String,
    /// Transactions so far.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub epoch: u64,
    /// Records in it.
    pub records: u32,
    /// Size in bytes.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub size: u64,
    /// What opens it.
    pub slots: Vec<SlotView>,
    /// Every PRAGMA as read back from the open connection.
    pub pragmas: BTreeMap<String, String>,
    /// Whether every record and the root were verified just now.
    pub checked: bool,
}

/// One key slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct SlotView {
    /// Its random id, hex.
    pub id: String,
    /// What opens it.
    pub kind: SlotKind,
    /// Argon2id memory in MiB, for a passphrase.
    pub memory_mib: Option<u32>,
    /// Argon2id passes, for a passphrase.
    pub passes: Option<u32>,
}

/// A platform, as far as a screen or the command line needs to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct PlatformView {
    /// `eodh`, ….
    pub id: String,
    /// Display name.
    pub name: String,
    /// Two letters for its badge.
    pub badge: String,
    /// One line under its name.
    pub subtitle: String,
    /// What must be given to connect.
    pub fields: Vec<ConnectionField>,
    /// Connections offered as tiles of the first run: the platform's own, and what the agent
    /// was started with (`make demo` registers the sandbox).
    pub tiles: Vec<Tile>,
    /// The ways to sign in, preferred first.
    pub ways: Vec<SignInWay>,
    /// What its keys are called, and what they look like.
    pub key_hint: String,
    /// Where its first key is made, in a sentence; empty where signing in makes keys.
    pub first_key: String,
    /// The secret parts of a key that is pasted: one, or two.
    pub parts: Vec<KeyPart>,
    /// Whether the owner of a pasted key can be told: a person or a service account.
    pub owners: bool,
    /// Whether QGIS has a plugin of the platform that takes its keys.
    pub qgis: bool,
    /// What a key opens.
    pub scope: ScopeView,
    /// How the end of a token is given.
    pub expiry: ExpiryInput,
    /// Lifetimes of API tokens, for [`ExpiryInput::Days`] and [`ExpiryInput::Hours`].
    pub lifetime: Option<LifetimeRange>,
    /// Whether names of tokens are their ids: unique, and `a-z 0-9 _ -` only.
    pub names_are_ids: bool,
    /// The permissions of tokens, where the user chooses them.
    pub permissions: Option<PermissionsView>,
    /// S3 credentials, where it has them.
    pub s3: Option<S3Offer>,
    /// Session tokens that a key can be exchanged for.
    pub session: Option<SessionOffer>,
}

/// One secret part of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct KeyPart {
    /// `api_key` or `secret_key`.
    pub field: Field,
    /// What the platform calls it.
    pub label: String,
}

/// What a key opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct ScopeView {
    /// What the platform calls it: `Workspace`, `Portal`, ….
    pub label: String,
    /// Whether the user types it when a key is pasted; else the connection or the platform
    /// tells it, and an account has one.
    pub typed: bool,
}

/// How the end of a token is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ExpiryInput {
    /// A number of days.
    Days,
    /// A number of hours.
    Hours,
    /// Tokens have no end.
    None,
    /// The platform does not tell; the user may type the date chosen there.
    Manual,
}

/// Permissions of tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct PermissionsView {
    /// Those that are known, in the platform's order.
    pub all: Vec<PermissionView>,
    /// Those that are ticked at first.
    pub preset: Vec<String>,
}

/// One permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct PermissionView {
    /// What is sent.
    pub id: String,
    /// What it means.
    pub label: String,
}

/// S3 credentials of a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct S3Offer {
    /// How they are had.
    pub mode: S3Mode,
    /// Seconds that they last; absent where they last as long as the key.
    pub seconds: Option<u32>,
}

/// How S3 credentials are had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum S3Mode {
    /// Requested from the platform, for a while.
    Requested,
    /// The key pair opens S3 as it is.
    Pair,
}

/// Session tokens of a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct SessionOffer {
    /// Seconds that they last where the platform does not tell.
    pub seconds: u32,
}

/// A connection that needs no typing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Tile {
    /// Display name.
    pub name: String,
    /// One line under it: the host.
    pub subtitle: String,
    /// What [`NewAccount::connection`] is to hold.
    pub connection: BTreeMap<String, String>,
}

/// One thing to give in order to connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct ConnectionField {
    /// Its key in [`NewAccount::connection`].
    pub key: String,
    /// Its label.
    pub label: String,
    /// What may be given.
    pub kind: FieldKind,
    /// The choices of [`FieldKind::Choice`].
    pub options: Vec<String>,
    /// What is preset.
    pub default: Option<String>,
    /// Whether it must be given.
    pub required: bool,
    /// One sentence of help.
    pub help: String,
}

/// What may be given in a connection field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// One of the options.
    Choice,
    /// An https address.
    Url,
    /// A host, with or without `https://`.
    Host,
    /// Any text.
    Text,
}

/// Lifetimes, in the unit of [`PlatformView::expiry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct LifetimeRange {
    /// Shortest.
    pub min: u32,
    /// Longest that is offered.
    pub max: u32,
    /// Preset.
    pub default: u32,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct AccountView {
    /// Our id.
    pub id: AccountId,
    /// Display name.
    pub name: String,
    /// User name at the platform, once known.
    pub username: Option<String>,
    /// The platform's id.
    pub platform: String,
    /// The platform's display name.
    pub platform_name: String,
    /// `production`, `staging`, `test`; `None` for a custom hub.
    pub environment: Option<String>,
    /// The hub's URL.
    pub hub: String,
    /// The client id for browser and device, when configured.
    pub client_id: Option<String>,
    /// Who is signed in, and until when.
    pub sign_in: SignInView,
    /// Ways that can be used now, preferred first.
    pub ways: Vec<SignInWay>,
    /// What can be done with this account now.
    pub capabilities: Capabilities,
    /// What was seen to be refused, so that [`Ask::TryAgain`] has something to forget.
    pub refused: Vec<Ability>,
    /// Permissions that a token of this account can be given, where the platform told them.
    pub permissions: Option<Vec<String>>,
    /// The credential that the account acts with, where keys are the only way to sign in.
    pub key: Option<CredentialId>,
    /// Workspaces as last read, sorted by name.
    pub workspaces: Vec<WorkspaceView>,
    /// Where keys are managed by hand.
    pub manage_url: Option<String>,
}

/// Whether somebody is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct SignInView {
    /// Where it stands.
    pub state: SignInState,
    /// How the session came about.
    pub with: Option<SignInWay>,
    /// When it ends if nothing renews it, or when it ended.
    #[cfg_attr(feature = "ts", ts(type = "string | null"))]
    pub until: Option<Timestamp>,
}

/// Where a sign-in stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum SignInState {
    /// Nobody.
    SignedOut,
    /// Somebody.
    SignedIn,
    /// There was a session, and it ended by itself.
    Expired,
}

/// What an account can do: its descriptor narrowed by what was learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Capabilities {
    /// Request a token.
    pub issue: Support,
    /// List tokens.
    pub list: Support,
    /// Revoke a token.
    pub revoke: Support,
    /// Rotate in one call.
    pub rotate: Support,
    /// Change name and permissions of a token.
    pub edit: Support,
    /// Read a token's key again.
    pub read_key: Support,
    /// Get S3 credentials.
    pub s3: Support,
    /// Get session tokens.
    pub session: Support,
}

/// One of [`Capabilities`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// Request a token.
    Issue,
    /// List tokens.
    List,
    /// Revoke a token.
    Revoke,
    /// Rotate in one call.
    Rotate,
    /// Change name and permissions of a token.
    Edit,
    /// Read a token's key again.
    ReadKey,
    /// Get S3 credentials.
    S3,
    /// Get session tokens.
    Session,
}

/// Whether something can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Support {
    /// It can.
    Yes,
    /// It cannot.
    No,
    /// The first real answer will tell.
    Unknown,
}

/// A workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct WorkspaceView {
    /// Its name, which is also its id.
    pub name: String,
    /// As the platform says it.
    pub status: String,
    /// Whether tokens can be requested for it.
    pub can_issue: bool,
    /// Where its objects are; `None` while there is no store that is ready.
    pub s3: Option<S3Location>,
}

/// A credential without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct CredentialView {
    /// Our id.
    pub id: CredentialId,
    /// What it is.
    pub kind: CredentialKind,
    /// The user's name for it.
    pub name: String,
    /// Whose it is.
    pub account: AccountId,
    /// The platform's id.
    pub platform: String,
    /// The workspace it opens.
    pub workspace: String,
    /// The platform's id of it, where known.
    pub platform_id: Option<String>,
    /// When it was made.
    #[cfg_attr(feature = "ts", ts(type = "string | null"))]
    pub created: Option<Timestamp>,
    /// When it ends; `None` when no end is known.
    #[cfg_attr(feature = "ts", ts(type = "string | null"))]
    pub expires: Option<Timestamp>,
    /// Whether the platform told the end.
    pub end_confirmed: bool,
    /// Where it stands.
    pub state: CredentialState,
    /// Places it was put.
    pub installations: u32,
    /// When the platform last accepted it.
    #[cfg_attr(feature = "ts", ts(type = "string | null"))]
    pub verified_at: Option<Timestamp>,
    /// S3: where its objects are.
    pub s3: Option<S3Location>,
    /// What can be copied of it, in the order of its kind.
    pub fields: Vec<Field>,
    /// In which ready forms it can be had.
    pub snippets: Vec<Snippet>,
    /// Forms for the tools that read this platform.
    pub templates: Vec<TemplateView>,
    /// What it may do, in the platform's own words.
    pub permissions: Vec<String>,
    /// Whose it is at the platform, where the user told.
    pub owner: Option<KeyOwner>,
}

/// A form of a credential for a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct TemplateView {
    /// Its id, unique among those of the credential.
    pub id: String,
    /// What it is for.
    pub label: String,
}

/// Where a credential stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum CredentialState {
    /// It works, as far as is known.
    Active,
    /// It ends within the first lead of its kind.
    Expiring,
    /// It has ended.
    Expired,
    /// It was revoked.
    Revoked,
    /// The platform does not list it.
    Missing,
}

/// A credential in a locked vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct WatchedView {
    /// What it is.
    pub kind: CredentialKind,
    /// When it ends, to the minute.
    #[cfg_attr(feature = "ts", ts(type = "string | null"))]
    pub expires: Option<Timestamp>,
}

/// A token as the platform lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct RemoteTokenView {
    /// The platform's id.
    pub platform_id: String,
    /// Its name there.
    pub name: String,
    /// Its workspace.
    pub workspace: String,
    /// When it was made.
    #[cfg_attr(feature = "ts", ts(type = "string | null"))]
    pub created: Option<Timestamp>,
    /// When it ends.
    #[cfg_attr(feature = "ts", ts(type = "string | null"))]
    pub expires: Option<Timestamp>,
    /// Whether it is ours.
    pub state: RemoteState,
    /// Its credential in the vault.
    pub credential: Option<CredentialId>,
    /// What the platform calls this kind of token, where it has several.
    pub kind: Option<String>,
    /// What it may do, in the platform's own words.
    pub permissions: Vec<String>,
    /// That it was revoked, on platforms that keep such rows.
    pub revoked: Option<RevocationView>,
}

/// A revocation as the platform keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct RevocationView {
    /// When, where told.
    #[cfg_attr(feature = "ts", ts(type = "string | null"))]
    pub at: Option<Timestamp>,
    /// Why, where told.
    pub reason: Option<String>,
}

/// Whether a token on the platform is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum RemoteState {
    /// In the vault and on the platform.
    Ours,
    /// On the platform only.
    Orphan,
    /// In the vault only.
    Missing,
}

/// The outcome of asking the platform about a credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct VerifyView {
    /// Which.
    pub id: CredentialId,
    /// Whether it works.
    pub ok: bool,
    /// Why it does or does not.
    pub cause: VerifyCause,
}

/// Why a credential works or does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum VerifyCause {
    /// It works.
    Ok,
    /// It has ended.
    Expired,
    /// The platform does not accept it any more.
    Revoked,
    /// It opens another workspace.
    WrongWorkspace,
    /// It belongs to another environment.
    WrongEnvironment,
    /// This computer's clock is off.
    Clock,
    /// The server's certificate was not accepted.
    Tls,
    /// The platform could not be reached.
    Offline,
    /// The platform has a fault of its own.
    Server,
    /// The platform does not let it do this.
    NotPermitted,
}

/// A sign-in under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct FlowView {
    /// Its id.
    pub id: Id,
    /// To which account.
    pub account: AccountId,
    /// How.
    pub way: SignInWay,
    /// Portal: where the window starts. Browser: what to open. Device: where to type the code.
    pub url: String,
    /// Device: what to type.
    pub user_code: Option<String>,
    /// Portal: the hub's origin, whose cookies are the result.
    pub hub: String,
    /// When it is given up.
    #[cfg_attr(feature = "ts", ts(type = "string"))]
    pub until: Timestamp,
}

/// Long work under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct ActivityView {
    /// Its id.
    pub id: Id,
    /// What it does.
    pub kind: ActivityKind,
    /// On which account.
    pub account: Option<AccountId>,
    /// On which credential.
    pub credential: Option<CredentialId>,
    /// Since when.
    #[cfg_attr(feature = "ts", ts(type = "string"))]
    pub since: Timestamp,
    /// Whether cancelling loses nothing now.
    pub cancellable: bool,
}

/// Kinds of long work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ActivityKind {
    /// Requesting a token.
    RequestToken,
    /// Requesting S3 credentials.
    RequestS3,
    /// Revoking.
    Revoke,
    /// Getting a session token.
    RequestSession,
    /// Rotating.
    Rotate,
    /// Changing a token at the platform.
    Edit,
    /// Verifying.
    Verify,
    /// Reading from the platform.
    Read,
    /// Finishing a sign-in.
    SignIn,
}

/// Something the user should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct AlertView {
    /// Its id.
    pub id: Id,
    /// What it is about.
    pub error: Error,
    /// When it came up.
    #[cfg_attr(feature = "ts", ts(type = "string"))]
    pub at: Timestamp,
    /// On which account.
    pub account: Option<AccountId>,
    /// On which credential.
    pub credential: Option<CredentialId>,
}

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct HistoryView {
    /// When.
    #[cfg_attr(feature = "ts", ts(type = "string"))]
    pub at: Timestamp,
    /// What.
    pub event: HistoryEvent,
    /// Its id, also after it was forgotten.
    pub credential: Option<CredentialId>,
    /// Its name then.
    pub name: String,
    /// Its workspace.
    pub workspace: String,
    /// The platform's id of it.
    pub platform_id: Option<String>,
    /// When it ends.
    #[cfg_attr(feature = "ts", ts(type = "string | null"))]
    pub expires: Option<Timestamp>,
    /// Which field or snippet, or another fact of the event.
    pub detail: Option<String>,
}

/// What can happen to a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum HistoryEvent {
    /// Requested from the platform.
    Requested,
    /// Pasted by the user.
    Pasted,
    /// Put on the clipboard.
    Copied,
    /// Shown.
    Revealed,
    /// Printed for another program.
    Printed,
    /// Handed to QGIS.
    GivenToQgis,
    /// Accepted by the platform.
    Verified,
    /// Not accepted by the platform.
    Refused,
    /// A warning was shown.
    Warned,
    /// Revoked.
    Revoked,
    /// Taken out of the vault.
    Forgotten,
    /// Given another name.
    Renamed,
    /// Its key was replaced by the platform.
    Rotated,
    /// Its name or permissions were changed at the platform.
    Edited,
    /// Its key was read from the platform.
    Adopted,
}

/// A QGIS on this computer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct QgisView {
    /// The program; `None` when only profiles were found.
    pub program: Option<String>,
    /// `3.40.6`; `None` when it could not be told.
    pub version: Option<String>,
    /// How it was installed.
    pub packaging: QgisPackaging,
    /// Its profiles.
    pub profiles: Vec<String>,
    /// Whether *Apply* and *Open QGIS* can work: not from inside a Flatpak or Snap.
    pub can_apply: bool,
    /// Whether map layers can carry an API Header: from 3.24 (integrations.md part 1).
    pub api_header: bool,
}

/// How a QGIS was installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum QgisPackaging {
    /// From the system's packages, or unpacked.
    System,
    /// In a Flatpak sandbox.
    Flatpak,
    /// In a Snap sandbox.
    Snap,
}

/// How QGIS is told, after a ticket was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct QgisReady {
    /// The script, mode 0600, for `qgis --code`.
    pub script: String,
    /// One line for QGIS' Python Console; holds no secret.
    pub one_liner: String,
    /// When the ticket is no good any more.
    #[cfg_attr(feature = "ts", ts(type = "string"))]
    pub until: Timestamp,
}

/// What the user can set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Light, dark, or as the desktop has it.
    pub theme: Theme,
    /// Seconds until a copied secret leaves the clipboard, 10 to 120.
    pub clear_clipboard_after: u16,
    /// Minutes without use until the vault locks; `None`: never by itself.
    pub lock_after: Option<u16>,
    /// Whether notices are shown on the desktop.
    pub notices: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: Theme::System,
            clear_clipboard_after: 30,
            lock_after: Some(15),
            notices: true,
        }
    }
}

/// Which look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// As the desktop has it.
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// An answer that does not belong to the question: a fault of ours, told as one.
pub fn misplaced(question: &str) -> Error {
    Error::new(ErrorCode::Internal, format!("the agent answered {question} with something else"))
}
