//! One error type for everything a client can be told.
//!
//! An error carries facts: a code, a sentence of what happened, and parameters. The words of
//! what was kept and what to do live at the edges (`ui/src/lib/errors.ts`, `cli/src/words.rs`),
//! one row per code; nobody matches on text. Messages never hold a secret, a header, a query
//! string or a body of an endpoint that hands out secrets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The result of everything a client can ask for.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as a client may branch on it. A code exists only where a client acts
/// differently on it or has its own words for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// There is no vault yet.
    NoVault,
    /// There is a vault already; it was not touched.
    VaultExists,
    /// The vault is locked.
    VaultLocked,
    /// The passphrase does not open the vault.
    WrongPassphrase,
    /// A new passphrase is too short. `params`: `least` (characters).
    WeakPassphrase,
    /// The vault's bytes are not what was written.
    VaultDamaged,
    /// The vault was written by a newer Wayleave.
    VaultNewer,
    /// The file is not a vault.
    VaultForeign,
    /// Another process holds the vault. `params`: `pid` when known.
    VaultInUse,
    /// The vault cannot be written: full, read-only, or no permission.
    VaultUnwritable,
    /// No keyring answers on this computer, or it refused.
    NoKeyring,

    /// Nobody is signed in to the account.
    NotSignedIn,
    /// The sign-in had a session, and it has ended. `params`: `at` (RFC 3339) when known.
    SessionEnded,
    /// The platform or the user refused the sign-in.
    SignInRefused,
    /// The sign-in did not end well for another reason.
    SignInFailed,
    /// Another sign-in to this account is still open. `params`: `flow`.
    SignInOpen,
    /// The sign-in flow is over or was never there.
    FlowUnknown,
    /// Signing in with the browser needs a client id that is not configured.
    NoClientId,
    /// The user cancelled.
    Cancelled,

    /// The platform knows who asks and says no.
    Forbidden,
    /// The platform does not accept what it was asked. `params`: `field` when known.
    Rejected,
    /// What was asked for is not there.
    NotFound,
    /// More than one thing answers to the name given. `params`: `matches`.
    Ambiguous,
    /// The platform cannot do this, or has shown that it does not do it for this account.
    /// `params`: `url` where it can be done by hand.
    NotSupported,
    /// Too many requests. `params`: `retry_after` (seconds) when known.
    RateLimited,
    /// The platform has a fault of its own.
    PlatformUnavailable,
    /// The platform could not be reached. `params`: `host`.
    Offline,
    /// No answer within the time limit.
    TimedOut,
    /// The server's certificate was not accepted. `params`: `host`.
    Tls,
    /// This computer's clock and the platform's differ by minutes. `params`: `seconds` that ours is
    /// behind (negative: ahead), `host`.
    ClockOff,
    /// The answer was not what the contract says.
    UnexpectedAnswer,
    /// A request was sent and its outcome is not known; nothing is sent twice.
    OutcomeUnknown,
    /// A token was issued, could not be stored, and was revoked again. `params`: `revoked`.
    IssuedButNotStored,

    /// A value is not acceptable. `params`: `field`.
    InvalidInput,
    /// A name is empty or longer than allowed. `params`: `max`.
    InvalidName,
    /// A lifetime is out of range. `params`: `min`, `max`, `unit` (`days`, `hours`), or none where
    /// tokens have no end.
    InvalidLifetime,
    /// The address is not https (and not a loopback host), or no address at all.
    InvalidAddress,
    /// The address is no such platform.
    NotThisPlatform,
    /// A Token ID was given where the key belongs.
    TokenIdNotKey,
    /// The user name that this needs is not known.
    NoUsername,
    /// The token has not ended: forgetting it asks to revoke first. `params`: `expires`.
    StillValid,
    /// The credential has ended. `params`: `expires`.
    Expired,
    /// A one-time ticket is spent, too old or unknown.
    TicketSpent,

    /// The agent could not be started or reached.
    AgentUnreachable,
    /// The agent speaks another version. `params`: `agent`, `client`.
    AgentVersion,
    /// The agent is too busy to answer.
    AgentBusy,
    /// There is no display to show a window or hold a clipboard.
    NoDisplay,
    /// A notice is due, and no desktop shows it.
    NoticeNotShown,
    /// A tool that this needs is not installed. `params`: `tool`.
    ToolMissing,
    /// A file could not be read or written. `params`: `path`.
    FileProblem,
    /// A fault of Wayleave.
    Internal,
}

/// What happened, as facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[error("{message}")]
pub struct Error {
    /// What to branch on.
    pub code: ErrorCode,
    /// One English sentence of what happened, without a full stop, for logs and the CLI.
    pub message: String,
    /// Facts to fill words with.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
}

impl Error {
    /// An error with its sentence.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), params: BTreeMap::new() }
    }

    /// Adds a fact.
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.params.insert(name.into(), value.to_string());
        self
    }

    /// A fault of ours: something that cannot happen did.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Internal, message)
    }
}
