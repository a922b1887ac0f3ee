//! The list of platforms.md H. Each check is one row of the matrix; whether it counts for an
//! adapter follows from the adapter's descriptor and from how its platform speaks.

mod auth;
mod broken;
mod descriptor;
mod issue;
mod list;
mod revoke;
mod s3;
mod sign_in;
mod verify;

use std::sync::Arc;

use wayleave_core::api::{SignInWay, Support};
use wayleave_core::platform::Operation;

use super::case::{Case, Later, Verdict};
use super::wire::{FIRST, SECOND};
use super::yard::Yard;

/// One row of the matrix.
pub struct Check {
    pub id: &'static str,
    pub what: &'static str,
    pub needs: &'static [Need],
    /// Against made-up answers.
    pub fixtures: Option<fn(Case) -> Later<'static, Verdict>>,
    /// Against the sandbox.
    pub sandbox: Option<InYard>,
    /// Against the real servers of `tests/stack`.
    pub stack: AtStack,
}

/// What is run with a session at a place.
pub type InYard = fn(Arc<Yard>) -> Later<'static, Verdict>;

/// How a check is run at the real servers.
#[derive(Clone, Copy)]
pub enum AtStack {
    /// With a session of each way in which a person signs in.
    Ways(InYard),
    /// With a session of each kind: tokens, and the portal's cookies.
    Each(InYard),
    /// Once: it is not about who asks.
    Once(InYard),
    /// Not at all, and why.
    Not(&'static str),
}

/// Why checks have no place at the real servers.
pub const HONEST: &str = "no honest server answers so";
pub const NOTHING_SENT: &str = "it is decided here, before anything is sent";
pub const BEHIND: &str =
    "what answers it is the API, and behind the real servers that is the sandbox's";
pub const ELSEWHERE: &str = "only platforms whose servers are closed have it";

/// How a check is run at the stack, as the rows write it: `Ways(run)`, `Each(run)`,
/// `Once(run)`, `Not(why)`.
macro_rules! at_stack {
    (Ways($run:ident)) => {
        crate::conformance::checks::AtStack::Ways(|yard| Box::pin($run(yard)))
    };
    (Each($run:ident)) => {
        crate::conformance::checks::AtStack::Each(|yard| Box::pin($run(yard)))
    };
    (Once($run:ident)) => {
        crate::conformance::checks::AtStack::Once(|yard| Box::pin($run(yard)))
    };
    (Not($why:expr)) => {
        crate::conformance::checks::AtStack::Not($why)
    };
}

/// A check of made-up answers.
macro_rules! made_up {
    ($id:literal, $what:literal, $needs:expr, $run:ident, $stack:ident($($how:tt)+) $(,)?) => {
        crate::conformance::checks::Check {
            id: $id,
            what: $what,
            needs: $needs,
            fixtures: Some(|case| Box::pin($run(case))),
            sandbox: None,
            stack: crate::conformance::checks::at_stack!($stack($($how)+)),
        }
    };
}

/// A check in the sandbox.
macro_rules! in_sandbox {
    ($id:literal, $what:literal, $needs:expr, $run:ident, $stack:ident($($how:tt)+) $(,)?) => {
        crate::conformance::checks::Check {
            id: $id,
            what: $what,
            needs: $needs,
            fixtures: None,
            sandbox: Some(|yard| Box::pin($run(yard))),
            stack: crate::conformance::checks::at_stack!($stack($($how)+)),
        }
    };
}

/// A check of both.
macro_rules! both {
    ($id:literal, $what:literal, $needs:expr, $made_up:ident, $sandbox:ident,
     $stack:ident($($how:tt)+) $(,)?) => {
        crate::conformance::checks::Check {
            id: $id,
            what: $what,
            needs: $needs,
            fixtures: Some(|case| Box::pin($made_up(case))),
            sandbox: Some(|yard| Box::pin($sandbox(yard))),
            stack: crate::conformance::checks::at_stack!($stack($($how)+)),
        }
    };
}
pub(crate) use {at_stack, both, in_sandbox, made_up};

pub use self::descriptor::refused_silently;

/// Every check, in the order of platforms.md H.
pub fn all() -> Vec<&'static Check> {
    [
        descriptor::CHECKS,
        auth::CHECKS,
        sign_in::CHECKS,
        verify::CHECKS,
        list::CHECKS,
        issue::CHECKS,
        revoke::CHECKS,
        s3::CHECKS,
        broken::CHECKS,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What a platform must have for a check to count.
#[derive(Clone, Copy)]
pub enum Need {
    /// The descriptor offers it.
    Offers(Operation),
    /// Something may be refused to a key though the key is good.
    Learned,
    /// Tokens end, after a time that is asked for.
    Lifetime,
    /// Tokens may carry permissions.
    Permissions,
    /// Tokens may be rotated in place.
    Rotate,
    /// A browser sign-in.
    Browser,
    /// A device sign-in.
    Device,
    /// A log-in by which a pair becomes a session.
    LogIn,
    /// The list comes in pages.
    Paged,
    /// A revoked token stays in the list.
    SoftRevoke,
    /// A key that is not valid may be told so with status 200.
    InvalidWith200,
    /// The answer to a new token names its id.
    RemoteId,
    /// Names of tokens need not be unique.
    EqualNames,
    /// S3 credentials are had by a web identity at STS.
    Sts,
    /// The list of workspaces says where their objects are.
    Store,
}

impl Need {
    /// Why a check does not count for an adapter; `None`: it does.
    pub fn lacking(self, case: &Case) -> Option<String> {
        let descriptor = case.descriptor();
        let way = |way: SignInWay| descriptor.ways.contains(&way);
        let (has, reason): (bool, String) = match self {
            Self::Offers(operation) => (
                case.offers(operation),
                format!("{operation} is not offered; asked for, it answers so and sends nothing"),
            ),
            Self::Learned => (
                OPERATIONS.iter().any(|&o| {
                    case.support(o) == Support::Unknown
                        || support_of_key(case, o) == Support::Unknown
                }),
                "nothing is known only after trying".into(),
            ),
            Self::Lifetime => {
                (descriptor.lifetime.is_some(), "no lifetime is asked for with a token".into())
            }
            Self::Permissions => {
                (descriptor.permissions.is_some(), "its tokens carry no permissions".into())
            }
            Self::Rotate => (
                descriptor.as_person.rotate != Support::No
                    || descriptor.as_key.rotate != Support::No,
                "it does not rotate tokens in place; rotating is issuing and revoking".into(),
            ),
            Self::Browser => {
                (way(SignInWay::Browser), "nobody signs in there with a browser".into())
            }
            Self::Device => (way(SignInWay::Device), "nobody signs in there by device code".into()),
            Self::LogIn => (
                case.wire.log_in_refused().is_some(),
                "requests carry the key itself: there is no log-in that could lock".into(),
            ),
            Self::Paged => (
                case.wire.page(vec![], "", 0).is_some(),
                "its list comes in one answer; one request is made (L1)".into(),
            ),
            Self::SoftRevoke => {
                (case.wire.revoked_row(&FIRST).is_some(), "a revoked token leaves its list".into())
            }
            Self::InvalidWith200 => (
                case.wire.invalid_with_200().is_some(),
                "no answer of it says \"not valid\" with status 200".into(),
            ),
            Self::RemoteId => (
                !case.wire.id_fields().is_empty(),
                "the name is the id, and it is known before the answer".into(),
            ),
            Self::EqualNames => (
                !case.wire.id_fields().is_empty(),
                "the name is the id: two cannot have the same".into(),
            ),
            Self::Sts => (
                case.wire.sts(),
                "its S3 credentials, if any, do not come as XML from a token service".into(),
            ),
            Self::Store => {
                (case.wire.store().is_some(), "its answers do not say where objects are".into())
            }
        };
        (!has).then_some(reason)
    }
}

const OPERATIONS: [Operation; 4] = super::case::OFFERED;

fn support_of_key(case: &Case, operation: Operation) -> Support {
    let can = &case.descriptor().as_key;
    match operation {
        Operation::List => can.list,
        Operation::Issue => can.issue,
        Operation::Revoke => can.revoke,
        _ => can.s3,
    }
}

/// A text with its percent-encoding undone, all parameters of a query one below the other.
pub fn percent_decoded(text: &str) -> String {
    let decoded = url::form_urlencoded::parse(text.as_bytes());
    decoded.map(|(key, value)| [key, value].join("=")).collect::<Vec<_>>().join("\n")
}

/// The list of both rows of the fixtures, as this platform writes it.
pub fn two(case: &Case) -> String {
    case.wire.list(vec![case.wire.row(&FIRST), case.wire.row(&SECOND)]).to_string()
}
