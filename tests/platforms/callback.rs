//! The loopback listener under attack (security.md 4.4): nothing but the flow's own answer may
//! settle it, and every answer is a fixed text.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use wayleave_core::secret::Secret;
use wayleave_core::session::callback::{Callback, Expected, Listener};

pub const STATE: &str = "5f0d6d2c5f0d6d2c5f0d6d2c5f0d6d2c5f0d6d2c5f0d6d2c5f0d6d2c5f0d6d2c";
pub const ISSUER: &str = "https://hub.example/keycloak/realms/eodhp";

/// A wait, and where it listens.
pub fn listen(iss_required: bool) -> (JoinHandle<Callback>, String) {
    let listener = Listener::open().expect("a port");
    let redirect = listener.redirect();
    let state = Secret::from_text(STATE.into());
    let expected = Expected { state, issuer: ISSUER.into(), iss_required };
    let host = redirect.strip_prefix("http://").and_then(|r| r.strip_suffix("/callback"));
    let host = host.expect("the rule for redirects").to_owned();
    (tokio::spawn(listener.wait(expected)), host)
}

/// Sends bytes, returns the whole answer.
async fn raw(host: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(host).await.expect("a connection");
    // The listener may answer and close before all is sent.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).expect("text")
}

async fn fetch(host: &str, target: &str) -> String {
    raw(host, format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

/// Requests that must not settle the flow, and the status each is answered with.
fn attacks(host: &str) -> Vec<(&'static str, String, &'static str)> {
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let as_host = |other: &str| {
        format!("GET /callback?state={STATE}&code=c HTTP/1.1\r\nHost: {other}\r\n\r\n")
    };
    let port = host.split(':').nth(1).expect("a port");
    let with = |header: &str| {
        format!("GET /callback?state={STATE}&code=c HTTP/1.1\r\nHost: {host}\r\n{header}\r\n\r\n")
    };
    vec![
        ("no state", get("/callback?code=c"), "400"),
        ("wrong state", get("/callback?state=0&code=c"), "400"),
        ("error without state", get("/callback?error=access_denied"), "400"),
        ("error with a wrong state", get("/callback?error=access_denied&state=0"), "400"),
        ("two states", get(&format!("/callback?state={STATE}&state={STATE}&code=c")), "400"),
        ("two codes", get(&format!("/callback?state={STATE}&code=c&code=d")), "400"),
        ("code and error", get(&format!("/callback?state={STATE}&code=c&error=e")), "400"),
        ("neither", get(&format!("/callback?state={STATE}")), "400"),
        ("empty code", get(&format!("/callback?state={STATE}&code=")), "400"),
        ("wrong issuer", get(&format!("/callback?state={STATE}&code=c&iss=https://x")), "400"),
        ("another path", get(&format!("/callback/?state={STATE}&code=c")), "404"),
        ("icon", get("/favicon.ico"), "404"),
        ("rebinding", as_host("evil.example"), "400"),
        ("rebinding with our port", as_host(&format!("evil.example:{port}")), "400"),
        ("localhost", as_host(&format!("localhost:{port}")), "400"),
        ("two hosts", with(&format!("Host: {host}")), "400"),
        ("fetched by a script", with("Sec-Fetch-Mode: cors"), "400"),
        ("in a frame", with("Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe"), "400"),
        ("post", with("").replace("GET", "POST"), "404"),
        ("no http", "hello\r\n\r\n".into(), "400"),
    ]
}

#[tokio::test]
async fn attacks_do_not_settle_a_flow_and_reflect_nothing() {
    let (wait, host) = listen(false);
    for (what, request, expected) in attacks(&host) {
        let answer = raw(&host, request.as_bytes()).await;
        assert_eq!(status(&answer), expected, "{what}");
        for word in [STATE, "evil", "code=c", "access_denied"] {
            assert!(!answer.contains(word), "{what}: {word} is reflected");
        }
        assert!(!wait.is_finished(), "{what} settled the flow");
    }
    let answer = fetch(&host, &format!("/callback?state={STATE}&code=c&iss={ISSUER}")).await;
    assert_eq!(status(&answer), "200");
    for header in [
        "Content-Security-Policy: default-src 'none'",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Referrer-Policy: no-referrer",
        "Connection: close",
    ] {
        assert!(answer.contains(header), "{header}");
    }
    let Callback::Code(code) = wait.await.expect("settled") else { panic!("a code") };
    assert_eq!(code.expose_text(), Some("c"));
    assert!(TcpStream::connect(&host).await.is_err(), "it is closed after the answer");
}

#[tokio::test]
async fn the_user_may_refuse_and_the_issuer_must_be_named_where_it_says_so() {
    let (wait, host) = listen(true);
    let unnamed = fetch(&host, &format!("/callback?state={STATE}&error=access_denied")).await;
    assert_eq!(status(&unnamed), "400", "RFC 9207");
    let named = format!("/callback?state={STATE}&error=access_denied&iss={ISSUER}");
    assert_eq!(status(&fetch(&host, &named).await), "200");
    let settled = wait.await.expect("settled");
    assert!(matches!(settled, Callback::Denied(error) if error == "access_denied"));
}

#[tokio::test]
async fn long_requests_and_many_connections_do_not_stop_the_wait() {
    let (wait, host) = listen(false);
    let long = format!("GET /callback?x={} HTTP/1.1\r\n", "x".repeat(10 << 10));
    let answer = raw(&host, long.as_bytes()).await;
    assert!(matches!(status(&answer), "400" | "none"), "{answer}");
    let mut idle = Vec::new();
    for _ in 0..15 {
        idle.push(TcpStream::connect(&host).await.expect("a connection"));
    }
    let good = fetch(&host, &format!("/callback?state={STATE}&code=c")).await;
    assert_eq!(status(&good), "200", "the browser still gets through");
    assert!(matches!(wait.await.expect("settled"), Callback::Code(_)));
    drop(idle);
}

#[tokio::test]
async fn a_slow_request_is_dropped_after_two_seconds() {
    let (wait, host) = listen(false);
    let mut slow = TcpStream::connect(&host).await.expect("a connection");
    slow.write_all(b"GET /callback").await.expect("sent");
    // Until it has been taken, the clock must not move.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    tokio::time::pause();
    let mut answer = Vec::new();
    let _ = slow.read_to_end(&mut answer).await;
    tokio::time::resume();
    assert!(answer.is_empty(), "nothing is owed");
    assert!(!wait.is_finished());
    wait.abort();
}

#[tokio::test]
async fn a_dropped_wait_closes_the_port() {
    let (wait, host) = listen(false);
    assert_eq!(status(&fetch(&host, "/").await), "404");
    wait.abort();
    assert!(wait.await.expect_err("cancelled").is_cancelled());
    assert!(TcpStream::connect(&host).await.is_err());
}

/// The first attack that settles a wait, if any does.
async fn settled_by(wait: &JoinHandle<Callback>, host: &str) -> Option<&'static str> {
    for (what, request, _) in attacks(host) {
        raw(host, request.as_bytes()).await;
        // The wait may still have to notice what was sent.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        if wait.is_finished() {
            return Some(what);
        }
    }
    None
}

/// Known-bad: a listener that looks at `error` before `state`.
pub async fn careless(listener: tokio::net::TcpListener) -> Callback {
    loop {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut part = [0; 4096];
        let count = stream.read(&mut part).await.expect("a request");
        let request = String::from_utf8_lossy(&part[..count]).into_owned();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        if request.contains("error=") {
            return Callback::Denied("access_denied".into());
        }
        if request.contains(STATE) {
            return Callback::Code(Secret::from_text("c".into()));
        }
    }
}

#[tokio::test]
async fn a_listener_that_reads_the_error_first_is_caught() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let host = listener.local_addr().expect("an address").to_string();
    let wait = tokio::spawn(careless(listener));
    assert_eq!(settled_by(&wait, &host).await, Some("error without state"));
    let (wait, host) = listen(false);
    assert_eq!(settled_by(&wait, &host).await, None, "ours is not");
    wait.abort();
}
