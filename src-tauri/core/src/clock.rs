//! Time as an argument. Everything that decides by time takes a `now` or a [`Clock`]; the real
//! clock is read in this file only (clippy's `disallowed-methods` holds the rest to it).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// The wall clock, UTC.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that tests set and advance.
#[derive(Debug, Clone)]
pub struct FakeClock(Arc<Mutex<Timestamp>>);

impl FakeClock {
    /// Starts at `now` and stands still.
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(now)))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.lock();
        *now = now
            .checked_add(SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX))
            .unwrap_or(Timestamp::MAX);
    }

    /// Sets the clock, backwards too.
    pub fn set(&self, now: Timestamp) {
        *self.lock() = now;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Timestamp> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        *self.lock()
    }
}

const MINUTE: i128 = 60_000;
const HOUR: i128 = 60 * MINUTE;
const DAY: i128 = 24 * HOUR;

/// A length of time as people say it, “22 hours”: minutes below an hour, hours below two days,
/// then days. It is rounded down, so that nothing promises more time than there is, but what is
/// short of a whole unit by less than a sixtieth of it counts as whole: a key of 30 days says so
/// right after it was made, and the warning seven days before an end does not say six.
///
/// The window's page has the same rule (`ui/src/lib/time.ts`); both are held to the cases in
/// `tests/fixtures/spans.json`.
pub fn span(length: SignedDuration) -> String {
    let milliseconds = length.as_millis();
    let whole = |unit: i128| (milliseconds + unit / 60 - 1).div_euclid(unit);
    let (count, unit) = match whole(HOUR) {
        ..=0 => (whole(MINUTE).max(1), "minute"),
        hours @ 1..48 => (hours, "hour"),
        _ => (whole(DAY), "day"),
    };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_in_the_unit_that_helps() {
        let cases = include_str!("../../../tests/fixtures/spans.json");
        let cases: Vec<(i64, String)> = serde_json::from_str(cases).expect("cases");
        for (milliseconds, words) in &cases {
            assert_eq!(&span(SignedDuration::from_millis(*milliseconds)), words, "{milliseconds}");
        }
    }
}
