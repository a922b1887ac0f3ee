//! What can go wrong at a platform, in one form for all of them (platforms.md F).
//!
//! An error names the operation, the status and a correlation id. It never holds a request, a
//! header, a query, or the body of an answer that may carry a secret. What a server said is kept
//! apart ([`Facts::said`]), at most 300 characters, without markup, and is shown as the
//! server's words.

use std::fmt;
use std::time::Duration;

use crate::error::{Error, ErrorCode};

/// What was being done.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Asking whether an address is such a platform.
    Probe,
    /// Signing in.
    SignIn,
    /// Renewing a session.
    Refresh,
    /// Ending a session.
    SignOut,
    /// Finding out who is signed in.
    Identify,
    /// Reading the workspaces.
    Workspaces,
    /// Reading the tokens of a workspace.
    List,
    /// Requesting a token.
    Issue,
    /// Revoking a token.
    Revoke,
    /// Asking whether a key works.
    Verify,
    /// Requesting S3 credentials.
    S3,
    /// Having the platform replace a token's key.
    Rotate,
    /// Changing name and permissions of a token.
    Edit,
    /// Reading a token's key again.
    ReadKey,
    /// Requesting a session token.
    Session,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Probe => "looking at the address",
            Self::SignIn => "signing in",
            Self::Refresh => "renewing the session",
            Self::SignOut => "signing out",
            Self::Identify => "asking for the user name",
            Self::Workspaces => "reading the workspaces",
            Self::List => "reading the tokens",
            Self::Issue => "requesting the token",
            Self::Revoke => "revoking the token",
            Self::Verify => "checking the key",
            Self::S3 => "requesting S3 credentials",
            Self::Rotate => "rotating the token",
            Self::Edit => "changing the token",
            Self::ReadKey => "reading the key",
            Self::Session => "requesting a session token",
        })
    }
}

/// How the network failed. `sent` in [`Kind::Network`] says whether the platform may have seen
/// the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkKind {
    /// The host's name was not found.
    Dns,
    /// The host did not take the connection, or there is no way to it.
    Refused,
    /// The certificate or the TLS handshake was refused.
    Tls,
    /// No answer within the time limit.
    Timeout,
    /// The connection broke before the whole answer was there.
    Broken,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The platform does not accept who asks: nobody, an ended session or a dead key.
    Unauthenticated,
    /// The platform knows who asks and says no.
    Forbidden,
    /// It is not there.
    NotFound,
    /// It is there already.
    Conflict,
    /// The platform does not accept what was asked: field and text, as far as it told.
    Validation(Vec<(String, String)>),
    /// Too many requests.
    RateLimited {
        /// How long to wait, when told.
        retry_after: Option<Duration>,
    },
    /// The platform has a fault of its own.
    Unavailable,
    /// The network failed.
    Network {
        /// How.
        kind: NetworkKind,
        /// Whether the request may have reached the platform.
        sent: bool,
    },
    /// The answer is not what the contract says; the text says what is wrong with it.
    Protocol(&'static str),
    /// It is not offered; it may be done by hand at the address.
    NotSupported {
        /// Where.
        url: Option<String>,
    },
    /// The address is no such platform.
    NotThisPlatform,
    /// The address may not be asked: not https, or not a loopback host.
    Address,
    /// A request was sent and what it did is not known.
    OutcomeUnknown,
    /// The session changed and could not be stored; the request was not sent.
    NotStored(Box<Error>),
}

/// An error of a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformError {
    /// What went wrong.
    pub kind: Kind,
    /// What was being done.
    pub operation: Operation,
    /// The answer's status, when there was one.
    pub status: Option<u16>,
    /// What may be the reason, as a sentence of ours.
    pub hint: Option<&'static str>,
    /// Further facts, apart so that an error stays small.
    pub facts: Box<Facts>,
}

/// What an error knows besides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The host that was asked.
    pub host: String,
    /// The platform's own id of the request, for a support request.
    pub correlation: Option<String>,
    /// The server's words, shortened and cleaned.
    pub said: Option<String>,
}

impl PlatformError {
    /// An error without an answer behind it.
    pub fn new(operation: Operation, host: impl Into<String>, kind: Kind) -> Self {
        let facts = Box::new(Facts { host: host.into(), ..Facts::default() });
        Self { kind, operation, status: None, hint: None, facts }
    }

    /// Adds what may be the reason.
    pub fn hinted(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// The same facts, seen as something else.
    pub fn becoming(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Whether the same request may succeed later without anything being changed.
    pub fn retryable(&self) -> bool {
        matches!(self.kind, Kind::RateLimited { .. } | Kind::Unavailable | Kind::Network { .. })
    }

    /// Whether a request that changes something may have been carried out all the same.
    pub fn may_have_happened(&self) -> bool {
        match &self.kind {
            Kind::Network { sent, .. } => *sent,
            Kind::Unavailable | Kind::Protocol(_) | Kind::OutcomeUnknown => true,
            Kind::Unauthenticated
            | Kind::Forbidden
            | Kind::NotFound
            | Kind::Conflict
            | Kind::Validation(_)
            | Kind::RateLimited { .. }
            | Kind::NotSupported { .. }
            | Kind::NotThisPlatform
            | Kind::Address
            | Kind::NotStored(_) => false,
        }
    }

    /// What a client branches on.
    pub fn code(&self) -> ErrorCode {
        match &self.kind {
            Kind::Unauthenticated => ErrorCode::SessionEnded,
            Kind::Forbidden => ErrorCode::Forbidden,
            Kind::NotFound => ErrorCode::NotFound,
            Kind::Conflict | Kind::Validation(_) => ErrorCode::Rejected,
            Kind::RateLimited { .. } => ErrorCode::RateLimited,
            Kind::Unavailable => ErrorCode::PlatformUnavailable,
            Kind::Network { kind, .. } => match kind {
                NetworkKind::Dns | NetworkKind::Refused | NetworkKind::Broken => ErrorCode::Offline,
                NetworkKind::Tls => ErrorCode::Tls,
                NetworkKind::Timeout => ErrorCode::TimedOut,
            },
            Kind::Protocol(_) => ErrorCode::UnexpectedAnswer,
            Kind::NotSupported { .. } => ErrorCode::NotSupported,
            Kind::NotThisPlatform => ErrorCode::NotThisPlatform,
            Kind::Address => ErrorCode::InvalidAddress,
            Kind::OutcomeUnknown => ErrorCode::OutcomeUnknown,
            Kind::NotStored(error) => error.code,
        }
    }

    fn what(&self) -> &'static str {
        match &self.kind {
            Kind::Unauthenticated => "the platform did not accept the sign-in or key",
            Kind::Forbidden => "the platform did not permit it",
            Kind::NotFound => "the platform found nothing there",
            Kind::Conflict => "the platform says it is there already",
            Kind::Validation(_) => "the platform did not accept what was asked",
            Kind::RateLimited { .. } => "the platform asks to wait",
            Kind::Unavailable => "the platform has a fault of its own",
            Kind::Network { kind, .. } => match kind {
                NetworkKind::Dns => "the host's name was not found",
                NetworkKind::Refused => "the host could not be reached",
                NetworkKind::Tls => "the server's certificate was not accepted",
                NetworkKind::Timeout => "there was no answer within the time limit",
                NetworkKind::Broken => "the connection broke before the answer was complete",
            },
            Kind::Protocol(what) => what,
            Kind::NotSupported { .. } => "the platform does not offer it",
            Kind::NotThisPlatform => "the address is no such platform",
            Kind::Address => "the address is neither https nor a loopback host",
            Kind::OutcomeUnknown => "it was sent, and what came of it is not known",
            Kind::NotStored(_) => "the renewed session could not be stored",
        }
    }
}

impl fmt::Display for PlatformError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.what())?;
        if let Some(status) = self.status {
            write!(f, " (status {status})")?;
        }
        Ok(())
    }
}

impl std::error::Error for PlatformError {}

impl From<PlatformError> for Error {
    fn from(error: PlatformError) -> Self {
        let mut told = Self::new(error.code(), error.to_string()).with("host", &error.facts.host);
        match &error.kind {
            Kind::NotStored(stored) => return (**stored).clone(),
            Kind::RateLimited { retry_after: Some(wait) } => {
                told = told.with("retry_after", wait.as_secs());
            }
            Kind::NotSupported { url: Some(url) } => told = told.with("url", url),
            Kind::Validation(fields) => {
                if let Some((field, _)) = fields.first() {
                    told = told.with("field", field);
                }
            }
            Kind::Unauthenticated
            | Kind::Forbidden
            | Kind::NotFound
            | Kind::Conflict
            | Kind::RateLimited { .. }
            | Kind::Unavailable
            | Kind::Network { .. }
            | Kind::Protocol(_)
            | Kind::NotSupported { .. }
            | Kind::NotThisPlatform
            | Kind::Address
            | Kind::OutcomeUnknown => {}
        }
        let facts = [
            ("status", error.status.map(|status| status.to_string())),
            ("said", error.facts.said),
            ("hint", error.hint.map(str::to_owned)),
            ("correlation", error.facts.correlation),
        ];
        for (name, fact) in facts {
            if let Some(fact) = fact {
                told = told.with(name, fact);
            }
        }
        told
    }
}
