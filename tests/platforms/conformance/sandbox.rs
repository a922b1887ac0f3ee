//! One adapter in the sandbox.

use std::sync::Arc;

use wayleave_core::clock::FakeClock;
use wayleave_core::platform::http::{Http, Pause};
use wayleave_core::platform::{
    Asked, IssueOutcome, IssueRequest, IssuedToken, Operation, RemoteToken, Revoked,
};
use wayleave_core::session::Session;
use wayleave_sandbox::Effect;

use super::case::Case;
use super::wire::{FIRST, wish};
use crate::World;

/// A sandbox, and the adapter with a session in it.
pub struct Yard {
    pub case: Case,
    pub world: World,
    pub http: Http,
    pub session: Session,
    pub workspace: &'static str,
}

impl Yard {
    pub fn start(case: Case) -> Self {
        let mut world = World::start();
        let http = world.http.clone();
        let (session, workspace) = case.wire.in_sandbox(&world.sandbox, &http);
        world.connection = session.connection().clone();
        Self { case, world, http, session, workspace }
    }

    /// A client whose clock stands still at the present moment, whatever the sandbox's does, and
    /// a session with it.
    pub fn standing_still(&self) -> (Http, Session) {
        let clock = FakeClock::at(self.world.http.clock().now());
        let pause: Pause = Arc::new(|_| Box::pin(std::future::ready(())));
        let http = Http::with_pause(Arc::new(clock), pause);
        let (session, _) = self.case.wire.in_sandbox(&self.world.sandbox, &http);
        (http, session)
    }

    pub async fn list(&self) -> Asked<Vec<RemoteToken>> {
        self.case.adapter.list(&self.session, self.workspace).await
    }

    /// The list, which must be had.
    pub async fn live(&self) -> Result<Vec<RemoteToken>, String> {
        self.list().await.map_err(|error| format!("the list: {error:?}"))
    }

    /// The ones in it that are not revoked.
    pub async fn unrevoked(&self) -> Result<Vec<RemoteToken>, String> {
        let mut rows = self.live().await?;
        rows.retain(|row| !self.case.wire.is_revoked(row));
        Ok(rows)
    }

    pub async fn issue(&self, request: &IssueRequest) -> IssueOutcome {
        self.case.adapter.issue(&self.session, self.workspace, request).await
    }

    pub async fn issued(&self, name: &str) -> Result<IssuedToken, String> {
        match self.issue(&wish(self.case.wire, name)).await {
            IssueOutcome::Issued(issued) => Ok(*issued),
            other => Err(format!("{name} was not issued: {other:?}")),
        }
    }

    pub async fn revoke(&self, id: &str) -> Asked<Revoked> {
        self.case.adapter.revoke(&self.session, self.workspace, id).await
    }

    pub async fn ask(&self, operation: Operation) -> Asked<()> {
        self.ask_with(&self.session, operation).await
    }

    pub async fn ask_with(&self, session: &Session, operation: Operation) -> Asked<()> {
        let (adapter, workspace) = (self.case.adapter, self.workspace);
        match operation {
            Operation::List => adapter.list(session, workspace).await.map(|_| ()),
            Operation::S3 => adapter.s3(session, workspace).await.map(|_| ()),
            Operation::Issue => match self.issue(&wish(self.case.wire, FIRST.name)).await {
                IssueOutcome::Issued(_) | IssueOutcome::WithoutKey(_) => Ok(()),
                IssueOutcome::Refused(error) | IssueOutcome::Unknown(error) => Err(error),
            },
            _ => adapter.verify(session, workspace).await.map(|_| ()),
        }
    }

    /// Disturbs the next requests of an operation.
    pub fn disturb(&self, operation: Operation, times: Option<u32>, effect: Effect) {
        let (method, path) = self.case.wire.sandbox_rule(operation);
        self.world.sandbox.rule(Some(method), &path, times, effect);
    }

    /// How many requests of an operation arrived.
    pub fn count(&self, operation: Operation) -> usize {
        let (method, path) = self.case.wire.sandbox_rule(operation);
        self.world.count(method, &path)
    }
}
