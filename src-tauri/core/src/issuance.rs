//! Issuing a token so that none is lost, doubled or left behind (platforms.md G.1–G.3, security.md
//! 3.6).
//!
//! The engine runs the steps, since only it has the vault:
//! 1. it lists what is there, and [`prepare`] makes the [`Intent`], which is stored before
//! 2. [`crate::platform::Platform::issue`] posts once, and
//! 3. the secret is stored and the intent removed in one commit; or, when the outcome is not
//!    known, the intent stays and [`reconcile`] judges the list by it, now or at the next unlock.
//!
//! A token made elsewhere during the request, even of the same name, is never touched: ours is
//! only one whose id is new, whose name is equal and that was made since the request began, and
//! only when exactly one is left.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::credential::{AccountId, Id};
use crate::platform::{IssueRequest, RemoteToken};

/// How far the platform's clock may be behind ours before a token counts as made earlier, when
/// its skew is not known.
const SKEW_ALLOWED: SignedDuration = SignedDuration::from_mins(2);

/// A request for a token that is about to be sent. Holds no secret; stored before the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Its id, which becomes the credential's.
    pub id: Id,
    /// Whose.
    pub account: AccountId,
    /// For which workspace.
    pub workspace: String,
    /// The name asked for.
    pub name: String,
    /// The lifetime asked for, in the platform's unit.
    #[serde(alias = "days")]
    pub lifetime: Option<u32>,
    /// When the request began, by the platform's clock as far as it is known.
    pub started: Timestamp,
    /// The ids that were there before; `None` when the list could not be read.
    pub before: Option<BTreeSet<String>>,
}

/// What a list tells about an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "one is judged at a time")]
pub enum Verdict {
    /// Nothing was made: it is safe to ask again.
    NotMade,
    /// This one is surely ours.
    Ours(RemoteToken),
    /// One of these may be ours: nothing is revoked, the user is shown them.
    Unclear(Vec<RemoteToken>),
}

/// What an intent is made of.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The id that the credential will have.
    pub id: Id,
    /// Whose.
    pub account: AccountId,
    /// For which workspace.
    pub workspace: &'a str,
    /// What is asked for.
    pub request: &'a IssueRequest,
}

/// Makes the intent of a request that is about to be sent. Pure.
///
/// `listed` is the platform's list read just before; without it the request may be sent all the
/// same, only nothing can be revoked for sure later. `skew` is how many seconds the platform's
/// clock is ahead of `now`, as far as it is known ([`crate::platform::http::Http::skew`]).
pub fn prepare(
    wish: Wish<'_>,
    listed: Option<&[RemoteToken]>,
    now: Timestamp,
    skew: i64,
) -> Intent {
    Intent {
        id: wish.id,
        account: wish.account,
        workspace: wish.workspace.to_owned(),
        name: wish.request.name.clone(),
        lifetime: wish.request.lifetime,
        started: now.checked_add(SignedDuration::from_secs(skew)).unwrap_or(now),
        before: listed.map(|tokens| tokens.iter().filter_map(|token| token.id.clone()).collect()),
    }
}

/// Judges a list by an intent whose outcome is not known. Pure.
pub fn reconcile(intent: &Intent, listed: &[RemoteToken]) -> Verdict {
    let mut candidates: Vec<RemoteToken> =
        listed.iter().filter(|token| may_be_ours(intent, token)).cloned().collect();
    match (candidates.len(), &intent.before) {
        (0, _) => Verdict::NotMade,
        (1, Some(_)) if surely_ours(intent, &candidates[0]) => Verdict::Ours(candidates.remove(0)),
        _ => Verdict::Unclear(candidates),
    }
}

/// The id of a token whose key we hold but whose id the platform did not tell: the one that is
/// surely ours in the list, `None` where there is doubt (platforms.md G.1).
pub fn adopt_id(intent: &Intent, listed: &[RemoteToken]) -> Option<RemoteToken> {
    match reconcile(intent, listed) {
        Verdict::Ours(token) => Some(token),
        Verdict::NotMade | Verdict::Unclear(_) => None,
    }
}

fn may_be_ours(intent: &Intent, token: &RemoteToken) -> bool {
    let known = |id: &String| intent.before.as_ref().is_some_and(|before| before.contains(id));
    let earliest = intent.started.checked_sub(SKEW_ALLOWED).unwrap_or(intent.started);
    token.name == intent.name
        && token.revoked.is_none()
        && token.workspace == intent.workspace
        && !token.id.as_ref().is_some_and(known)
        // One without a time may be ours; that it surely is takes a time.
        && token.created.is_none_or(|created| created >= earliest)
}

fn surely_ours(intent: &Intent, token: &RemoteToken) -> bool {
    // Where the name is the id, nothing else can have come into being under it meanwhile.
    let named = token.id.as_deref() == Some(intent.name.as_str());
    intent.before.is_some() && token.id.is_some() && (token.created.is_some() || named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("time")
    }

    fn intent() -> Intent {
        let request = IssueRequest {
            name: "QGIS laptop".into(),
            lifetime: Some(30),
            permissions: Vec::new(),
        };
        let (id, account) = (Id([1; 16]), Id([2; 16]));
        let wish = Wish { id, account, workspace: "demo-ws", request: &request };
        let listed = [token("old", "another", "2026-01-01T10:00:00Z")];
        prepare(wish, Some(&listed), at("2026-01-01T11:59:50Z"), 10)
    }

    fn token(id: &str, name: &str, created: &str) -> RemoteToken {
        RemoteToken {
            id: Some(id.into()),
            name: name.into(),
            workspace: "demo-ws".into(),
            created: created.parse().ok(),
            ..RemoteToken::default()
        }
    }

    #[test]
    fn exactly_one_new_token_of_the_name_is_ours() {
        let ours = token("new", "QGIS laptop", "2026-01-01T12:00:01Z");
        let listed = [
            token("old", "QGIS laptop", "2026-01-01T12:00:01Z"),
            token("other", "another", "2026-01-01T12:00:01Z"),
            token("earlier", "QGIS laptop", "2026-01-01T11:00:00Z"),
            ours.clone(),
        ];
        assert_eq!(reconcile(&intent(), &listed), Verdict::Ours(ours));
    }

    #[test]
    fn one_made_elsewhere_meanwhile_survives() {
        let both = [
            token("ours", "QGIS laptop", "2026-01-01T12:00:01Z"),
            token("theirs", "QGIS laptop", "2026-01-01T12:00:02Z"),
        ];
        assert_eq!(reconcile(&intent(), &both), Verdict::Unclear(both.to_vec()));
    }

    #[test]
    fn without_doubt_means_without_doubt() {
        let mut undated = token("new", "QGIS laptop", "never");
        assert_eq!(
            reconcile(&intent(), &[undated.clone()]),
            Verdict::Unclear(vec![undated.clone()])
        );
        undated.created = Some(at("2026-01-01T12:00:01Z"));
        undated.id = None;
        assert!(matches!(reconcile(&intent(), &[undated]), Verdict::Unclear(_)));
        let blind = Intent { before: None, ..intent() };
        let one = token("new", "QGIS laptop", "2026-01-01T12:00:01Z");
        assert!(matches!(reconcile(&blind, &[one]), Verdict::Unclear(_)));
        assert_eq!(reconcile(&blind, &[]), Verdict::NotMade);
    }

    #[test]
    fn a_clock_that_is_a_little_behind_is_allowed_for() {
        let late = token("new", "QGIS laptop", "2026-01-01T11:58:30Z");
        assert!(matches!(reconcile(&intent(), &[late]), Verdict::Ours(_)));
        let earlier = token("new", "QGIS laptop", "2026-01-01T11:57:00Z");
        assert_eq!(reconcile(&intent(), &[earlier]), Verdict::NotMade);
    }

    #[test]
    fn where_the_name_is_the_id_a_new_name_is_ours() {
        let named = token("QGIS laptop", "QGIS laptop", "never");
        assert_eq!(reconcile(&intent(), std::slice::from_ref(&named)), Verdict::Ours(named));
        let known = intent_knowing("QGIS laptop");
        let old = token("QGIS laptop", "QGIS laptop", "never");
        assert_eq!(reconcile(&known, &[old]), Verdict::NotMade, "it was there before");
    }

    fn intent_knowing(id: &str) -> Intent {
        Intent { before: Some(BTreeSet::from([id.to_owned()])), ..intent() }
    }

    #[test]
    fn what_was_revoked_is_not_ours() {
        let mut gone = token("new", "QGIS laptop", "2026-01-01T12:00:01Z");
        gone.revoked = Some(crate::platform::Revocation::default());
        assert_eq!(reconcile(&intent(), &[gone]), Verdict::NotMade);
    }

    #[test]
    fn another_workspace_is_not_ours() {
        let mut other = token("new", "QGIS laptop", "2026-01-01T12:00:01Z");
        other.workspace = "else".into();
        assert_eq!(reconcile(&intent(), &[other]), Verdict::NotMade);
        assert_eq!(adopt_id(&intent(), &[]), None);
    }
}
