//! What the sign-in window may show, and when it is done. Pure.

use url::{Host, Origin, Url};

/// What to do with a navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be loaded.
    Show,
    /// It may not; the page stays where it is.
    Refuse,
    /// It is the way back to the hub with a session: stop it and take the cookies.
    Return,
}

/// Follows one sign-in from its start at the hub to its return there.
#[derive(Debug)]
pub struct Policy {
    hub: Origin,
    /// Where the hub's proxy keeps its own pages: `/oauth2/`.
    proxy: String,
    called_back: bool,
}

/// What stands in the window's strip.
#[derive(Debug, PartialEq, Eq)]
pub struct Shown {
    /// `https://`, or `http://` on this computer.
    pub scheme: String,
    /// Host, in punycode where it is not ASCII, and a port that is not the usual one.
    pub host: String,
    /// Whether it is the hub itself.
    pub is_hub: bool,
    /// Whether the page says that it refuses windows like this one.
    pub refuses_us: bool,
}

impl Policy {
    /// `None` when the flow does not start at its hub, or the hub is not to be trusted with a
    /// password (plain http anywhere but on this computer).
    pub fn new(start: &Url, hub: &Url) -> Option<Self> {
        let proxy = start.path().rsplit_once('/')?.0.to_owned() + "/";
        let trusted = is_shown(hub) && start.origin() == hub.origin();
        trusted.then(|| Self { hub: hub.origin(), proxy, called_back: false })
    }

    /// The hub's address, whose cookies are the result.
    pub fn hub(&self) -> String {
        self.hub.ascii_serialization() + "/"
    }

    /// Judges a navigation, redirects included, in the order they happen.
    pub fn judge(&mut self, address: &str) -> Verdict {
        // What a page makes itself in a frame has no address of its own.
        if matches!(address, "about:blank" | "about:srcdoc") {
            return Verdict::Show;
        }
        match Url::parse(address) {
            Ok(url) if is_shown(&url) => self.judge_shown(&url),
            Ok(_) | Err(_) => Verdict::Refuse,
        }
    }

    fn judge_shown(&mut self, url: &Url) -> Verdict {
        if url.origin() != self.hub {
            return Verdict::Show;
        }
        // The log-in pages may live on the hub's origin too, so a return counts only after the
        // call back, and the proxy's own pages never do.
        if let Some(page) = url.path().strip_prefix(&self.proxy) {
            self.called_back = page == "callback";
            return Verdict::Show;
        }
        if self.called_back { Verdict::Return } else { Verdict::Show }
    }

    /// What to say about the page on show; `None` for one without an origin.
    pub fn shown(&self, address: &str) -> Option<Shown> {
        let url = Url::parse(address).ok()?;
        let host = url.host_str()?;
        Some(Shown {
            scheme: format!("{}://", url.scheme()),
            host: url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
            is_hub: url.origin() == self.hub,
            refuses_us: refuses_embedding(&url),
        })
    }
}

fn is_shown(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.host().is_some(),
        "http" => is_loopback(url),
        _ => false,
    }
}

/// Whether an address is on this computer.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Google's answer to log-ins from inside another program.
fn refuses_embedding(url: &Url) -> bool {
    url.host_str() == Some("accounts.google.com")
        && (url.path().contains("/rejected")
            || url.query().is_some_and(|query| query.contains("disallowed_useragent")))
}

/// Whether a cookie is a part of the hub's session: `_oauth2_proxy` or `_oauth2_proxy_0`, `_1`, …
/// The `_csrf` one of the sign-in itself is not.
pub fn is_session(name: &str) -> bool {
    name.strip_prefix("_oauth2_proxy").is_some_and(|rest| {
        rest.is_empty()
            || rest.strip_prefix('_').is_some_and(|number| {
                !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(hub: &str) -> Policy {
        let hub = Url::parse(hub).expect("an address");
        Policy::new(&hub.join("/oauth2/start?rd=/static/").expect("joins"), &hub).expect("good")
    }

    #[test]
    fn the_first_return_after_the_call_back_is_stopped() {
        let mut policy = policy("https://hub.example");
        for shown in [
            "https://hub.example/oauth2/start?rd=/static/",
            "https://hub.example/keycloak/realms/eodhp/protocol/openid-connect/auth?state=1",
            "https://github.com/login",
            "https://login.university.example/idp",
            "https://hub.example/keycloak/realms/eodhp/broker/github/endpoint",
            "https://hub.example/oauth2/callback?code=1&state=1",
        ] {
            assert_eq!(policy.judge(shown), Verdict::Show, "{shown}");
        }
        assert_eq!(policy.judge("https://hub.example/static/"), Verdict::Return);
    }

    #[test]
    fn a_second_try_after_a_failed_call_back_starts_again() {
        let mut policy = policy("https://hub.example");
        assert_eq!(policy.judge("https://hub.example/oauth2/callback?error=x"), Verdict::Show);
        assert_eq!(policy.judge("https://hub.example/oauth2/start?rd=/static/"), Verdict::Show);
        assert_eq!(policy.judge("https://hub.example/keycloak/auth"), Verdict::Show);
    }

    #[test]
    fn only_https_and_this_computer_are_shown() {
        let mut policy = policy("http://127.0.0.1:8080");
        for refused in [
            "http://hub.example/",
            "http://127.0.0.1.evil.example/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:text/html,x",
            "wayleave://open",
            "tauri://localhost/",
            "not an address",
        ] {
            assert_eq!(policy.judge(refused), Verdict::Refuse, "{refused}");
        }
        for shown in ["https://x.example/", "http://127.0.0.1:9/", "http://[::1]:9/", "about:blank"]
        {
            assert_eq!(policy.judge(shown), Verdict::Show, "{shown}");
        }
    }

    #[test]
    fn a_flow_must_start_at_its_hub() {
        let url = |text| Url::parse(text).expect("an address");
        let start = url("https://hub.example/oauth2/start");
        assert!(Policy::new(&start, &url("https://other.example")).is_none());
        let plain = url("http://hub.example/oauth2/start");
        assert!(Policy::new(&plain, &url("http://hub.example")).is_none(), "plain http");
    }

    #[test]
    fn the_strip_names_the_origin_in_plain_ascii() {
        let policy = policy("https://hub.example");
        let shown = policy.shown("https://xn--hb-fka.example:8443/log-in").expect("an origin");
        assert_eq!((shown.host.as_str(), shown.is_hub), ("xn--hb-fka.example:8443", false));
        let shown = policy.shown("https://h\u{fc}b.example/").expect("an origin");
        assert_eq!(shown.host, "xn--hb-xka.example");
        assert!(policy.shown("https://hub.example/x").expect("an origin").is_hub);
    }

    #[test]
    fn only_the_session_counts() {
        let cookies = ["_oauth2_proxy", "_oauth2_proxy_0", "_oauth2_proxy_12"];
        assert!(cookies.iter().all(|name| is_session(name)));
        let others =
            ["_oauth2_proxy_csrf", "_oauth2_proxy_", "_oauth2_proxy_0x", "AUTH_SESSION_ID", ""];
        assert!(!others.iter().any(|name| is_session(name)));
    }

    #[test]
    fn a_log_in_that_refuses_us_is_recognised() {
        let policy = policy("https://hub.example");
        let refused = "https://accounts.google.com/v3/signin/rejected?rrk=46";
        assert!(policy.shown(refused).expect("an origin").refuses_us);
        assert!(!policy.shown("https://accounts.google.com/signin").expect("one").refuses_us);
    }
}
