//! What a test can make the sandbox do.
//!
//! Every control is one [`Control`] value. [`Sandbox::control`](crate::Sandbox::control) takes it
//! in the same process; with a control port, `POST /` with its JSON does the same from another
//! one. The JSON names the control in `do`, for example
//! `{"do":"advance_clock","seconds":2592000}`.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::rfc3339;
use crate::state::{ApiToken, App, Data};
use crate::{stand_in, world};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Control {
    /// Moves the sandbox's clock by `seconds` (negative: back).
    AdvanceClock {
        /// How far.
        seconds: i64,
    },
    /// Puts the sandbox's clock `seconds` ahead of the machine's (negative: behind).
    SetClockOffset {
        /// How far.
        seconds: i64,
    },
    /// Stops the sandbox's clock; only the two controls above move it then.
    FreezeClock,
    /// Lets the clock run again, at its offset from the machine's.
    ThawClock,
    /// Life of API tokens made from now on, in seconds, whatever the request asks; `null`: as asked.
    TokenLifetime {
        /// The life.
        seconds: Option<i64>,
    },
    /// Life of S3 credentials made from now on, in seconds; `null`: 3600.
    S3Lifetime {
        /// The life.
        seconds: Option<i64>,
    },
    /// Lives of OpenID access and refresh tokens issued from now on, in seconds.
    OidcLifetimes(OidcLifetimes),
    /// Life and polling interval of device requests made from now on, in seconds.
    DeviceTimes(DeviceTimes),
    /// Every answer waits this many milliseconds of real time.
    Latency {
        /// How long.
        millis: u64,
    },
    /// Answers matching requests with something else, or disturbs their connection.
    Rule(Rule),
    /// Takes all rules away.
    ClearRules,
    /// Replaces the portal's cookies on the first use after `after_seconds`; the old ones then
    /// give 401 and end the session at its next refresh. `null`: never (the default).
    RotateCookies {
        /// Age from which they are replaced.
        after_seconds: Option<i64>,
    },
    /// Adds an API token that somebody made elsewhere; nobody here knows its secret.
    AddToken(ForeignToken),
    /// Deletes an API token as its owner would at the portal.
    DeleteToken {
        /// Its id.
        id: String,
    },
    /// Ends sessions at once, as an administrator would.
    ExpireSessions {
        /// Of which kind.
        kind: SessionKind,
        /// Of whom; `null`: of everybody.
        username: Option<String>,
    },
    /// Signs somebody in at the portal without a browser; returns `{"cookies":[[name, value], …]}`.
    SignIn {
        /// Login name.
        username: String,
    },
    /// Plays the browser and the person at it: takes the address to which an OpenID client sends
    /// the browser, logs in, and returns `{"location":…}`, where the browser would go next. That
    /// address is not visited.
    Authorize {
        /// Login name.
        username: String,
        /// The authorisation request.
        url: String,
    },
    /// Plays the person at the device page.
    AnswerDevice {
        /// Login name.
        username: String,
        /// The code that the device shows.
        user_code: String,
        /// Allow or deny.
        allow: bool,
    },
    /// Lists every API token on the server, without secrets.
    ListTokens,
    /// Lists every secret that was handed out so far, as [`HandedOut`]: for tests that look for them
    /// where they must not be.
    ListSecrets,
    /// Lists every request so far, as [`Seen`](crate::Seen).
    ListSeen,
    /// Forgets the requests so far.
    ClearSeen,
    /// Back to the beginning: tokens, sessions, rules, lives, requests and clock. Objects in S3
    /// stay, and so does the issuer's key.
    Reset,
}

/// Lives of OpenID tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OidcLifetimes {
    /// Of access and ID tokens, in seconds (300).
    pub access_seconds: i64,
    /// Of refresh tokens, in seconds (1800).
    pub refresh_seconds: i64,
}

impl Default for OidcLifetimes {
    fn default() -> Self {
        Self { access_seconds: 300, refresh_seconds: 1800 }
    }
}

/// Times of the device flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceTimes {
    /// Life of a request, in seconds (600).
    pub expires_in: i64,
    /// Least time between two polls, in seconds by the sandbox's clock (5).
    pub interval: i64,
}

impl Default for DeviceTimes {
    fn default() -> Self {
        Self { expires_in: 600, interval: 5 }
    }
}

/// A disturbance of matching requests, to the hub or to S3 (whose paths begin with the bucket).
/// The latest rule that matches wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Only this method; `null`: any.
    #[serde(default)]
    pub method: Option<String>,
    /// The path; `*` stands for any run of characters, also none.
    pub path: String,
    /// Only these callers, in the words of [`Seen::who`](crate::Seen::who), `*` as above: for
    /// example `token:*`, `cookie:ada`, or an empty text for strangers. `null`: all.
    #[serde(default)]
    pub who: Option<String>,
    /// How many times; `null`: until cleared.
    #[serde(default)]
    pub times: Option<u32>,
    /// What happens.
    pub effect: Effect,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// Answers in the sandbox's stead; the request has no effect.
    Answer {
        /// Status.
        status: u16,
        /// `Content-Type`; empty: none.
        #[serde(default)]
        content_type: String,
        /// Body.
        #[serde(default)]
        body: String,
        /// Further headers.
        #[serde(default)]
        headers: Vec<(String, String)>,
    },
    /// The request takes effect, but something on the way answers in its stead.
    Replace {
        /// Status.
        status: u16,
        /// `Content-Type`; empty: none.
        #[serde(default)]
        content_type: String,
        /// Body.
        #[serde(default)]
        body: String,
    },
    /// The request takes effect; these fields are missing from the JSON object of its answer.
    Strip {
        /// Their names.
        fields: Vec<String>,
    },
    /// The request takes effect; the answer's connection is cut after this many bytes, counted
    /// from the status line.
    Cut {
        /// How many bytes still arrive.
        after_bytes: u64,
    },
    /// The request takes effect (a token is made); no byte of the answer arrives.
    DropAnswer,
    /// The request takes effect, and its answer waits.
    Delay {
        /// For how long, in milliseconds of real time.
        millis: u64,
    },
}

/// A token made elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignToken {
    /// Its owner's login name.
    pub username: String,
    /// Its workspace.
    pub workspace: String,
    /// Its name; may be one that exists.
    pub name: String,
    /// When it was made, in seconds before now.
    #[serde(default)]
    pub age_seconds: i64,
    /// When it ends, in seconds from now.
    pub expires_in: i64,
}

/// Which sessions to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    /// The portal's cookie sessions.
    Portal,
    /// The identity provider's sessions, with all their refresh tokens.
    Oidc,
}

/// A secret that somebody was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HandedOut {
    /// `api_token`, `s3_secret_key`, `s3_session_token`, `access_token`, `refresh_token`, `id_token`,
    /// `code`, `device_code` or `portal_session`.
    pub kind: &'static str,
    /// The secret itself.
    pub value: String,
}

/// A token as the server keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerToken {
    /// Its id.
    pub id: String,
    /// Its owner's login name.
    pub username: String,
    /// Its workspace.
    pub workspace: String,
    /// Its name.
    pub name: String,
    /// When it was made (RFC 3339).
    pub created: String,
    /// When it ends (RFC 3339).
    pub expiry: String,
}

impl From<&ApiToken> for ServerToken {
    fn from(token: &ApiToken) -> Self {
        Self {
            id: token.id.clone(),
            username: token.username.clone(),
            workspace: token.workspace.clone(),
            name: token.name.clone(),
            created: rfc3339(token.created),
            expiry: rfc3339(token.expires),
        }
    }
}

/// What is set at present.
#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) token_lifetime: Option<i64>,
    pub(crate) s3_lifetime: Option<i64>,
    pub(crate) oidc_lifetimes: OidcLifetimes,
    pub(crate) device: DeviceTimes,
    pub(crate) latency_millis: u64,
    pub(crate) rules: Vec<Rule>,
    pub(crate) cookie_refresh_after: Option<i64>,
}

impl Settings {
    /// The effect on this request, counted down.
    pub(crate) fn effect_on(&mut self, method: &str, path: &str, who: &str) -> Option<Effect> {
        let fits = |rule: &&mut Rule| {
            rule.times != Some(0)
                && rule.method.as_deref().is_none_or(|wanted| wanted == method)
                && rule.who.as_deref().is_none_or(|wanted| matches(wanted, who))
                && matches(&rule.path, path)
        };
        let rule = self.rules.iter_mut().rev().find(fits)?;
        rule.times = rule.times.map(|left| left - 1);
        Some(rule.effect.clone())
    }
}

/// Whether `path` is of the form `pattern`, where `*` stands for anything.
fn matches(pattern: &str, path: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == path };
    let Some(after) = path.strip_prefix(head) else { return false };
    let mut tails = (0..=after.len()).filter_map(|from| after.get(from..));
    tails.any(|tail| matches(rest, tail))
}

/// Does it. The value is `null` but for the two lists, `add_token` (the id), `sign_in` and
/// `authorize`.
///
/// # Errors
/// Words for a 400 when the control names something that does not exist.
pub(crate) fn apply(app: &App, control: Control) -> Result<Value, (StatusCode, String)> {
    let now = app.clock.now();
    let mut data = app.data();
    let settings = &mut data.settings;
    match control {
        Control::AdvanceClock { seconds } => app.clock.advance(seconds),
        Control::SetClockOffset { seconds } => app.clock.set_offset(seconds),
        Control::FreezeClock => app.clock.freeze(),
        Control::ThawClock => app.clock.thaw(),
        Control::TokenLifetime { seconds } => settings.token_lifetime = seconds,
        Control::S3Lifetime { seconds } => settings.s3_lifetime = seconds,
        Control::OidcLifetimes(lifetimes) => settings.oidc_lifetimes = lifetimes,
        Control::DeviceTimes(times) => settings.device = times,
        Control::Latency { millis } => settings.latency_millis = millis,
        Control::Rule(rule) => settings.rules.push(rule),
        Control::ClearRules => settings.rules.clear(),
        Control::RotateCookies { after_seconds } => settings.cookie_refresh_after = after_seconds,
        Control::AddToken(token) => {
            let id = app.random.uuid();
            data.tokens.push(foreign(token, id.clone(), now)?);
            return Ok(json!({ "id": id }));
        }
        Control::DeleteToken { id } => delete(&mut data, &id)?,
        Control::ExpireSessions { kind, username } => match kind {
            SessionKind::Portal => data.portal.end_all(username.as_deref()),
            SessionKind::Oidc => data.oidc.end_sessions(username.as_deref()),
        },
        Control::SignIn { username } => {
            drop(data);
            return stand_in::sign_in(app, &username);
        }
        Control::Authorize { username, url } => {
            drop(data);
            return stand_in::authorize(app, &username, &url);
        }
        Control::AnswerDevice { username, user_code, allow } => {
            drop(data);
            return stand_in::answer_device(app, &username, &user_code, allow);
        }
        Control::ListTokens => {
            let all: Vec<ServerToken> = data.tokens.iter().map(ServerToken::from).collect();
            return Ok(json!(all));
        }
        Control::ListSecrets => return Ok(json!(data.secrets())),
        Control::ListSeen => return Ok(json!(data.seen.all())),
        Control::ClearSeen => data.seen.clear(),
        Control::Reset => {
            data.seen.clear();
            let seen = std::mem::take(&mut data.seen);
            let handed_out = data.secrets();
            *data = Data { seen, handed_out, ..Data::default() };
            app.clock.set_offset(0);
            app.clock.thaw();
        }
    }
    Ok(Value::Null)
}

fn foreign(token: ForeignToken, id: String, now: i64) -> Result<ApiToken, (StatusCode, String)> {
    let member = world::person(&token.username).is_some_and(|p| p.is_member(&token.workspace));
    if !member {
        let text = format!("{} has no workspace {}", token.username, token.workspace);
        return Err((StatusCode::BAD_REQUEST, text));
    }
    Ok(ApiToken {
        id,
        username: token.username,
        workspace: token.workspace,
        name: token.name,
        created: now - token.age_seconds,
        expires: now + token.expires_in,
        fingerprint: String::new(),
    })
}

fn delete(data: &mut Data, id: &str) -> Result<(), (StatusCode, String)> {
    let before = data.tokens.len();
    data.tokens.retain(|token| token.id != id);
    if data.tokens.len() == before {
        return Err((StatusCode::NOT_FOUND, format!("no token {id}")));
    }
    Ok(())
}
