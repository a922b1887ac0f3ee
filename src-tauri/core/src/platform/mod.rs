//! The platforms: one adapter per file, one closed enum, one normal form for errors.
//!
//! An adapter knows addresses, bodies and statuses. It does not know accounts, the vault or the
//! clock; who is signed in comes as a [`Session`], which sends the requests.

pub mod connection;
pub mod dataos;
pub mod descriptor;
pub mod eodh;
pub mod error;
pub mod http;
mod lenient;
pub mod oidc_sts;
pub mod opendatasoft;
pub mod ovh;
mod steps;

use std::collections::BTreeMap;
use std::future::{Future, ready};

use jiff::Timestamp;
use url::Url;

pub use self::connection::Connection;
pub use self::descriptor::{Auth, Descriptor, Finding, Learned};
pub use self::error::{Facts, Kind, NetworkKind, Operation, PlatformError};
use crate::api::{VerifyCause, WorkspaceView};
use crate::credential::CredentialSecret;
use crate::error::Error;
use crate::secret::Secret;
use crate::session::Session;

/// The result of asking a platform.
pub type Asked<T> = Result<T, PlatformError>;

/// A token as the platform lists it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RemoteToken {
    /// The platform's id; absent where it gave none.
    pub id: Option<String>,
    /// Whose it is, as the platform names its users.
    pub user_id: Option<String>,
    /// Its name; not unique.
    pub name: String,
    /// Its workspace.
    pub workspace: String,
    /// What it reaches, as the platform says it.
    pub scope: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it ends; `None`: the platform told no end.
    pub expires: Option<Timestamp>,
    /// What the platform calls this kind of token, where it has several.
    #[serde(default)]
    pub kind: Option<String>,
    /// What it may do, in the platform's own words; also such as we do not know.
    #[serde(default)]
    pub permissions: Vec<String>,
    /// That it was revoked, where the platform keeps such rows.
    #[serde(default)]
    pub revoked: Option<Revocation>,
}

/// A revocation as the platform keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Revocation {
    /// When.
    pub at: Option<Timestamp>,
    /// Why.
    pub reason: Option<String>,
}

/// A token to request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueRequest {
    /// The user's name for it, sent as it is.
    pub name: String,
    /// For how long, in the unit of the descriptor; absent where tokens have no end.
    pub lifetime: Option<u32>,
    /// What it may do; empty where the platform has no permissions to choose.
    pub permissions: Vec<String>,
}

/// What is to become of a token that is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditRequest {
    /// Its name.
    pub name: String,
    /// What it may do: all of it, also permissions that we do not know.
    pub permissions: Vec<String>,
}

/// What a platform told of a key that was just pasted.
#[derive(Debug, Default)]
pub struct Introduction {
    /// Whose key it is.
    pub username: Option<String>,
    /// What the key opens, as a workspace.
    pub scope: Option<WorkspaceView>,
    /// The key as the platform lists it.
    pub own: Option<RemoteToken>,
    /// The permissions that this user can hand on.
    pub permissions: Option<Vec<String>>,
    /// What was seen to work, or to be refused.
    pub findings: Vec<(Operation, Finding)>,
}

/// A session token just handed out, not yet stored.
#[derive(Debug)]
pub struct IssuedSession {
    /// The token.
    pub token: Secret,
    /// When it ends.
    pub expires: Timestamp,
    /// Whether the platform told that end; else it is an estimate.
    pub told: bool,
}

/// A token just handed out, not yet stored.
#[derive(Debug)]
pub struct IssuedToken {
    /// What is known about it.
    pub token: RemoteToken,
    /// The key. The platform does not show it again.
    pub key: Secret,
    /// What is odd about the answer.
    pub warnings: Vec<IssueWarning>,
}

/// What can be odd about a token just handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueWarning {
    /// The platform gave no id: it is looked for in the list afterwards.
    IdMissing,
    /// It ends more than a day earlier or later than asked.
    LifetimeDiffers,
    /// The platform told no end.
    NoEnd,
    /// The key does not look like a key of this platform.
    OddKey,
}

/// What came of a request for a token. A request is sent once, whatever comes of it.
#[derive(Debug)]
pub enum IssueOutcome {
    /// It was made; the key is here.
    Issued(Box<IssuedToken>),
    /// It was made without a key in the answer: it is of no use and should be revoked.
    WithoutKey(Box<RemoteToken>),
    /// The platform refused, or the request never left: nothing was made.
    Refused(PlatformError),
    /// Nobody knows: the list has to tell.
    Unknown(PlatformError),
}

/// S3 credentials just handed out, not yet stored.
#[derive(Debug)]
pub struct IssuedS3 {
    /// The three secret parts.
    pub secret: CredentialSecret,
    /// When they end.
    pub expires: Option<Timestamp>,
}

/// What came of a revocation that the platform did not refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoked {
    /// It was gone before.
    pub already: bool,
    /// The list was read afterwards and does not hold it.
    pub confirmed: bool,
}

/// What a platform says about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It works for its workspace, and may list tokens.
    Works,
    /// It works for its workspace, and may not list tokens.
    WorksWithoutList,
    /// It is not accepted at its own workspace: it ended, was revoked, or was never one.
    NotAccepted,
    /// It is a key, but not of this workspace.
    OtherWorkspace,
}

/// What a pasted text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyForm {
    /// It has the form of this platform's keys.
    Key,
    /// It may be one, but does not look like it: warn, do not refuse.
    Odd,
    /// It is a Token ID, not the key.
    TokenId,
    /// It is nothing that could be sent: empty, or with spaces or control characters in it.
    Unusable,
}

/// One platform. Every request goes through the session given; none is retried but reads.
pub trait Platform {
    /// What it is and can do.
    fn descriptor(&self) -> &'static Descriptor;

    /// Makes a connection of what the user gave; sends nothing.
    fn connect(&self, fields: &BTreeMap<String, String>) -> Result<Connection, Error>;

    /// Where a person manages keys by hand.
    fn manage_url(&self, connection: &Connection, workspace: Option<&str>) -> Option<Url>;

    /// What a pasted text is; sends nothing.
    fn recognise_key(&self, text: &str) -> KeyForm;

    /// Whether the address is such a platform; needs no session.
    fn probe(
        &self,
        http: &http::Http,
        connection: &Connection,
    ) -> impl Future<Output = Asked<()>> + Send;

    /// What cannot be done here by any program, and where a person can do it.
    fn not_offered(&self, session: &Session, operation: Operation) -> PlatformError {
        let connection = session.connection();
        let url = self.manage_url(connection, None).map(Into::into);
        PlatformError::new(operation, connection.host(), Kind::NotSupported { url })
    }

    /// Asks who a pasted key belongs to and what it opens. Only of platforms where a key is the
    /// sign-in; elsewhere the user tells.
    fn introduce(&self, _: &Session) -> impl Future<Output = Asked<Introduction>> + Send {
        ready(Ok(Introduction::default()))
    }

    /// The user's name at the platform, where it can be found out; never the workspace's name.
    fn identify(
        &self,
        session: &Session,
        _: &[WorkspaceView],
    ) -> impl Future<Output = Asked<Option<String>>> + Send {
        let session = session.clone();
        async move { Ok(session.username().await) }
    }

    /// The workspaces, sorted by name.
    fn workspaces(
        &self,
        session: &Session,
    ) -> impl Future<Output = Asked<Vec<WorkspaceView>>> + Send;

    /// The tokens of a workspace, in the platform's order.
    fn tokens(
        &self,
        session: &Session,
        _workspace: &str,
    ) -> impl Future<Output = Asked<Vec<RemoteToken>>> + Send {
        ready(Err(self.not_offered(session, Operation::List)))
    }

    /// Requests a token: one request, whatever comes of it.
    fn issue(
        &self,
        session: &Session,
        _workspace: &str,
        _request: &IssueRequest,
    ) -> impl Future<Output = IssueOutcome> + Send {
        ready(IssueOutcome::Refused(self.not_offered(session, Operation::Issue)))
    }

    /// Revokes a token and reads the list once to see that it is gone.
    fn revoke(
        &self,
        session: &Session,
        _workspace: &str,
        _id: &str,
    ) -> impl Future<Output = Asked<Revoked>> + Send {
        ready(Err(self.not_offered(session, Operation::Revoke)))
    }

    /// Has the platform replace a token's key: one request, whatever comes of it. From its
    /// answer on, the old key is dead.
    fn rotate(
        &self,
        session: &Session,
        _workspace: &str,
        _key: &Secret,
        _lifetime: Option<u32>,
    ) -> impl Future<Output = IssueOutcome> + Send {
        ready(IssueOutcome::Refused(self.not_offered(session, Operation::Rotate)))
    }

    /// Changes name and permissions of a token.
    fn edit(
        &self,
        session: &Session,
        _workspace: &str,
        _id: &str,
        _request: &EditRequest,
    ) -> impl Future<Output = Asked<RemoteToken>> + Send {
        ready(Err(self.not_offered(session, Operation::Edit)))
    }

    /// Reads a token with its key, from a platform that shows keys again.
    fn read_key(
        &self,
        session: &Session,
        _workspace: &str,
        _id: &str,
    ) -> impl Future<Output = Asked<(RemoteToken, Secret)>> + Send {
        ready(Err(self.not_offered(session, Operation::ReadKey)))
    }

    /// Exchanges the session's key for a short-lived token: one request, whatever comes of it.
    fn issue_session(
        &self,
        session: &Session,
    ) -> impl Future<Output = Asked<IssuedSession>> + Send {
        ready(Err(self.not_offered(session, Operation::Session)))
    }

    /// Ends a short-lived token at the platform.
    fn end_session(
        &self,
        session: &Session,
        _token: &Secret,
    ) -> impl Future<Output = Asked<()>> + Send {
        ready(Err(self.not_offered(session, Operation::SignOut)))
    }

    /// Asks about a key at its own workspace, with a session made of that key.
    fn verify(
        &self,
        session: &Session,
        workspace: &str,
    ) -> impl Future<Output = Asked<KeyState>> + Send;

    /// Requests temporary S3 credentials.
    fn issue_s3(
        &self,
        session: &Session,
        _workspace: &str,
    ) -> impl Future<Output = Asked<IssuedS3>> + Send {
        ready(Err(self.not_offered(session, Operation::S3)))
    }
}

/// The platforms there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnyPlatform {
    /// The UK EO Data Hub, and any hub built like it.
    Eodh,
    /// DataOS.
    DataOs,
    /// Opendatasoft and Huwise.
    Opendatasoft,
    /// OVHcloud Data Platform.
    Ovh,
    /// Any OpenID provider with an S3 store that takes its tokens.
    OidcSts,
}

impl AnyPlatform {
    /// All of them, in the order in which they are offered.
    pub const ALL: &'static [Self] =
        &[Self::Eodh, Self::DataOs, Self::Opendatasoft, Self::Ovh, Self::OidcSts];

    /// The one with this id.
    pub fn by_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|platform| platform.descriptor().id == id)
    }
}

/// Hands each operation to the adapter.
macro_rules! to_adapter {
    ($self:ident, $method:ident ( $($argument:expr),* )) => {
        match $self {
            Self::Eodh => eodh::Eodh.$method($($argument),*),
            Self::DataOs => dataos::DataOs.$method($($argument),*),
            Self::Opendatasoft => opendatasoft::Opendatasoft.$method($($argument),*),
            Self::Ovh => ovh::Ovh.$method($($argument),*),
            Self::OidcSts => oidc_sts::OidcSts.$method($($argument),*),
        }
    };
    ($self:ident, $method:ident ( $($argument:expr),* ) await) => {
        match $self {
            Self::Eodh => eodh::Eodh.$method($($argument),*).await,
            Self::DataOs => dataos::DataOs.$method($($argument),*).await,
            Self::Opendatasoft => opendatasoft::Opendatasoft.$method($($argument),*).await,
            Self::Ovh => ovh::Ovh.$method($($argument),*).await,
            Self::OidcSts => oidc_sts::OidcSts.$method($($argument),*).await,
        }
    };
}

impl Platform for AnyPlatform {
    fn descriptor(&self) -> &'static Descriptor {
        to_adapter!(self, descriptor())
    }

    /// The certificate file is checked here for all: adapters do not see it.
    fn connect(&self, fields: &BTreeMap<String, String>) -> Result<Connection, Error> {
        connection::ca_file(fields)?;
        let mut own = fields.clone();
        own.remove(connection::CA_FILE.key);
        to_adapter!(self, connect(&own))
    }

    fn manage_url(&self, connection: &Connection, workspace: Option<&str>) -> Option<Url> {
        to_adapter!(self, manage_url(connection, workspace))
    }

    fn recognise_key(&self, text: &str) -> KeyForm {
        to_adapter!(self, recognise_key(text))
    }

    async fn probe(&self, http: &http::Http, connection: &Connection) -> Asked<()> {
        to_adapter!(self, probe(http, connection) await)
    }

    async fn identify(
        &self,
        session: &Session,
        workspaces: &[WorkspaceView],
    ) -> Asked<Option<String>> {
        to_adapter!(self, identify(session, workspaces) await)
    }

    async fn workspaces(&self, session: &Session) -> Asked<Vec<WorkspaceView>> {
        to_adapter!(self, workspaces(session) await)
    }

    async fn tokens(&self, session: &Session, workspace: &str) -> Asked<Vec<RemoteToken>> {
        to_adapter!(self, tokens(session, workspace) await)
    }

    async fn issue(
        &self,
        session: &Session,
        workspace: &str,
        request: &IssueRequest,
    ) -> IssueOutcome {
        to_adapter!(self, issue(session, workspace, request) await)
    }

    async fn revoke(&self, session: &Session, workspace: &str, id: &str) -> Asked<Revoked> {
        to_adapter!(self, revoke(session, workspace, id) await)
    }

    async fn introduce(&self, session: &Session) -> Asked<Introduction> {
        to_adapter!(self, introduce(session) await)
    }

    async fn rotate(
        &self,
        session: &Session,
        workspace: &str,
        key: &Secret,
        lifetime: Option<u32>,
    ) -> IssueOutcome {
        to_adapter!(self, rotate(session, workspace, key, lifetime) await)
    }

    async fn edit(
        &self,
        session: &Session,
        workspace: &str,
        id: &str,
        request: &EditRequest,
    ) -> Asked<RemoteToken> {
        to_adapter!(self, edit(session, workspace, id, request) await)
    }

    async fn read_key(
        &self,
        session: &Session,
        workspace: &str,
        id: &str,
    ) -> Asked<(RemoteToken, Secret)> {
        to_adapter!(self, read_key(session, workspace, id) await)
    }

    async fn issue_session(&self, session: &Session) -> Asked<IssuedSession> {
        to_adapter!(self, issue_session(session) await)
    }

    async fn end_session(&self, session: &Session, token: &Secret) -> Asked<()> {
        to_adapter!(self, end_session(session, token) await)
    }

    async fn verify(&self, session: &Session, workspace: &str) -> Asked<KeyState> {
        to_adapter!(self, verify(session, workspace) await)
    }

    async fn issue_s3(&self, session: &Session, workspace: &str) -> Asked<IssuedS3> {
        to_adapter!(self, issue_s3(session, workspace) await)
    }
}

/// Why a credential works or does not, from what the platform said and the clocks.
///
/// `now` is this computer's time, `skew` how far the server's clock is ahead, in seconds.
pub fn verify_cause(
    answer: &Asked<KeyState>,
    expires: Option<Timestamp>,
    now: Timestamp,
    skew: i64,
) -> VerifyCause {
    let there = now.checked_add(jiff::SignedDuration::from_secs(skew)).unwrap_or(now);
    let refused = || match expires {
        Some(end) if end <= there => VerifyCause::Expired,
        // Ended for the server's clock or ours, not for both: the clock is the likelier cause.
        Some(end) if end <= now => VerifyCause::Clock,
        _ => VerifyCause::Revoked,
    };
    match answer {
        Ok(KeyState::Works | KeyState::WorksWithoutList) => VerifyCause::Ok,
        Ok(KeyState::NotAccepted) => refused(),
        Ok(KeyState::OtherWorkspace) => VerifyCause::WrongWorkspace,
        Err(error) => match &error.kind {
            Kind::Unauthenticated => refused(),
            Kind::Forbidden | Kind::NotSupported { .. } => VerifyCause::NotPermitted,
            Kind::NotFound => VerifyCause::WrongWorkspace,
            Kind::NotThisPlatform => VerifyCause::WrongEnvironment,
            Kind::Network { kind: NetworkKind::Tls, .. } | Kind::Address => VerifyCause::Tls,
            Kind::Network { .. } => VerifyCause::Offline,
            Kind::Conflict
            | Kind::Validation(_)
            | Kind::RateLimited { .. }
            | Kind::Unavailable
            | Kind::Protocol(_)
            | Kind::OutcomeUnknown
            | Kind::NotStored(_) => VerifyCause::Server,
        },
    }
}

/// What a finished operation showed about an account, if anything (platforms.md A.8).
///
/// A refusal counts only when the session or key is good all the same: for a key its own
/// workspace is asked first, since a 401 may only mean "not this".
pub async fn learn<T: Sync>(
    platform: AnyPlatform,
    session: &Session,
    workspace: &str,
    operation: Operation,
    result: &Asked<T>,
) -> Option<Finding> {
    match result {
        Ok(_) => Some(Finding::Works),
        Err(error) => match (&error.kind, session.auth()) {
            (Kind::NotSupported { .. }, _) => Some(Finding::Refused),
            (Kind::Unauthenticated | Kind::Forbidden, Auth::Key) => {
                let state = platform.verify(session, workspace).await.ok()?;
                let good = matches!(state, KeyState::Works | KeyState::WorksWithoutList);
                (good && (operation != Operation::List || state == KeyState::WorksWithoutList))
                    .then_some(Finding::Refused)
            }
            _ => None,
        },
    }
}
