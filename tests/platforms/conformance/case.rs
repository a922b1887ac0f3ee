//! One adapter, on a server that is honest but for what a check scripts.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wayleave_core::api::{Support, WorkspaceView};
use wayleave_core::platform::descriptor::Descriptor;
use wayleave_core::platform::http::Http;
use wayleave_core::platform::{
    AnyPlatform, Asked, IssueOutcome, IssueRequest, IssuedS3, KeyState, Operation, Platform as _,
    PlatformError, RemoteToken, Revoked,
};
use wayleave_core::session::Session;

use super::wire::{Wire, connect};
use crate::still_http;
use crate::stub::{Got, Reply, Stub};

/// What a check found: nothing wrong, or what.
pub type Verdict = Result<(), String>;
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Fails a check with its reason unless the condition holds.
macro_rules! want {
    ($holds:expr, $($why:tt)+) => {
        if !$holds {
            return Err(format!($($why)+));
        }
    };
}
pub(crate) use want;

/// An adapter under test. Every method hands over to the real one; a known-bad variant does one
/// of them in its own way.
pub trait Adapter: Send + Sync {
    fn platform(&self) -> AnyPlatform;

    fn workspaces<'a>(&'a self, session: &'a Session) -> Later<'a, Asked<Vec<WorkspaceView>>> {
        Box::pin(async move { self.platform().workspaces(session).await })
    }

    fn list<'a>(
        &'a self,
        session: &'a Session,
        workspace: &'a str,
    ) -> Later<'a, Asked<Vec<RemoteToken>>> {
        Box::pin(async move { self.platform().tokens(session, workspace).await })
    }

    fn issue<'a>(
        &'a self,
        session: &'a Session,
        workspace: &'a str,
        request: &'a IssueRequest,
    ) -> Later<'a, IssueOutcome> {
        Box::pin(async move { self.platform().issue(session, workspace, request).await })
    }

    fn revoke<'a>(
        &'a self,
        session: &'a Session,
        workspace: &'a str,
        id: &'a str,
    ) -> Later<'a, Asked<Revoked>> {
        Box::pin(async move { self.platform().revoke(session, workspace, id).await })
    }

    fn verify<'a>(
        &'a self,
        session: &'a Session,
        workspace: &'a str,
    ) -> Later<'a, Asked<KeyState>> {
        Box::pin(async move { self.platform().verify(session, workspace).await })
    }

    fn s3<'a>(&'a self, session: &'a Session, workspace: &'a str) -> Later<'a, Asked<IssuedS3>> {
        Box::pin(async move { self.platform().issue_s3(session, workspace).await })
    }
}

/// The adapter as it ships.
pub struct Real(pub AnyPlatform);

impl Adapter for Real {
    fn platform(&self) -> AnyPlatform {
        self.0
    }
}

/// An adapter and how its platform speaks.
#[derive(Clone, Copy)]
pub struct Case {
    pub wire: &'static dyn Wire,
    pub adapter: &'static dyn Adapter,
}

/// The operations that a descriptor may offer, and that an adapter is asked for here.
pub const OFFERED: [Operation; 4] =
    [Operation::List, Operation::Issue, Operation::Revoke, Operation::S3];

impl Case {
    pub fn descriptor(&self) -> &'static Descriptor {
        self.wire.platform().descriptor()
    }

    /// What the descriptor says of an operation, in the better of both capacities.
    pub fn support(&self, operation: Operation) -> Support {
        let of = |can: &wayleave_core::api::Capabilities| match operation {
            Operation::List => can.list,
            Operation::Issue => can.issue,
            Operation::Revoke => can.revoke,
            Operation::S3 => can.s3,
            other => panic!("no capability: {other}"),
        };
        let descriptor = self.descriptor();
        match (of(&descriptor.as_person), of(&descriptor.as_key)) {
            (Support::Yes, _) | (_, Support::Yes) => Support::Yes,
            (Support::Unknown, _) | (_, Support::Unknown) => Support::Unknown,
            (Support::No, Support::No) => Support::No,
        }
    }

    pub fn offers(&self, operation: Operation) -> bool {
        self.support(operation) != Support::No
    }

    /// The operation by which answers in general are tried: a read where there is one.
    pub fn main(&self) -> Operation {
        let all = [Operation::List, Operation::S3, Operation::Verify];
        all.into_iter().find(|&o| o == Operation::Verify || self.offers(o)).expect("one of them")
    }

    /// The request that the main operation makes: where a key is exchanged, that is the log-in.
    pub fn asks(&self) -> Operation {
        let exchanged = self.main() == Operation::Verify && self.wire.log_in_refused().is_some();
        if exchanged { Operation::SignIn } else { self.main() }
    }

    /// A server that answers these operations so, in order, the last one for ever, and is honest
    /// in all else.
    pub async fn on(self, script: impl IntoIterator<Item = (Operation, Vec<Reply>)>) -> Stage {
        Stage::of(self, script.into_iter().collect(), false).await
    }

    /// The same, but honest again once the scripted answers are used up.
    pub async fn first(self, script: impl IntoIterator<Item = (Operation, Vec<Reply>)>) -> Stage {
        Stage::of(self, script.into_iter().collect(), true).await
    }

    /// The same for one answer to the main operation.
    pub async fn answering(self, reply: Reply) -> Stage {
        let asks = self.asks();
        self.on([(asks, vec![reply])]).await
    }
}

/// An adapter at work on a scripted server.
pub struct Stage {
    pub case: Case,
    pub stub: Stub,
    pub http: Http,
    pub pauses: Arc<Mutex<Vec<Duration>>>,
    pub session: Session,
}

/// More requests than this in one check are taken for requests without an end.
const ENDLESS: usize = 500;

impl Stage {
    async fn of(case: Case, script: BTreeMap<Operation, Vec<Reply>>, recovers: bool) -> Self {
        let wire = case.wire;
        let script: Mutex<BTreeMap<Operation, VecDeque<Reply>>> =
            Mutex::new(script.into_iter().map(|(op, replies)| (op, replies.into())).collect());
        let count = Mutex::new(0);
        let stub = Stub::serve(Arc::new(move |got| {
            *count.lock().expect("the count") += 1;
            if *count.lock().expect("the count") > ENDLESS {
                return Reply::Bytes(Vec::new());
            }
            let mut script = script.lock().expect("the script");
            let queue = wire.operation(got).and_then(|operation| script.get_mut(&operation));
            match queue {
                Some(queue) if queue.len() > 1 || recovers => {
                    queue.pop_front().unwrap_or_else(|| wire.honest(got))
                }
                Some(queue) => queue.front().expect("one").clone(),
                None => wire.honest(got),
            }
        }))
        .await;
        let (http, _, pauses) = still_http();
        let session = wire.session(connect(wire, &stub.origin), http.clone());
        Self { case, stub, http, pauses, session }
    }

    pub fn workspace(&self) -> &'static str {
        self.case.wire.workspace()
    }

    pub async fn list(&self) -> Asked<Vec<RemoteToken>> {
        self.case.adapter.list(&self.session, self.workspace()).await
    }

    pub async fn issue(&self, request: &IssueRequest) -> IssueOutcome {
        self.case.adapter.issue(&self.session, self.workspace(), request).await
    }

    pub async fn revoke(&self, id: &str) -> Asked<Revoked> {
        self.case.adapter.revoke(&self.session, self.workspace(), id).await
    }

    pub async fn verify(&self) -> Asked<KeyState> {
        self.case.adapter.verify(&self.session, self.workspace()).await
    }

    pub async fn s3(&self) -> Asked<IssuedS3> {
        self.case.adapter.s3(&self.session, self.workspace()).await
    }

    /// Does an operation with the fixtures' values; what it brought does not matter.
    pub async fn ask(&self, operation: Operation) -> Asked<()> {
        let request = super::wire::wish(self.case.wire, super::wire::FIRST.name);
        match operation {
            Operation::List => self.list().await.map(|_| ()),
            Operation::Issue => match self.issue(&request).await {
                IssueOutcome::Issued(_) | IssueOutcome::WithoutKey(_) => Ok(()),
                IssueOutcome::Refused(error) | IssueOutcome::Unknown(error) => Err(error),
            },
            Operation::Revoke => {
                self.revoke(self.case.wire.id_of(&super::wire::FIRST)).await.map(|_| ())
            }
            Operation::S3 => self.s3().await.map(|_| ()),
            Operation::Verify => self.verify().await.map(|_| ()),
            other => panic!("not asked for here: {other}"),
        }
    }

    /// The same for the main operation.
    pub async fn main(&self) -> Asked<()> {
        self.ask(self.case.main()).await
    }

    /// What the main operation fails with.
    pub async fn main_error(&self, what: &str) -> Result<PlatformError, String> {
        match self.main().await {
            Ok(()) => Err(format!("{what}: it was taken for success")),
            Err(error) => {
                self.silent(&error)?;
                Ok(error)
            }
        }
    }

    /// Requests for one operation that arrived.
    pub fn sent(&self, operation: Operation) -> Vec<Got> {
        let fits = |got: &Got| self.case.wire.operation(got) == Some(operation);
        self.stub.got().into_iter().filter(fits).collect()
    }

    /// Z1, I12: nothing that an error can show holds a secret or markup.
    pub fn silent(&self, error: &PlatformError) -> Verdict {
        let told = wayleave_core::Error::from(error.clone());
        self.secretless(&format!("{error} {error:?} {told} {told:?}"))
    }

    pub fn secretless(&self, text: &str) -> Verdict {
        let secret = self.case.wire.secret();
        want!(!text.contains(secret), "a secret is shown: {}", text.replace(secret, "(SECRET)"));
        want!(!text.contains("Bearer ") && !text.contains("apikey "), "a header is shown: {text}");
        Ok(())
    }
}
