//! An answer of a platform, and what it means.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use super::text::clean;
use crate::platform::error::{Facts, Kind, Operation, PlatformError};

/// Deepest nesting of JSON that is read.
const JSON_DEPTH: usize = 64;
/// Most elements of one array, and most fields of one object, that are read.
const JSON_ELEMENTS: u32 = 10_000;
/// Longest text in JSON that is read, in bytes.
const JSON_TEXT: usize = 64 << 10;

/// An answer, read to its end.
pub struct Answer {
    /// What was asked for.
    pub operation: Operation,
    /// Where it was asked.
    pub url: Url,
    /// The status.
    pub status: u16,
    /// The header.
    pub headers: HeaderMap,
    /// The content; wiped on drop, since it may hold a secret.
    pub body: Zeroizing<Vec<u8>>,
    /// When the header had arrived, by our clock.
    pub received: Timestamp,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answer({} {})", self.operation, self.status)
    }
}

impl Answer {
    /// Whether the status says that it worked. The status wins over any content.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Itself when it worked, and what went wrong when not.
    pub fn success(self) -> Result<Self, PlatformError> {
        if self.is_success() { Ok(self) } else { Err(self.failure()) }
    }

    /// The content of an answer that worked, read as JSON whatever its type is said to be.
    pub fn json<T: DeserializeOwned>(self) -> Result<T, PlatformError> {
        let answer = self.success()?;
        if answer.is_html() {
            return Err(answer.html_failure());
        }
        let wrong = |what| answer.error(Kind::Protocol(what));
        if answer.body.iter().all(u8::is_ascii_whitespace) {
            return Err(wrong("the answer is empty"));
        }
        if !has_sane_shape(&answer.body) {
            return Err(wrong(
                "the answer is nested too deep, or a text or list in it is too long",
            ));
        }
        serde_json::from_slice(&answer.body).map_err(|error| {
            wrong(if error.is_eof() {
                "the answer is cut off"
            } else if error.is_data() {
                "the answer holds something else than expected"
            } else {
                "the answer is not JSON"
            })
        })
    }

    /// What an answer that did not work means.
    pub fn failure(&self) -> PlatformError {
        let kind = match self.status {
            300..=399 if self.leads_to_sign_in() => Kind::Unauthenticated,
            300..=399 => Kind::Protocol("the answer is a redirect, which is not followed"),
            401 => Kind::Unauthenticated,
            403 => Kind::Forbidden,
            404 | 410 => Kind::NotFound,
            409 => Kind::Conflict,
            429 => Kind::RateLimited { retry_after: self.retry_after(self.received) },
            400 | 422 => Kind::Validation(self.refused_fields()),
            405 => Kind::Protocol("the platform does not know this request"),
            408 | 500..=599 => Kind::Unavailable,
            402..=499 => Kind::Validation(Vec::new()),
            _ => Kind::Protocol("the answer has an unknown status"),
        };
        self.error(kind)
    }

    /// An error of this answer.
    pub fn error(&self, kind: Kind) -> PlatformError {
        let facts = Facts {
            host: self.url.host_str().unwrap_or_default().into(),
            correlation: self.correlation(),
            said: if self.is_success() { None } else { self.said() },
        };
        PlatformError {
            kind,
            operation: self.operation,
            status: Some(self.status),
            hint: None,
            facts: Box::new(facts),
        }
    }

    /// The content as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The server's words: `detail`, `message`, `error`, a JSON string, plain text (platforms.md
    /// A.7). Only of answers that did not work: others may hold a secret.
    pub fn said(&self) -> Option<String> {
        if self.is_html() {
            return None;
        }
        let Ok(json) = serde_json::from_slice::<Value>(&self.body) else {
            return clean(self.text());
        };
        let texts = ["detail", "message", "error"].map(|key| json.get(key).and_then(Value::as_str));
        let first = texts.into_iter().flatten().next();
        first.or_else(|| json.as_str()).and_then(clean)
    }

    /// How long the server asks to wait, in seconds or until a date.
    pub fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let wait = parse_http_date(text)?.as_second() - now.as_second();
        Some(Duration::from_secs(u64::try_from(wait).unwrap_or(0)))
    }

    /// Whether the content is a page for people.
    pub fn is_html(&self) -> bool {
        let said = self.headers.get(CONTENT_TYPE).is_some_and(|kind| {
            kind.to_str().is_ok_and(|kind| kind.trim_start().starts_with("text/html"))
        });
        let looks = self.body.trim_ascii_start().starts_with(b"<");
        looks || (said && serde_json::from_slice::<Value>(&self.body).is_err())
    }

    /// Whether a proxy before the platform refused the bearer itself, ended or not meant for it: a
    /// bare 403 `Forbidden` (oauth2-proxy, stack.md 3). Nothing behind it saw the request; the
    /// platform's own refusals carry a page, JSON or nothing.
    pub fn is_refused_at_the_door(&self) -> bool {
        self.status == 403 && self.text().trim() == "Forbidden"
    }

    fn html_failure(&self) -> PlatformError {
        self.error(if looks_like_sign_in(self.text()) {
            Kind::Unauthenticated
        } else {
            Kind::Protocol("the answer is a page for people")
        })
    }

    fn leads_to_sign_in(&self) -> bool {
        let location = self.headers.get(LOCATION).and_then(|to| to.to_str().ok());
        let Some(to) = location.and_then(|to| self.url.join(to).ok()) else { return false };
        let path = to.path().to_ascii_lowercase();
        ["/oauth2/", "/sign_in", "/login", "/signin", "/openid-connect/auth", "/authorize"]
            .iter()
            .any(|mark| path.contains(mark))
    }

    /// Which fields the platform did not accept: FastAPI's list, or a map of fields to one text or
    /// to several.
    fn refused_fields(&self) -> Vec<(String, String)> {
        let Ok(json) = serde_json::from_slice::<Value>(&self.body) else { return Vec::new() };
        let entries = json.get("detail").or_else(|| json.get("errors"));
        match entries {
            Some(Value::Array(list)) => list.iter().filter_map(fastapi_field).collect(),
            Some(Value::Object(map)) => map
                .iter()
                .filter_map(|(field, texts)| Some((clean(field)?, first_text(texts)?)))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn correlation(&self) -> Option<String> {
        let id = ["x-correlation-id", "x-request-id", "trace-id"]
            .iter()
            .find_map(|name| self.header(name))?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        (id.len() <= 128 && id.chars().all(plain)).then(|| id.to_owned())
    }
}

/// A text, or the first of a list of them.
fn first_text(value: &Value) -> Option<String> {
    let first = value.as_str().or_else(|| value.as_array()?.first()?.as_str())?;
    clean(first)
}

fn fastapi_field(entry: &Value) -> Option<(String, String)> {
    let field = entry.get("loc")?.as_array()?.last()?.as_str()?;
    Some((clean(field)?, clean(entry.get("msg")?.as_str()?)?))
}

/// Whether a page asks to sign in.
pub fn looks_like_sign_in(page: &str) -> bool {
    let page = page.to_ascii_lowercase();
    let marks = ["kc-form-login", "openid-connect/auth", "/oauth2/start", "/oauth2/sign_in"];
    marks.iter().any(|mark| page.contains(mark))
        || (page.contains("<form") && page.contains("type=\"password\""))
}

/// Whether JSON is nested no deeper and holds no longer text or list than any honest answer. Only
/// counts: the parser judges the rest.
fn has_sane_shape(json: &[u8]) -> bool {
    let (mut depth, mut text, mut escaped) = (0_usize, None, false);
    // Commas at each depth, since that depth was entered.
    let mut commas = [0_u32; JSON_DEPTH + 1];
    for &byte in json {
        match text {
            Some(_) if escaped => escaped = false,
            Some(_) if byte == b'\\' => escaped = true,
            Some(_) if byte == b'"' => text = None,
            Some(length) if length >= JSON_TEXT => return false,
            Some(length) => text = Some(length + 1),
            None => match byte {
                b'"' => text = Some(0),
                b'{' | b'[' => {
                    depth += 1;
                    match commas.get_mut(depth) {
                        Some(count) => *count = 0,
                        None => return false,
                    }
                }
                b'}' | b']' => depth = depth.saturating_sub(1),
                b',' => match commas.get_mut(depth) {
                    Some(count) if *count + 1 < JSON_ELEMENTS => *count += 1,
                    Some(_) | None => return false,
                },
                _ => {}
            },
        }
    }
    true
}

/// A date as HTTP writes it.
pub fn parse_http_date(text: &str) -> Option<Timestamp> {
    rfc2822::parse(text).ok().map(|time| time.timestamp())
}

/// A time as platforms write it: RFC 3339 with any fraction and offset, or Go's
/// `YYYY-MM-DD HH:MM:SS +0000 UTC`. `None` for anything else, and for year 1, which means "not
/// set" (platforms.md G.4, G.5).
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let time = text.parse().ok().or_else(|| parse_go_time(text))?;
    (time > Timestamp::UNIX_EPOCH).then_some(time)
}

fn parse_go_time(text: &str) -> Option<Timestamp> {
    let mut parts = text.split_ascii_whitespace();
    let (date, time, offset) = (parts.next()?, parts.next()?, parts.next()?);
    let (sign, digits) = offset.split_at_checked(1)?;
    let (hours, minutes) = digits.split_at_checked(2)?;
    format!("{date}T{time}{sign}{hours}:{minutes}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_every_form() {
        let expected: Timestamp = "2025-03-07T14:55:56Z".parse().expect("time");
        for text in [
            "2025-03-07T14:55:56Z",
            "2025-03-07T15:55:56+01:00",
            " 2025-03-07 14:55:56 +0000 UTC",
            "2025-03-07 16:55:56 +0200 CEST",
        ] {
            assert_eq!(parse_time(text), Some(expected), "{text}");
        }
        let fraction = parse_time("2025-03-01T10:20:30.123456789Z").expect("nanoseconds");
        assert_eq!(fraction.subsec_nanosecond(), 123_456_789);
        assert!(parse_time("2025-03-07 14:55:56.5 +0000 UTC").is_some());
        for text in ["", "soon", "0001-01-01T00:00:00Z", "2025-03-07", "2025-13-07T00:00:00Z"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn shapes_are_counted() {
        assert!(has_sane_shape(br#"[{"a":"[[[\"{{"}]"#));
        assert!(!has_sane_shape("[".repeat(65).as_bytes()));
        let long = format!("[\"{}\"]", "a".repeat(JSON_TEXT + 1));
        assert!(!has_sane_shape(long.as_bytes()));
        let list = |count: usize| format!("[[{}],[1,2]]", vec!["1"; count].join(","));
        assert!(has_sane_shape(list(10_000).as_bytes()));
        assert!(!has_sane_shape(list(10_001).as_bytes()));
    }
}
