//! The sandbox's own clock: the machine's time plus an offset that tests move.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// Wall-clock time as this platform sees it.
///
/// Everything that expires here (sessions, tokens, S3 credentials, codes) and the `Date` header
/// of every answer follow this clock, so moving it plays both "a month later" and "the server's
/// clock is wrong".
#[derive(Debug)]
pub struct Clock {
    offset_seconds: AtomicI64,
    /// The machine's time at which this clock stopped; [`RUNNING`] when it did not.
    stopped_at: AtomicI64,
}

/// No moment: the clock runs.
const RUNNING: i64 = i64::MIN;

impl Default for Clock {
    fn default() -> Self {
        Self { offset_seconds: AtomicI64::new(0), stopped_at: AtomicI64::new(RUNNING) }
    }
}

impl Clock {
    /// The present moment, in whole seconds since 1970 (UTC).
    pub fn now(&self) -> i64 {
        let base = match self.stopped_at.load(Ordering::SeqCst) {
            RUNNING => machine_time().as_second(),
            moment => moment,
        };
        base.saturating_add(self.offset())
    }

    /// Stops the clock: from now on only [`Clock::advance`] and [`Clock::set_offset`] move it, so
    /// that a test on a busy machine sees every second it asks for and no other.
    pub fn freeze(&self) {
        self.stopped_at.store(machine_time().as_second(), Ordering::SeqCst);
    }

    /// Lets the clock run again, at its offset from the machine's.
    pub fn thaw(&self) {
        self.stopped_at.store(RUNNING, Ordering::SeqCst);
    }

    /// How far this clock is ahead of the machine's (negative: behind), in seconds.
    pub fn offset(&self) -> i64 {
        self.offset_seconds.load(Ordering::SeqCst)
    }

    /// Sets the distance from the machine's clock, in seconds.
    pub fn set_offset(&self, seconds: i64) {
        self.offset_seconds.store(seconds, Ordering::SeqCst);
    }

    /// Moves the clock forward (or back, when negative) by `seconds`.
    pub fn advance(&self, seconds: i64) {
        self.offset_seconds.fetch_add(seconds, Ordering::SeqCst);
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "a server needs the real time once; every use goes through the offset above"
)]
fn machine_time() -> Timestamp {
    Timestamp::now()
}

/// `seconds` since 1970 as RFC 3339 in UTC with whole seconds, the platform's usual form.
pub(crate) fn rfc3339(seconds: i64) -> String {
    Timestamp::from_second(seconds).map(|t| t.to_string()).unwrap_or_default()
}

/// `seconds` since 1970 as an HTTP date (`Fri, 07 Mar 2025 13:55:56 GMT`).
pub(crate) fn http_date(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map(|t| t.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .unwrap_or_default()
}
