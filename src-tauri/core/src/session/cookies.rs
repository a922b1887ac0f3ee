//! The portal's session cookies: which are taken, what an answer changes, what is sent where.
//!
//! Only oauth2-proxy's session cookies count (`_oauth2_proxy`, or its parts `_oauth2_proxy_0`, …);
//! its `_csrf` cookie and everybody else's are left alone (platforms.md A.9.14).

use jiff::Timestamp;
use reqwest::header::{HeaderMap, SET_COOKIE};
use url::Url;

use crate::platform::http::parse_http_date;
use crate::secret::Secret;

/// Longest cookie value taken; browsers keep 4096 bytes of name, value and attributes.
const VALUE_LIMIT: usize = 4096;
/// Most parts that a session cookie is split into.
const PARTS_LIMIT: usize = 16;

/// One session cookie.
#[derive(Debug)]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Secret,
    /// The path below which it is sent.
    pub path: String,
}

impl Cookie {
    fn duplicate(&self) -> Self {
        Self { name: self.name.clone(), value: self.value.duplicate(), path: self.path.clone() }
    }

    /// RFC 6265 5.1.4.
    fn goes_to(&self, path: &str) -> bool {
        match path.strip_prefix(self.path.as_str()) {
            Some(rest) => rest.is_empty() || self.path.ends_with('/') || rest.starts_with('/'),
            None => false,
        }
    }
}

/// The cookies of one portal session.
#[derive(Debug, Default)]
pub struct Jar(Vec<Cookie>);

/// What an answer did to a jar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopted {
    /// Nothing.
    Unchanged,
    /// The session goes on with other cookies, which must be stored before they are used.
    Renewed,
    /// Every session cookie was taken away: the session is over.
    Cleared,
}

impl Jar {
    /// Makes a jar of cookies read back from the vault.
    pub fn of(cookies: Vec<Cookie>) -> Self {
        Self(cookies)
    }

    /// Takes the session cookies out of a `Cookie` header's value, or of a whole `Cookie:` line;
    /// everything else in it is dropped. `None` when it holds none.
    pub fn from_header(header: &Secret) -> Option<Self> {
        let text = header.expose_text()?.trim();
        let text = match text.split_at_checked(7) {
            Some((name, rest)) if name.eq_ignore_ascii_case("cookie:") => rest,
            _ => text,
        };
        let mut jar = Self::default();
        for pair in text.split(';') {
            let Some((name, value)) = pair.split_once('=') else { continue };
            let (name, value) = (name.trim(), value.trim());
            if is_session_cookie(name) && is_value(value) && jar.0.len() < PARTS_LIMIT {
                jar.put(name, value, "/");
            }
        }
        (!jar.0.is_empty()).then_some(jar)
    }

    /// The cookies themselves, for sealing.
    pub fn cookies(&self) -> &[Cookie] {
        &self.0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The `Cookie` header's value for an address of the hub; `None` when none goes there.
    pub fn header_for(&self, url: &Url) -> Option<Secret> {
        let mut header = Vec::new();
        for cookie in self.0.iter().filter(|cookie| cookie.goes_to(url.path())) {
            if !header.is_empty() {
                header.extend_from_slice(b"; ");
            }
            header.extend_from_slice(cookie.name.as_bytes());
            header.push(b'=');
            header.extend_from_slice(cookie.value.expose());
        }
        (!header.is_empty()).then(|| Secret::new(header))
    }

    /// Does what an answer's `Set-Cookie` headers say.
    ///
    /// An answer that takes every cookie away and sets none leaves the jar as it is and says so:
    /// the caller decides whether the session is over.
    pub fn adopt(&mut self, headers: &HeaderMap, url: &Url, now: Timestamp) -> Adopted {
        let mut next = Self(self.0.iter().map(Cookie::duplicate).collect());
        let (mut set, mut cleared) = (false, false);
        for header in headers.get_all(SET_COOKIE) {
            let Some(told) = header.to_str().ok().and_then(|text| SetCookie::parse(text, url, now))
            else {
                continue;
            };
            if told.over {
                cleared |= next.take(told.name, &told.path);
            } else if next.0.len() < PARTS_LIMIT {
                set |= next.put(told.name, told.value, &told.path);
            }
        }
        if next.is_empty() && cleared {
            return Adopted::Cleared;
        }
        if !(set || cleared) {
            return Adopted::Unchanged;
        }
        *self = next;
        Adopted::Renewed
    }

    /// Puts a cookie in place of an older one; says whether anything changed.
    fn put(&mut self, name: &str, value: &str, path: &str) -> bool {
        let same = |cookie: &&mut Cookie| cookie.name == name && cookie.path == path;
        let value = Secret::new(value.as_bytes().to_vec());
        match self.0.iter_mut().find(same) {
            Some(cookie) if cookie.value.matches(value.expose()) => false,
            Some(cookie) => {
                cookie.value = value;
                true
            }
            None => {
                self.0.push(Cookie { name: name.into(), value, path: path.into() });
                true
            }
        }
    }

    fn take(&mut self, name: &str, path: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|cookie| cookie.name != name || cookie.path != path);
        self.0.len() != before
    }
}

/// One `Set-Cookie` header, as far as it concerns a session cookie of this host.
struct SetCookie<'a> {
    name: &'a str,
    value: &'a str,
    path: String,
    /// It is to be forgotten.
    over: bool,
}

impl<'a> SetCookie<'a> {
    fn parse(header: &'a str, url: &Url, now: Timestamp) -> Option<Self> {
        let mut parts = header.split(';');
        let (name, value) = parts.next()?.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        if !is_session_cookie(name) {
            return None;
        }
        let (mut path, mut age, mut expires) = (None, None, None);
        for attribute in parts {
            let (key, text) = attribute.split_once('=').unwrap_or((attribute, ""));
            let text = text.trim();
            match key.trim().to_ascii_lowercase().as_str() {
                "path" if text.starts_with('/') => path = Some(text.to_owned()),
                "max-age" => age = text.parse::<i64>().ok(),
                "expires" => expires = parse_http_date(text),
                "domain" if !covers(text, url) => return None,
                _ => {}
            }
        }
        let ended = match age {
            Some(age) => age <= 0,
            None => expires.is_some_and(|end| end <= now),
        };
        let over = ended || value.is_empty();
        if !over && !is_value(value) {
            return None;
        }
        Some(Self { name, value, path: path.unwrap_or_else(|| default_path(url)), over })
    }
}

/// Whether a cookie's domain covers the host (RFC 6265 5.1.3).
fn covers(domain: &str, url: &Url) -> bool {
    let domain = domain.trim_start_matches('.').to_ascii_lowercase();
    let host = url.host_str().unwrap_or_default();
    host == domain || host.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'))
}

/// RFC 6265 5.1.4: the directory of the address that set the cookie.
fn default_path(url: &Url) -> String {
    match url.path().rsplit_once('/') {
        Some(("", _)) | None => "/".into(),
        Some((directory, _)) => directory.into(),
    }
}

/// Whether it is one of oauth2-proxy's session cookies: `^_oauth2_proxy(_\d+)?$`.
pub fn is_session_cookie(name: &str) -> bool {
    match name.strip_prefix("_oauth2_proxy") {
        Some("") => true,
        Some(rest) => rest.strip_prefix('_').is_some_and(|part| {
            !part.is_empty() && part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit())
        }),
        None => false,
    }
}

/// Whether a text can be a cookie's value (RFC 6265 4.1.1).
fn is_value(text: &str) -> bool {
    let octet = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b',' | b';' | b'\\');
    !text.is_empty() && text.len() <= VALUE_LIMIT && text.bytes().all(octet)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().expect("time")
    }

    fn url(path: &str) -> Url {
        Url::parse("https://hub.example").and_then(|hub| hub.join(path)).expect("address")
    }

    fn jar(header: &str) -> Option<Jar> {
        Jar::from_header(&Secret::from_text(header.into()))
    }

    fn sent(jar: &Jar, path: &str) -> Option<String> {
        Some(jar.header_for(&url(path))?.expose_text()?.to_owned())
    }

    fn answer(cookies: &[&'static str]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for cookie in cookies {
            map.append(SET_COOKIE, HeaderValue::from_static(cookie));
        }
        map
    }

    #[test]
    fn only_session_cookies_are_taken() {
        let header = "Cookie: _ga=1; _oauth2_proxy_0=aa; _oauth2_proxy_csrf=x; _oauth2_proxy_1=bb; \
                      KEYCLOAK_SESSION=k; _oauth2_proxy_x=1; _oauth2_proxyz=1; _oauth2_proxy_=1";
        let jar = jar(header).expect("two");
        let both = "_oauth2_proxy_0=aa; _oauth2_proxy_1=bb";
        assert_eq!(sent(&jar, "/api/workspaces").as_deref(), Some(both));
    }

    #[test]
    fn a_header_without_session_is_refused() {
        for header in ["", "a=b", "_oauth2_proxy=", "_oauth2_proxy=a b", "_oauth2_proxy_csrf=x"] {
            assert!(jar(header).is_none(), "{header:?}");
        }
        let long = format!("_oauth2_proxy={}", "a".repeat(VALUE_LIMIT + 1));
        assert!(jar(&long).is_none());
    }

    #[test]
    fn renewed_cookies_take_the_place_of_old_ones() {
        let mut jar = jar("_oauth2_proxy_0=aa; _oauth2_proxy_1=bb").expect("two");
        let new = answer(&[
            "_oauth2_proxy_0=cc; Path=/; Max-Age=600; HttpOnly",
            "_oauth2_proxy_1=; Path=/; Max-Age=0",
            "_oauth2_proxy_csrf=zz; Path=/",
            "other=1; Path=/",
        ]);
        assert_eq!(jar.adopt(&new, &url("/api/workspaces"), now()), Adopted::Renewed);
        assert_eq!(sent(&jar, "/api").as_deref(), Some("_oauth2_proxy_0=cc"));
        assert_eq!(jar.adopt(&new, &url("/api/workspaces"), now()), Adopted::Unchanged);
    }

    #[test]
    fn a_clearing_answer_is_told_and_keeps_the_jar() {
        let mut jar = jar("_oauth2_proxy=aa").expect("one");
        let clear = answer(&["_oauth2_proxy=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]);
        assert_eq!(jar.adopt(&clear, &url("/api"), now()), Adopted::Cleared);
        assert_eq!(sent(&jar, "/api").as_deref(), Some("_oauth2_proxy=aa"));
    }

    #[test]
    fn path_and_domain_are_honoured() {
        let mut jar = jar("_oauth2_proxy=aa").expect("one");
        let elsewhere = answer(&[
            "_oauth2_proxy=kk; Path=/keycloak/realms/eodhp/",
            "_oauth2_proxy=evil; Path=/; Domain=elsewhere.example",
        ]);
        assert_eq!(jar.adopt(&elsewhere, &url("/api"), now()), Adopted::Renewed);
        assert_eq!(sent(&jar, "/api/workspaces").as_deref(), Some("_oauth2_proxy=aa"));
        let inside = sent(&jar, "/keycloak/realms/eodhp/x").expect("both");
        assert!(inside.contains("kk") && !inside.contains("evil"));
    }
}
