//! What the conformance checks must know of a platform beside its descriptor: how its servers
//! speak. One registration per adapter; nothing here says which checks count for it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use wayleave_core::api::ExpiryInput;
use wayleave_core::platform::http::Http;
use wayleave_core::platform::{
    AnyPlatform, Connection, IssueRequest, Operation, Platform as _, RemoteToken,
};
use wayleave_core::secret::Secret;
use wayleave_core::session::Session;
use wayleave_sandbox::Sandbox;

use super::case::{Case, Later, Verdict};
use super::stack::Running;
use crate::stub::{Got, Reply};

/// A token as a server lists it.
#[derive(Debug, Clone)]
pub struct Row {
    pub id: &'static str,
    pub name: &'static str,
    pub created: &'static str,
    /// `None`: the platform tells no end.
    pub expires: Option<&'static str>,
}

/// The platform's own object storage as its list of workspaces tells it.
pub struct Store {
    /// A workspace whose store is ready, and its bucket and prefix.
    pub ready: (&'static str, &'static str, &'static str),
    /// One whose store is still being made.
    pub unready: &'static str,
}

/// How one platform's servers speak.
pub trait Wire: Send + Sync {
    /// Its adapter.
    fn platform(&self) -> AnyPlatform;

    /// The connection fields of an installation at this origin.
    fn fields(&self, origin: &str) -> Vec<(&'static str, String)>;

    /// The key of the fixtures; with several parts, the secret one.
    fn secret(&self) -> &'static str;

    /// A session with the fixtures' key.
    fn session(&self, connection: Connection, http: Http) -> Session {
        Session::for_key(Secret::from_text(self.secret().to_owned()), connection, http)
    }

    /// A session in the sandbox that may do all that the platform offers, and where it acts.
    fn in_sandbox(&self, sandbox: &Sandbox, http: &Http) -> (Session, &'static str);

    /// The connection fields at the real servers of `tests/stack`, or why none of its own can be
    /// had. Who is signed in there follows from the descriptor's ways.
    fn at_stack(&self, running: &Running) -> Result<Vec<(&'static str, String)>, &'static str>;

    /// Why the real servers have no part in a check to which they put others.
    fn not_at_stack(&self, _check: &str) -> Option<&'static str> {
        None
    }

    /// Whom the real servers let sign in and then refuse (A4): a registered client, and a person
    /// with a password.
    fn unwelcome(&self) -> Option<(&'static str, (&'static str, &'static str))> {
        None
    }

    /// The workspace of the fixtures.
    fn workspace(&self) -> &'static str;

    /// What a request is for; `None`: something beside.
    fn operation(&self, got: &Got) -> Option<Operation>;

    /// The same of the sandbox's paths, for its faults: method and pattern.
    fn sandbox_rule(&self, operation: Operation) -> (&'static str, String);

    /// What an honest server answers.
    fn honest(&self, got: &Got) -> Reply;

    /// Whether a request carries the key in the one place that is right for it (A1).
    fn bears(&self, got: &Got) -> bool;

    /// Answers by which the platform says that the key is not accepted.
    fn not_accepted(&self) -> Vec<Reply>;

    /// Answers by which it says that the key may not do this.
    fn forbidden(&self) -> Vec<Reply>;

    /// A 200 that says that the key is not valid (V4), to this operation.
    fn invalid_with_200(&self) -> Option<(Operation, Reply)> {
        None
    }

    /// The answer to a wrong pair of keys (A11), where a pair is turned into a session.
    fn log_in_refused(&self) -> Option<Reply> {
        None
    }

    /// A token as an element of the list.
    fn row(&self, row: &Row) -> Value;

    /// The whole list in one answer.
    fn list(&self, rows: Vec<Value>) -> Value;

    /// One page of a list that continues at `next`; `None`: the list comes in one answer.
    fn page(&self, _rows: Vec<Value>, _next: &str, _total: usize) -> Option<Value> {
        None
    }

    /// A listed token that is marked as revoked; `None`: revoked tokens leave the list.
    fn revoked_row(&self, _row: &Row) -> Option<Value> {
        None
    }

    /// Whether a listed token is revoked.
    fn is_revoked(&self, _token: &RemoteToken) -> bool {
        false
    }

    /// Whether a key can be read again after it was made.
    fn rereads(&self) -> bool {
        false
    }

    /// Permissions, a known and an unknown one, survive the way there and back (I10).
    fn permissions_round_trip(&self, _case: Case) -> Later<'static, Verdict> {
        Box::pin(async { Err("the registration does not say how".into()) })
    }

    /// Rotates a token in place (R9).
    fn rotates(&self, _case: Case) -> Later<'static, Verdict> {
        Box::pin(async { Err("the registration does not say how".into()) })
    }

    /// The body that asks for a token (I1).
    fn request_body(&self, request: &IssueRequest) -> Value;

    /// The answer that hands a token out.
    fn created(&self, row: &Row) -> Value;

    /// Names of the fields of [`Self::created`] that hold the id; none: the name is the id.
    fn id_fields(&self) -> &'static [&'static str];

    /// By what a token is revoked.
    fn id_of(&self, row: &Row) -> &'static str {
        if self.id_fields().is_empty() { row.name } else { row.id }
    }

    /// Names of the fields of [`Self::created`] that hold the secret.
    fn secret_fields(&self) -> &'static [&'static str];

    /// The reason's place in the request to revoke (R10); `None`: no reason is sent.
    fn reason_field(&self) -> Option<&'static str> {
        None
    }

    /// An answer with S3 credentials that end at this text.
    fn s3(&self, _expiration: &str) -> Option<Reply> {
        None
    }

    /// Whether S3 credentials come from a token service for a web identity, as XML (S9).
    fn sts(&self) -> bool {
        false
    }

    /// A session whose token service is a real one at this address.
    fn at_sts(&self, _endpoint: &str, _http: &Http) -> Option<Session> {
        None
    }

    /// Refusals of S3 credentials that mean "no access", and ones that mean "not accepted".
    fn s3_refusals(&self) -> (Vec<Reply>, Vec<Reply>) {
        (Vec::new(), Vec::new())
    }

    /// The list of workspaces with their storage (S6).
    fn store(&self) -> Option<Store> {
        None
    }
}

/// The connection to an installation at this origin.
pub fn connect(wire: &dyn Wire, origin: &str) -> Connection {
    let fields: BTreeMap<String, String> =
        wire.fields(origin).into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    wire.platform().connect(&fields).expect("the registration's fields make a connection")
}

/// A file of `tests/fixtures/platforms/`.
pub fn fixture_of(platform: &str, name: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/platforms");
    let text = std::fs::read_to_string(format!("{folder}/{platform}/{name}"));
    serde_json::from_str(&text.expect("a fixture")).expect("a fixture is JSON")
}

/// A request for a token of the fixtures' life of 30 days.
pub fn wish(wire: &dyn Wire, name: &str) -> IssueRequest {
    let lifetime = match wire.platform().descriptor().expiry {
        ExpiryInput::Days => Some(30),
        ExpiryInput::Hours => Some(30 * 24),
        ExpiryInput::None | ExpiryInput::Manual => None,
    };
    IssueRequest { name: name.into(), lifetime, permissions: vec![] }
}

/// The first and the second token of every made-up list.
pub const FIRST: Row = Row {
    id: "0b6c4f4e-6c0e-4d0a-9d5e-1f2a3b4c5d6e",
    name: "qgis_laptop",
    created: "2025-03-07T13:55:56Z",
    expires: Some("2025-04-06T13:55:56Z"),
};
pub const SECOND: Row = Row {
    id: "5f0d6d2c-0000-4aaa-8bbb-cccccccccccc",
    name: "old",
    created: "2024-09-01T08:00:00Z",
    expires: None,
};

pub fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}
