//! How often secrets may be shown. A page that has been taken over cannot read the vault in bulk.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use wayleave_core::api::Id;
use wayleave_core::error::{Error, ErrorCode, Result};

/// A revealed secret stays on the screen this long.
pub const SHOWN: SignedDuration = SignedDuration::from_secs(30);
/// Fields shown within [`SHOWN`]: one record's, all of them.
const AT_ONCE: usize = 4;

/// What was shown lately.
#[derive(Debug, Default)]
pub struct Gate {
    record: Option<Id>,
    times: VecDeque<Timestamp>,
    changes: VecDeque<Timestamp>,
}

impl Gate {
    /// Lets one field of a record through, or says when to ask again: at most [`AT_ONCE`] fields
    /// and two changes to another record within [`SHOWN`].
    pub fn pass(&mut self, record: Id, now: Timestamp) -> Result<()> {
        let (times, changes) = (&mut self.times, &mut self.changes);
        for recent in [&mut *times, &mut *changes] {
            recent.retain(|at| (SignedDuration::ZERO..SHOWN).contains(&now.duration_since(*at)));
        }
        let is_other = self.record.is_some_and(|shown| shown != record);
        if times.len() >= AT_ONCE || (is_other && changes.len() >= 2) {
            let oldest = times.front().copied().unwrap_or(now);
            return Err(too_many(SHOWN - now.duration_since(oldest)));
        }
        times.push_back(now);
        if is_other {
            changes.push_back(now);
        }
        self.record = Some(record);
        Ok(())
    }
}

fn too_many(wait: SignedDuration) -> Error {
    Error::new(ErrorCode::RateLimited, "secrets are shown a few at a time")
        .with("retry_after", wait.as_secs().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time")
    }

    #[test]
    fn a_bulk_read_is_stopped() {
        let mut gate = Gate::default();
        let passed = (0..100).filter(|n| gate.pass(Id([*n; 16]), at(0)).is_ok()).count();
        assert_eq!(passed, 3, "one record and two changes");
        assert!(gate.pass(Id([200; 16]), at(31)).is_ok(), "later it goes on");
    }

    #[test]
    fn all_fields_of_one_record_pass() {
        let mut gate = Gate::default();
        let passed = (0..10).filter(|second| gate.pass(Id([1; 16]), at(*second)).is_ok()).count();
        assert_eq!(passed, AT_ONCE);
    }

    #[test]
    fn the_answer_says_when_to_ask_again() {
        let mut gate = Gate::default();
        for _ in 0..AT_ONCE {
            gate.pass(Id([1; 16]), at(0)).expect("passes");
        }
        let error = gate.pass(Id([1; 16]), at(10)).expect_err("too many");
        assert_eq!(error.params["retry_after"], "20");
    }
}
