//! The one HTTP client: limits, patience, the ways a network fails.

use std::time::Duration;

use wayleave_core::error::{Error, ErrorCode};
use wayleave_core::platform::http::{BODY_LIMIT, Body, Request};
use wayleave_core::platform::{Kind, NetworkKind, Operation};
use wayleave_core::secret::Secret;

use crate::still_http;
use crate::stub::{Reply, Stub, json, page, page_with};

fn get(url: &str) -> Request {
    Request::get(Operation::List, url.parse().expect("an address"))
}

fn post(url: &str) -> Request {
    let body = Body::Json(Secret::from_text("{}".into()));
    Request::post(Operation::Issue, url.parse().expect("an address"), body)
}

#[tokio::test]
async fn reads_are_repeated_with_patience_and_nothing_else_is() {
    for status in [429, 502, 503, 504] {
        let stub = Stub::start(vec![page(status, "text/html", "<html>"); 9]).await;
        let (http, _, pauses) = still_http();
        let answer = http.send(&get(&stub.origin)).await.expect("an answer");
        assert_eq!((answer.status, stub.got().len()), (status, 4), "B8, B9: three repetitions");
        let waits = pauses.lock().unwrap().clone();
        for (wait, longest) in waits.iter().zip([500, 1000, 2000]) {
            let longest = Duration::from_millis(longest);
            assert!(*wait >= longest / 2 && *wait <= longest, "{wait:?}");
        }
        http.send(&post(&stub.origin)).await.expect("an answer");
        assert_eq!((stub.got().len(), pauses.lock().unwrap().len()), (5, 3), "a POST is not");
    }
    for status in [400, 401, 404, 500, 501] {
        let stub = Stub::start([page(status, "", ""), json(200, "[]")]).await;
        let (http, _, _) = still_http();
        http.send(&get(&stub.origin)).await.expect("an answer");
        assert_eq!(stub.got().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn retry_after_is_honoured_up_to_a_minute() {
    let later = "Fri, 07 Mar 2025 14:00:07 GMT";
    for (text, wait) in [("2", 2), ("0", 0), ("60", 60), (later, 7)] {
        let busy = page_with(429, "", &[("Retry-After", text)], "");
        let stub = Stub::start([busy, json(200, "[]")]).await;
        let (http, _, pauses) = still_http();
        let answer = http.send(&get(&stub.origin)).await.expect("an answer");
        assert_eq!(answer.status, 200);
        assert_eq!(*pauses.lock().unwrap(), [Duration::from_secs(wait)], "{text}");
    }
    let stub = Stub::start([page_with(429, "", &[("Retry-After", "61")], "")]).await;
    let (http, _, pauses) = still_http();
    let error = http.send(&get(&stub.origin)).await.expect("an answer").failure();
    assert_eq!(error.kind, Kind::RateLimited { retry_after: Some(Duration::from_secs(61)) });
    assert!(pauses.lock().unwrap().is_empty());
    assert_eq!(Error::from(error).params.get("retry_after").map(String::as_str), Some("61"));
}

#[tokio::test]
async fn answers_are_limited() {
    let body = format!("[\"{}\"]", "x".repeat(5 << 20));
    let stub = Stub::start([json(200, &body)]).await;
    let (http, _, _) = still_http();
    let error = http.send(&get(&stub.origin)).await.expect_err("B6");
    assert!(matches!(error.kind, Kind::Protocol(_)));
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(BODY_LIMIT + 1));
    let stub = Stub::start([Reply::Bytes(endless.into_bytes())]).await;
    let error = http.send(&get(&stub.origin)).await.expect_err("B6 without a length");
    assert!(matches!(error.kind, Kind::Protocol(_)));
    let long = "h".repeat(100 << 10);
    let stub = Stub::start([page_with(200, "", &[("X-Long", &long)], "[]")]).await;
    let error = http.send(&get(&stub.origin)).await.expect_err("a long header");
    assert!(matches!(error.kind, Kind::Protocol(_) | Kind::Network { .. }), "{error:?}");
}

/// An https address behind which somebody speaks something else.
pub async fn speaks_no_tls() -> String {
    use tokio::io::AsyncWriteExt as _;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let _ = stream.write_all(b"220 welcome to something else\r\n").await;
        std::future::pending::<()>().await;
    });
    format!("https://{address}/")
}

#[tokio::test]
async fn the_ways_a_network_fails_are_told_apart() {
    let (http, _, _) = still_http();
    let kind = |error: wayleave_core::platform::PlatformError| error.kind;
    let failed = |kind, sent| Kind::Network { kind, sent };

    let error = http.send(&get("https://nowhere.invalid/")).await.expect_err("no name");
    assert_eq!((error.code(), kind(error)), (ErrorCode::Offline, failed(NetworkKind::Dns, false)));

    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let closed = format!("http://{}/", listener.local_addr().expect("an address"));
    drop(listener);
    let error = http.send(&get(&closed)).await.expect_err("nobody there");
    assert_eq!(kind(error), failed(NetworkKind::Refused, false));

    let tls = speaks_no_tls().await;
    let error = http.send(&get(&tls)).await.expect_err("no TLS there");
    assert_eq!((error.code(), kind(error)), (ErrorCode::Tls, failed(NetworkKind::Tls, false)));

    let stub = Stub::start([Reply::Bytes(Vec::new())]).await;
    let error = http.send(&get(&stub.origin)).await.expect_err("closed");
    assert_eq!(kind(error), failed(NetworkKind::Broken, true));

    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[1".to_vec();
    let stub = Stub::start([Reply::Bytes(cut)]).await;
    let error = http.send(&get(&stub.origin)).await.expect_err("cut");
    assert_eq!(kind(error), failed(NetworkKind::Broken, true));
}

#[tokio::test]
async fn silence_and_slow_bodies_end_at_the_time_limit() {
    let begun = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[1".to_vec();
    for reply in [Reply::Silence, Reply::Stall(begun)] {
        let mut stub = Stub::start([reply]).await;
        let (http, _, _) = still_http();
        let url = stub.origin.clone();
        let call = tokio::spawn(async move { http.send(&get(&url)).await });
        stub.arrived.recv().await.expect("the request");
        // From here on nothing but time can happen: the clock jumps to the limit.
        tokio::time::pause();
        let error = call.await.expect("ran").expect_err("B7");
        assert_eq!(error.kind, Kind::Network { kind: NetworkKind::Timeout, sent: true });
        assert_eq!(error.code(), ErrorCode::TimedOut);
        tokio::time::resume();
    }
}

#[tokio::test]
async fn redirects_are_not_followed_and_plain_http_stays_on_this_computer() {
    let elsewhere = Stub::start([]).await;
    let to = format!("{}/stolen", elsewhere.origin);
    let stub = Stub::start([page_with(302, "", &[("Location", &to)], "")]).await;
    let (http, _, _) = still_http();
    let secret = Secret::from_text("Bearer x".into());
    let request = get(&stub.origin).header(reqwest::header::AUTHORIZATION, secret);
    let answer = http.send(&request).await.expect("an answer");
    assert!(matches!(answer.failure().kind, Kind::Protocol(_)));
    assert!(elsewhere.got().is_empty(), "A7");
    for url in ["http://hub.example/", "http://192.0.2.1/", "ftp://127.0.0.1/"] {
        assert_eq!(http.send(&get(url)).await.expect_err("refused").kind, Kind::Address, "{url}");
    }
    assert!(!format!("{request:?}").contains("Bearer x"));
}

#[tokio::test]
async fn a_servers_clock_is_measured() {
    let date = |text: &'static str| page_with(200, "", &[("Date", text)], "[]");
    let stub = Stub::start([
        date("Fri, 07 Mar 2025 15:00:00 GMT"),
        date("Fri, 07 Mar 2025 13:00:00 GMT"),
        date("Fri, 07 Mar 2025 14:10:00 GMT"),
        date("nonsense"),
    ])
    .await;
    let (http, _, _) = still_http();
    assert_eq!(http.skew("127.0.0.1"), None);
    for _ in 0..4 {
        http.send(&get(&stub.origin)).await.expect("an answer");
    }
    assert_eq!(http.skew("127.0.0.1"), Some(600), "the median of the last three");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_spared() {
    let stub = Stub::serve(std::sync::Arc::new(|_| Reply::Bytes(Vec::new()))).await;
    let (http, _, _) = still_http();
    for number in 1..=7 {
        let error = http.send(&get(&stub.origin)).await.expect_err("no answer");
        let sent = number <= 5;
        assert_eq!(error.kind, Kind::Network { kind: NetworkKind::Broken, sent }, "{number}");
        assert_eq!(error.may_have_happened(), sent);
    }
    assert_eq!(stub.got().len(), 5, "the circuit is open");
    let other = Stub::start([json(200, "[]")]).await;
    http.send(&get(&other.origin)).await.expect("the network is up");
    http.send(&get(&stub.origin)).await.expect_err("no answer");
    assert_eq!(stub.got().len(), 6, "one trial");
}

#[tokio::test]
async fn what_a_server_asked_of_one_counts_for_all() {
    let busy = page_with(429, "", &[("Retry-After", "90")], "");
    let stub = Stub::start([busy, json(200, "[]")]).await;
    let (http, clock, pauses) = still_http();
    http.send(&get(&stub.origin)).await.expect("an answer");
    let patience = |seconds| Kind::RateLimited { retry_after: Some(Duration::from_secs(seconds)) };
    let error = http.send(&post(&stub.origin)).await.expect_err("not now");
    assert_eq!((error.kind.clone(), error.may_have_happened()), (patience(90), false));
    clock.advance(Duration::from_mins(1));
    assert_eq!(http.send(&get(&stub.origin)).await.expect_err("not yet").kind, patience(30));
    assert_eq!(stub.got().len(), 1, "nothing was sent meanwhile");
    clock.advance(Duration::from_secs(30));
    http.send(&post(&stub.origin)).await.expect("it is time");
    assert!(pauses.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_dropped_call_ends_its_request() {
    let mut stub = Stub::start([Reply::Silence]).await;
    let (http, _, _) = still_http();
    let url = stub.origin.clone();
    let call = tokio::spawn(async move { http.send(&get(&url)).await });
    stub.arrived.recv().await.expect("the request");
    call.abort();
    assert!(call.await.expect_err("B12").is_cancelled());
}
