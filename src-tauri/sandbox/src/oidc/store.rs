//! What the identity provider remembers: pending log-ins, browser sessions, codes, devices, grants.

use std::collections::{HashMap, HashSet};

/// How long a browser session lives without use, in seconds (Keycloak's SSO idle time).
pub(crate) const IDLE_SECONDS: i64 = 1800;

/// The provider's memory.
#[derive(Default)]
pub(crate) struct OidcStore {
    /// Log-in pages that were handed out, by session code.
    pub(crate) logins: HashMap<String, PendingLogin>,
    /// Browser sessions by `sid`.
    pub(crate) sessions: HashMap<String, BrowserSession>,
    /// Authorisation codes.
    pub(crate) codes: HashMap<String, Code>,
    /// Device requests by device code.
    pub(crate) devices: HashMap<String, Device>,
    /// Client sessions by their own id.
    pub(crate) grants: HashMap<String, Grant>,
    /// Which grant a refresh token (by `jti`) belongs to.
    pub(crate) refresh_index: HashMap<String, String>,
    /// Access tokens (by `jti`) that were revoked one by one.
    pub(crate) revoked_access: HashSet<String>,
}

/// Why somebody is asked to log in.
#[derive(Clone)]
pub(crate) enum Purpose {
    /// To go on with an authorisation request.
    Authorize(Box<AuthRequest>),
    /// To allow a device.
    Device {
        /// Device code of the request.
        device_code: String,
    },
}

/// A log-in page that waits for its form.
pub(crate) struct PendingLogin {
    pub(crate) purpose: Purpose,
    pub(crate) created: i64,
}

/// A checked authorisation request.
#[derive(Clone, Default)]
pub(crate) struct AuthRequest {
    pub(crate) client: String,
    pub(crate) redirect_uri: String,
    pub(crate) scope: Vec<String>,
    pub(crate) state: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<String>,
}

/// Somebody who logged in with a browser.
#[derive(Clone)]
pub(crate) struct BrowserSession {
    pub(crate) username: String,
    pub(crate) cookie: String,
    pub(crate) auth_time: i64,
    pub(crate) last_used: i64,
    pub(crate) ended: bool,
}

impl BrowserSession {
    /// Neither ended nor idle for too long.
    pub(crate) fn is_live(&self, now: i64) -> bool {
        !self.ended && now - self.last_used <= IDLE_SECONDS
    }
}

/// An authorisation code.
pub(crate) struct Code {
    pub(crate) request: AuthRequest,
    pub(crate) sid: String,
    pub(crate) created: i64,
    /// Spent, rightly or not.
    pub(crate) spent: bool,
    /// Somebody came with it a second time.
    pub(crate) used_again: bool,
    /// The grant it was turned into.
    pub(crate) grant: Option<String>,
}

/// A device request.
pub(crate) struct Device {
    pub(crate) client: String,
    pub(crate) user_code: String,
    pub(crate) scope: Vec<String>,
    pub(crate) challenge: String,
    pub(crate) expires: i64,
    pub(crate) interval: i64,
    pub(crate) last_poll: Option<i64>,
    pub(crate) answer: DeviceAnswer,
}

/// What the person at the browser said.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum DeviceAnswer {
    /// Nothing yet.
    Pending,
    /// Allowed, in this browser session.
    Allowed(String),
    /// Refused.
    Denied,
}

/// A client's share of a session: one refresh token is current, all older ones are traps.
pub(crate) struct Grant {
    pub(crate) client: String,
    pub(crate) sid: String,
    pub(crate) scope: Vec<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) current_refresh: String,
    pub(crate) dead: bool,
}

impl Grant {
    /// Whether it outlives the browser session.
    pub(crate) fn is_offline(&self) -> bool {
        self.scope.iter().any(|scope| scope == "offline_access")
    }
}

impl OidcStore {
    /// The live browser session that this cookie stands for.
    pub(crate) fn session_of_cookie(&mut self, cookie: &str, now: i64) -> Option<(String, String)> {
        let found = self.sessions.iter_mut().find(|(_, s)| s.cookie == cookie && s.is_live(now))?;
        found.1.last_used = now;
        Some((found.0.clone(), found.1.username.clone()))
    }

    /// Ends a session and everything that hangs on it.
    pub(crate) fn end_session(&mut self, sid: &str) {
        if let Some(session) = self.sessions.get_mut(sid) {
            session.ended = true;
        }
        for grant in self.grants.values_mut().filter(|grant| grant.sid == sid) {
            grant.dead = true;
        }
    }

    /// Ends every session, or every session of one person.
    pub(crate) fn end_sessions(&mut self, username: Option<&str>) {
        let theirs = |s: &BrowserSession| username.is_none_or(|name| s.username == name);
        let ids: Vec<String> = self
            .sessions
            .iter()
            .filter(|(_, session)| theirs(session))
            .map(|(sid, _)| sid.clone())
            .collect();
        for sid in ids {
            self.end_session(&sid);
        }
    }
}
