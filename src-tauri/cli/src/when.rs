//! Times as people say them: `in 22 hours`, `30d`, `2026-12-31`.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use wayleave_core::clock::{Clock, SystemClock, span};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// The time of this run.
pub fn now() -> Timestamp {
    SystemClock.now()
}

/// How far an end is away.
pub fn until(now: Timestamp, end: Timestamp) -> String {
    let seconds = end.duration_since(now).as_secs();
    if seconds.abs() < 60 {
        return if seconds > 0 { "in a moment" } else { "just now" }.to_owned();
    }
    let span = span(end.duration_since(now).abs());
    if seconds > 0 { format!("in {span}") } else { format!("{span} ago") }
}

/// An end that may not be known.
pub fn end(now: Timestamp, end: Option<Timestamp>) -> String {
    end.map_or_else(|| "no end known".to_owned(), |end| until(now, end))
}

/// The day of a moment, UTC.
pub fn day(moment: Timestamp) -> String {
    moment.to_zoned(TimeZone::UTC).date().to_string()
}

/// `30s`, `10m`, `2h`, `7d`, `4w`.
pub fn parse_span(text: &str) -> Result<SignedDuration, String> {
    let said = "a time is a number and s, m, h, d or w, as in 30s or 7d";
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or(said)?;
    let number: i64 = number.parse().map_err(|_| said)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => HOUR,
        "d" => DAY,
        "w" => 7 * DAY,
        _ => return Err(said.to_owned()),
    };
    number
        .checked_mul(seconds)
        .filter(|seconds| (0..=100 * 366 * DAY).contains(seconds))
        .map(SignedDuration::from_secs)
        .ok_or_else(|| said.to_owned())
}

/// A moment on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// So long after another moment.
    After(SignedDuration),
    /// At this one.
    At(Timestamp),
    /// Nobody knows.
    Unknown,
}

/// `30d`, `2026-12-31` (its beginning, UTC), a whole RFC 3339 time, or `unknown`.
pub fn parse_moment(text: &str) -> Result<Moment, String> {
    if text == "unknown" {
        return Ok(Moment::Unknown);
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(Moment::At(at));
    }
    if let Ok(date) = text.parse::<Date>()
        && let Ok(zoned) = date.to_zoned(TimeZone::UTC)
    {
        return Ok(Moment::At(zoned.timestamp()));
    }
    parse_span(text)
        .map(Moment::After)
        .map_err(|_| "an end is 30d, a date as in 2026-12-31, or unknown".to_owned())
}

impl Moment {
    /// The moment itself, counted from `from`.
    pub fn from(self, from: Timestamp) -> Option<Timestamp> {
        match self {
            Self::After(span) => from.checked_add(span).ok(),
            Self::At(at) => Some(at),
            Self::Unknown => None,
        }
    }

    /// Whole days from `now`, rounded up; `None` when it has no end.
    pub fn days(self, now: Timestamp) -> Option<u32> {
        self.whole(now, DAY)
    }

    /// Whole hours from `now`, rounded up; `None` when it has no end.
    pub fn hours(self, now: Timestamp) -> Option<u32> {
        self.whole(now, HOUR)
    }

    fn whole(self, now: Timestamp, unit: i64) -> Option<u32> {
        let seconds = self.from(now)?.duration_since(now).as_secs();
        let units = seconds.max(0).unsigned_abs().div_ceil(unit.unsigned_abs());
        // More than can be asked for anyhow, so that the platform's limit is what is told.
        Some(u32::try_from(units).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn after(seconds: i64) -> String {
        until(NOW, NOW + SignedDuration::from_secs(seconds))
    }

    #[test]
    fn spans_are_said_in_the_unit_that_helps() {
        assert_eq!(after(59 * 60), "in 59 minutes");
        assert_eq!(after(22 * HOUR), "in 22 hours");
        assert_eq!(after(47 * HOUR), "in 47 hours");
        assert_eq!(after(48 * HOUR), "in 2 days");
        assert_eq!(after(-HOUR), "1 hour ago");
        assert_eq!((after(59), after(0)), ("in a moment".into(), "just now".into()));
        assert_eq!(end(NOW, None), "no end known");
    }

    #[test]
    fn moments_are_read_in_all_their_forms() {
        assert_eq!(parse_moment("unknown"), Ok(Moment::Unknown));
        let day = parse_moment("2027-01-16").expect("a date").from(NOW).expect("a moment");
        assert_eq!(day.to_string(), "2027-01-16T00:00:00Z");
        let in_30_days = parse_moment("30d").expect("a span");
        assert_eq!(in_30_days.days(NOW), Some(30));
        assert_eq!(in_30_days.from(NOW), Some(NOW + SignedDuration::from_hours(720)));
        for bad in ["", "d", "30", "30x", "-1d", "soon", "99999999999d", "é"] {
            assert!(parse_moment(bad).is_err(), "{bad}");
        }
    }
}
