//! The portal's cookie sessions, kept the way oauth2-proxy keeps them: one long value split over
//! two cookies, replaced at a refresh, with the old value turned into a trap.

use std::collections::HashMap;

use axum::http::HeaderMap;
use axum::response::Response;

use crate::random::Random;
use crate::reply;

/// Idle time after which a session is over, in seconds (the hub's documented 30 minutes).
pub(crate) const IDLE_SECONDS: i64 = 1800;
/// Length of a session value and of its first part: two cookies, as measured at oauth2-proxy.
const VALUE_LENGTH: usize = 4600;
const FIRST_PART: usize = 3900;
/// The cookie of a log-in under way.
pub(crate) const CSRF_COOKIE: &str = "_oauth2_proxy_csrf";

/// Log-ins under way and sessions.
#[derive(Default)]
pub(crate) struct PortalStore {
    /// Log-ins under way, by OAuth state.
    pub(crate) starts: HashMap<String, Start>,
    sessions: HashMap<String, Session>,
    values: HashMap<String, Value>,
}

/// A log-in under way.
pub(crate) struct Start {
    /// Where to go afterwards.
    pub(crate) rd: String,
    /// What the browser must bring back.
    pub(crate) csrf: String,
}

struct Session {
    username: String,
    sid: String,
    last_used: i64,
    ended: bool,
    /// A replaced value was used again: ends at the next refresh.
    doomed: bool,
}

struct Value {
    session: String,
    issued: i64,
    superseded: bool,
}

/// What a request's cookies are worth.
pub(crate) enum Verdict {
    /// A session of this person; with a value if the cookies are to be replaced.
    Live { username: String, renewed: Option<String> },
    /// No session. `clear`: it was one, so the cookies are taken away.
    Dead { clear: bool },
}

/// The value that a request's cookies add up to; every part counts, none is enough alone.
pub(crate) fn value_of(headers: &HeaderMap) -> Option<String> {
    let first = reply::cookie(headers, "_oauth2_proxy_0")?;
    let second = reply::cookie(headers, "_oauth2_proxy_1")?;
    Some(first + &second)
}

/// Gives the browser a session value.
pub(crate) fn set_value(response: &mut Response, value: &str) {
    for (name, part) in cookies_of(value) {
        let cookie = format!("{name}={part}; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax");
        reply::add_cookie(response, &cookie);
    }
}

/// The cookies that carry a session value: names and values.
pub(crate) fn cookies_of(value: &str) -> [(&'static str, &str); 2] {
    let (first, second) = value.split_at_checked(FIRST_PART).unwrap_or((value, ""));
    [("_oauth2_proxy_0", first), ("_oauth2_proxy_1", second)]
}

/// Takes the session value from the browser.
pub(crate) fn clear_value(response: &mut Response) {
    for name in ["_oauth2_proxy_0", "_oauth2_proxy_1"] {
        reply::remove_cookie(response, name, "/");
    }
}

impl PortalStore {
    /// Opens a session of `username` on top of the provider's session `sid`; returns its value.
    pub(crate) fn open(&mut self, username: &str, sid: &str, now: i64, random: &Random) -> String {
        let id = random.uuid();
        let session = Session {
            username: username.to_owned(),
            sid: sid.to_owned(),
            last_used: now,
            ended: false,
            doomed: false,
        };
        self.sessions.insert(id.clone(), session);
        self.new_value(&id, now, random)
    }

    fn new_value(&mut self, session: &str, now: i64, random: &Random) -> String {
        let value = random.text(VALUE_LENGTH);
        let entry = Value { session: session.to_owned(), issued: now, superseded: false };
        self.values.insert(value.clone(), entry);
        value
    }

    /// Uses a value. `refresh_after`: age in seconds from which it is replaced; `provider_ended`
    /// tells whether the provider's session is over, which only a refresh finds out.
    pub(crate) fn check(
        &mut self,
        value: &str,
        now: i64,
        refresh_after: Option<i64>,
        provider_ended: impl Fn(&str) -> bool,
        random: &Random,
    ) -> Verdict {
        let Some(entry) = self.values.get_mut(value) else { return Verdict::Dead { clear: false } };
        let Some(session) = self.sessions.get_mut(&entry.session) else {
            return Verdict::Dead { clear: true };
        };
        if entry.superseded {
            session.doomed = true;
            return Verdict::Dead { clear: true };
        }
        if session.ended || now - session.last_used > IDLE_SECONDS {
            session.ended = true;
            return Verdict::Dead { clear: true };
        }
        let due = refresh_after.is_some_and(|age| now - entry.issued >= age);
        if due && (session.doomed || provider_ended(&session.sid)) {
            session.ended = true;
            return Verdict::Dead { clear: true };
        }
        session.last_used = now;
        let username = session.username.clone();
        entry.superseded = due;
        let id = entry.session.clone();
        let renewed = due.then(|| self.new_value(&id, now, random));
        Verdict::Live { username, renewed }
    }

    /// Every value that a session has or had.
    pub(crate) fn values(&self) -> impl Iterator<Item = &String> {
        self.values.keys()
    }

    /// Whose session a value is or was; changes nothing.
    pub(crate) fn owner(&self, value: &str) -> Option<&str> {
        let session = self.sessions.get(&self.values.get(value)?.session)?;
        Some(&session.username)
    }

    /// Ends the session of a value; returns the provider's session under it.
    pub(crate) fn end(&mut self, value: &str) -> Option<String> {
        let session = self.sessions.get_mut(&self.values.get(value)?.session)?;
        session.ended = true;
        Some(session.sid.clone())
    }

    /// Ends every session, or every session of one person.
    pub(crate) fn end_all(&mut self, username: Option<&str>) {
        let theirs = |s: &&mut Session| username.is_none_or(|name| s.username == name);
        self.sessions.values_mut().filter(theirs).for_each(|session| session.ended = true);
    }
}
