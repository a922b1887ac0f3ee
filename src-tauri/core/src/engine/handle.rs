//! How the socket, and tests, talk to the engine, and where answers go.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use crate::api::{Answer, Ask, Confide, Disclosure, Request, Response, Snapshot, misplaced};
use crate::error::{Error, ErrorCode, Result};

/// How the socket, and tests, talk to the engine.
#[derive(Clone)]
pub struct Handle {
    pub(super) inbox: mpsc::Sender<(Message, Reply)>,
    pub(super) snapshots: watch::Receiver<Arc<Snapshot>>,
}

pub(super) enum Message {
    Ask(Ask),
    Confide(Confide),
}

/// Where an answer goes. Dropped unanswered, it says that something broke.
pub(super) struct Reply(pub(super) oneshot::Sender<Response>);

impl Reply {
    /// Answers an [`Ask`].
    pub fn answer(self, answer: Result<Answer>) {
        self.send(answer.map_or_else(Response::Failed, Response::Answer));
    }

    /// Answers a [`Confide`].
    pub fn disclose(self, disclosure: Result<Disclosure>) {
        self.send(disclosure.map_or_else(Response::Failed, Response::Disclosure));
    }

    /// Answers a request of either kind that was not begun.
    pub fn refuse(self, error: Error) {
        self.send(Response::Failed(error));
    }

    fn send(self, response: Response) {
        // The client may have left; what it asked for is done all the same.
        let _ = self.0.send(response);
    }
}

impl Handle {
    /// Passes a request on and waits for its answer.
    pub async fn request(&self, request: Request) -> Response {
        let message = match request {
            Request::Ask(ask) => Message::Ask(ask),
            Request::Confide(confide) => Message::Confide(confide),
            Request::Subscribe => {
                let current = self.snapshots.borrow().as_ref().clone();
                return Response::Snapshot(Box::new(current));
            }
        };
        let (reply, answer) = oneshot::channel();
        if self.inbox.send((message, Reply(reply))).await.is_err() {
            return Response::Failed(unread());
        }
        answer.await.unwrap_or_else(|_| Response::Failed(ending()))
    }

    /// Asks.
    pub async fn ask(&self, ask: Ask) -> Result<Answer> {
        match self.request(Request::Ask(ask)).await {
            Response::Answer(answer) => Ok(answer),
            Response::Failed(error) => Err(error),
            Response::Disclosure(_) | Response::Snapshot(_) => Err(misplaced("a question")),
        }
    }

    /// Confides.
    pub async fn confide(&self, confide: Confide) -> Result<Disclosure> {
        match self.request(Request::Confide(confide)).await {
            Response::Disclosure(disclosure) => Ok(disclosure),
            Response::Failed(error) => Err(error),
            Response::Answer(_) | Response::Snapshot(_) => Err(misplaced("a confidence")),
        }
    }

    /// The current snapshot and each newer one.
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }

    /// Tells the engine to end, and waits until its commits are done.
    pub async fn stop(&self) {
        // An engine that has ended already is what was wanted.
        let _ = self.ask(Ask::Stop).await;
        self.ended().await;
    }

    /// Waits until the engine has ended.
    pub async fn ended(&self) {
        self.inbox.closed().await;
    }
}

/// The parameter of [`ErrorCode::AgentUnreachable`] that says that nothing was begun: another agent
/// may be asked the same.
pub const UNREAD: &str = "unread";

/// What a request is told that came when the engine had ended already.
pub(super) fn unread() -> Error {
    ending().with(UNREAD, true)
}

fn ending() -> Error {
    Error::new(ErrorCode::AgentUnreachable, "the agent is ending")
}

/// A request that can be made with a secret or without, and is answered in its own kind.
pub(super) enum Answered {
    Ask(Reply),
    Confide(Reply),
}

impl Answered {
    pub fn done(self, outcome: Result<()>) {
        match self {
            Self::Ask(reply) => reply.answer(outcome.map(|()| Answer::Done)),
            Self::Confide(reply) => reply.disclose(outcome.map(|()| Disclosure::Done)),
        }
    }
}
