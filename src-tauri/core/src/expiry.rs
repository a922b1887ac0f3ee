//! When to warn: lead times, and what is due now. Pure: time and what was claimed come in.
//!
//! The same plan feeds the notifications, the tray, the badges and `wayleave status`.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::api::CredentialState;
use crate::credential::{CredentialId, CredentialKind};

/// How long before its end a credential is warned about. Ordered from early to late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lead {
    /// Seven days before.
    Week,
    /// One day before.
    Day,
    /// One hour before.
    Hour,
    /// At the end itself.
    End,
}

impl Lead {
    /// How long before the end.
    pub fn before(self) -> SignedDuration {
        match self {
            Self::Week => SignedDuration::from_hours(7 * 24),
            Self::Day => SignedDuration::from_hours(24),
            Self::Hour => SignedDuration::from_hours(1),
            Self::End => SignedDuration::ZERO,
        }
    }

    /// A number for the table of claims; never reused for another lead.
    pub fn code(self) -> i64 {
        match self {
            Self::Week => 1,
            Self::Day => 2,
            Self::Hour => 3,
            Self::End => 4,
        }
    }
}

/// The one table of leads. S3 credentials are warned about only when their automatic renewal
/// fails, which is another notice.
pub fn leads(kind: CredentialKind) -> &'static [Lead] {
    match kind {
        CredentialKind::ApiToken | CredentialKind::KeyPair => {
            &[Lead::Week, Lead::Day, Lead::Hour, Lead::End]
        }
        CredentialKind::S3 | CredentialKind::SessionToken => &[],
    }
}

/// What the plan needs of a credential; all of it is readable while the vault is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// Which.
    pub id: CredentialId,
    /// What it is.
    pub kind: CredentialKind,
    /// When it ends, to the minute.
    pub expires: Option<Timestamp>,
}

/// One lead of one end of one credential: what is announced exactly once. A credential that is
/// renewed has a new end, and so new leads; one that is renamed has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Claim {
    /// Which credential.
    pub id: CredentialId,
    /// Which end.
    pub expires: Timestamp,
    /// Which lead.
    pub lead: Lead,
}

/// What to announce now, and when to look again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The latest unannounced lead of each credential, the most urgent credential first.
    pub due: Vec<Claim>,
    /// Every unannounced lead that has passed, `due` included: all become claimed together, so
    /// that a week of sleep yields one notice and not four.
    pub passed: Vec<Claim>,
    /// The next moment at which something becomes due; `None`: never.
    pub wake_at: Option<Timestamp>,
}

/// Plans. `claimed` holds what was announced already.
pub fn plan(now: Timestamp, watched: &[Watch], claimed: &BTreeSet<Claim>) -> Plan {
    let mut plan = Plan::default();
    for watch in watched {
        let (passed, next) = split(now, *watch);
        let fresh: Vec<Claim> = passed.into_iter().filter(|c| !claimed.contains(c)).collect();
        plan.due.extend(fresh.last().copied().filter(|latest| is_news(*latest, claimed)));
        plan.passed.extend(fresh);
        plan.wake_at = [plan.wake_at, next].into_iter().flatten().min();
    }
    plan.due.sort_by_key(|claim| (claim.expires, claim.id));
    plan
}

/// The leads that have passed, early to late, and the moment of the next one.
fn split(now: Timestamp, watch: Watch) -> (Vec<Claim>, Option<Timestamp>) {
    let Some(expires) = watch.expires else { return (Vec::new(), None) };
    let at = |lead: Lead| expires.checked_sub(lead.before()).unwrap_or(Timestamp::MIN);
    let (passed, coming): (Vec<Lead>, Vec<Lead>) =
        leads(watch.kind).iter().partition(|lead| at(**lead) <= now);
    let claims = passed.into_iter().map(|lead| Claim { id: watch.id, expires, lead }).collect();
    (claims, coming.first().map(|lead| at(*lead)))
}

/// A lead that was skipped is no news once a later one of the same end was announced (the
/// clock was set back, or the user was told at the later one).
fn is_news(claim: Claim, claimed: &BTreeSet<Claim>) -> bool {
    !claimed.iter().any(|c| c.id == claim.id && c.expires == claim.expires && c.lead > claim.lead)
}

/// Where a credential stands by its end alone.
pub fn state(now: Timestamp, kind: CredentialKind, expires: Option<Timestamp>) -> CredentialState {
    let Some(expires) = expires else { return CredentialState::Active };
    if expires <= now {
        return CredentialState::Expired;
    }
    let first = leads(kind).first().map_or(SignedDuration::ZERO, |lead| lead.before());
    if expires.duration_since(now) <= first {
        CredentialState::Expiring
    } else {
        CredentialState::Active
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::credential::Id;

    const END: Timestamp = Timestamp::constant(2_000_000_000, 0);

    fn token(expires: Timestamp) -> Watch {
        Watch { id: Id([1; 16]), kind: CredentialKind::ApiToken, expires: Some(expires) }
    }

    fn before_end(hours: i64) -> Timestamp {
        END - SignedDuration::from_hours(hours)
    }

    fn leads_due(plan: &Plan) -> Vec<Lead> {
        plan.due.iter().map(|claim| claim.lead).collect()
    }

    #[test]
    fn nothing_is_due_before_the_first_lead() {
        let plan = plan(before_end(24 * 8), &[token(END)], &BTreeSet::new());
        assert_eq!((plan.due, plan.wake_at), (vec![], Some(before_end(24 * 7))));
    }

    #[test]
    fn each_lead_is_due_at_its_moment() {
        for (hours, lead) in [(168, Lead::Week), (24, Lead::Day), (1, Lead::Hour), (0, Lead::End)] {
            let plan = plan(before_end(hours), &[token(END)], &BTreeSet::new());
            assert_eq!(leads_due(&plan), [lead], "{hours} hours before");
        }
    }

    #[test]
    fn a_week_asleep_yields_one_notice_and_claims_all() {
        let plan = plan(END, &[token(END)], &BTreeSet::new());
        assert_eq!(leads_due(&plan), [Lead::End]);
        assert_eq!(plan.passed.len(), 4);
        assert_eq!(plan.wake_at, None);
    }

    #[test]
    fn a_clock_set_back_repeats_nothing() {
        let at_day = plan(before_end(24), &[token(END)], &BTreeSet::new());
        let only_day: BTreeSet<Claim> = at_day.due.iter().copied().collect();
        let back = plan(before_end(100), &[token(END)], &only_day);
        assert_eq!(leads_due(&back), []);
    }

    #[test]
    fn s3_and_endless_credentials_are_never_due() {
        let s3 = Watch { kind: CredentialKind::S3, ..token(END) };
        let endless = Watch { expires: None, ..token(END) };
        assert_eq!(plan(END, &[s3, endless], &BTreeSet::new()), Plan::default());
    }

    #[test]
    fn the_state_follows_the_first_lead() {
        let kind = CredentialKind::ApiToken;
        assert_eq!(state(before_end(200), kind, Some(END)), CredentialState::Active);
        assert_eq!(state(before_end(168), kind, Some(END)), CredentialState::Expiring);
        assert_eq!(state(END, kind, Some(END)), CredentialState::Expired);
        assert_eq!(state(END, kind, None), CredentialState::Active);
    }

    proptest! {
        #[test]
        fn planning_again_after_claiming_is_empty(
            now in -400i64..800, ends in prop::collection::vec(-400i64..800, 0..20)
        ) {
            let watched: Vec<Watch> = ends.iter().enumerate().map(|(i, hours)| Watch {
                id: Id([u8::try_from(i).unwrap(); 16]),
                ..token(END + SignedDuration::from_hours(*hours))
            }).collect();
            let now = END + SignedDuration::from_hours(now);
            let first = plan(now, &watched, &BTreeSet::new());
            let again = plan(now, &watched, &first.passed.iter().copied().collect());
            prop_assert!(again.due.is_empty() && again.passed.is_empty());
            prop_assert_eq!(again.wake_at, first.wake_at);
        }
    }
}
