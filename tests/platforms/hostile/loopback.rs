//! 100 000 hostile requests at the listener that waits for the browser's answer. None settles
//! it, none is answered with anything but the fixed texts, and the true answer still gets in.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::task::{JoinHandle, JoinSet};
use wayleave_core::session::callback::Callback;

use super::grammar::Dice;
use super::{Figures, count_panics, resident_mib, seed, tell};
use crate::callback::{ISSUER, STATE, listen};

const REQUESTS: u64 = 100_000;
/// At a time; fewer than the listener takes, so that none waits for a place.
const AT_ONCE: u64 = 12;
const PATIENCE: Duration = Duration::from_mins(1);
/// A word of the requests that must not come back.
const MARK: &str = "zxmarkxz";

/// One hostile request. It is wrong in at least one way; the true state is in some of them.
fn request(dice: &mut Dice, host: &str) -> Vec<u8> {
    let state = match dice.below(4) {
        0 => STATE.to_owned(),
        1 => STATE.to_uppercase(),
        2 => format!("{:064x}", dice.next()),
        _ => MARK.to_owned(),
    };
    let port = host.split(':').nth(1).unwrap_or_default();
    // One thing is wrong for sure; with the true state everything else may be right.
    let wrong = dice.below(14);
    let method = if wrong == 0 {
        dice.one(&["POST", "HEAD", "PUT", "OPTIONS", "get", "G E T"])
    } else {
        "GET"
    };
    let path = if wrong == 1 {
        dice.one(&[
            "/",
            "/callback/",
            "//callback",
            "/Callback",
            "/favicon.ico",
            "/callback%2f",
            "/zxmarkxz",
        ])
    } else {
        "/callback"
    };
    let query = match wrong {
        2 => format!("state={state}"),
        3 => format!("state={state}&state={state}&code={MARK}"),
        4 => format!("state={state}&code={MARK}&code=d"),
        5 => format!("state={state}&code={MARK}&error=access_denied"),
        6 => format!("state={state}&code="),
        7 => format!("state={state}&code={MARK}&iss=https://{MARK}.example"),
        8 => format!("code={MARK}&error=access_denied"),
        9 => format!("state={}&code={MARK}", &STATE[..63]),
        10 => format!("state={STATE}%00&code={MARK}&iss={ISSUER}"),
        _ => format!("state={state}&code={MARK}&iss={ISSUER}"),
    };
    let named = match wrong {
        11 => dice
            .one(&["evil.example", "localhost", "[::1]", "127.0.0.1", "127.0.0.1:80"])
            .to_owned(),
        12 => format!("evil.example:{port}\r\nHost: {host}"),
        _ => host.to_owned(),
    };
    let extra = if wrong == 13 {
        dice.one(&["Sec-Fetch-Mode: cors\r\n", "Sec-Fetch-Dest: iframe\r\n", "Host: zxmarkxz\r\n"])
    } else {
        ""
    };
    let mut bytes =
        format!("{method} {path}?{query} HTTP/1.1\r\nHost: {named}\r\n{extra}\r\n").into_bytes();
    if state != STATE && wrong != 9 && wrong != 10 {
        damage(dice, &mut bytes);
    }
    bytes
}

/// Sometimes bytes are damaged, the end is missing, or far too much follows.
fn damage(dice: &mut Dice, bytes: &mut Vec<u8>) {
    let at = dice.below(bytes.len());
    match dice.below(12) {
        0 => bytes.truncate(at),
        1 => bytes[at] = dice.next().to_le_bytes()[0],
        2 => bytes.splice(at..at, vec![b'x'; 9000]).for_each(drop),
        3 => bytes.splice(at..at, b"a: b\r\n".repeat(100)).for_each(drop),
        4 => *bytes = dice.next().to_le_bytes().repeat(4),
        _ => {}
    }
}

/// Sends from another loopback address each time, since one alone runs out of ports.
async fn send(from: u8, host: &str, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, from), 0)))?;
    let mut stream = socket.connect(host.parse().map_err(std::io::Error::other)?).await?;
    // It may answer and close before all is sent.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    Ok(answer)
}

/// What is wrong with an answer, if anything.
fn judge(answer: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(answer);
    let status = text.split(' ').nth(1).unwrap_or("none");
    if !matches!(status, "400" | "404" | "none") {
        return Some(format!("answered {status}"));
    }
    let echoed =
        [MARK, STATE, "evil", "access_denied"].into_iter().find(|word| text.contains(word));
    echoed.map(|word| format!("{word} is reflected"))
}

/// Throws this many requests at a listener; how many were sent before it settled or hung.
async fn throw(
    count: u64,
    host: &str,
    wait: &JoinHandle<Callback>,
    figures: &mut Figures,
) -> Option<f64> {
    let mut dice = Dice::new(seed());
    let mut open = JoinSet::new();
    let mut warm = None;
    while figures.cases < count && !wait.is_finished() && figures.wrong.len() < 10 {
        while (open.len() as u64) < AT_ONCE {
            let (host, bytes) = (host.to_owned(), request(&mut dice, host));
            let from = u8::try_from(2 + figures.cases % 200).unwrap_or(2);
            figures.cases += 1;
            open.spawn(async move {
                let answer = tokio::time::timeout(PATIENCE, send(from, &host, &bytes)).await;
                (bytes, answer)
            });
        }
        let Some(Ok((bytes, answer))) = open.join_next().await else { continue };
        match answer {
            Err(_) => figures.hangs += 1,
            Ok(Err(error)) => figures.wrong.push(format!("no connection: {error}")),
            Ok(Ok(answer)) => figures.wrong.extend(
                judge(&answer).map(|what| format!("{what}: {}", String::from_utf8_lossy(&bytes))),
            ),
        }
        if figures.cases > count / 10 {
            warm.get_or_insert_with(resident_mib);
        }
    }
    while open.join_next().await.is_some() {}
    warm
}

#[tokio::test]
#[ignore = "runs alone, by `hostile`"]
async fn loopback_requests() {
    count_panics();
    let mut figures = Figures::default();
    let (wait, host) = listen(true);
    let warm = throw(REQUESTS, &host, &wait, &mut figures).await;
    figures.growth_mib = warm.map_or(0.0, |warm| resident_mib() - warm);
    if wait.is_finished() {
        figures.wrong.push("a hostile request settled the flow".into());
    } else {
        let good = format!(
            "GET /callback?state={STATE}&code=c&iss={ISSUER} HTTP/1.1\r\nHost: {host}\r\n\r\n"
        );
        let answer = tokio::time::timeout(PATIENCE, send(1, &host, good.as_bytes())).await;
        let fine = matches!(&answer, Ok(Ok(bytes)) if bytes.starts_with(b"HTTP/1.1 200"));
        let settled = tokio::time::timeout(PATIENCE, wait).await;
        if !fine || !matches!(settled, Ok(Ok(Callback::Code(_)))) {
            figures.wrong.push(format!("the true answer did not get in: {answer:?}"));
        }
    }
    let caught = a_careless_listener_is_seen().await;
    figures.known_bad.push(("a_listener_that_reads_the_error_first".into(), caught));
    tell(figures);
}

/// Known-bad: the listener that looks at `error` before `state`.
async fn a_careless_listener_is_seen() -> bool {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let host = listener.local_addr().expect("an address").to_string();
    let wait = tokio::spawn(crate::callback::careless(listener));
    let mut figures = Figures::default();
    throw(1000, &host, &wait, &mut figures).await;
    wait.is_finished()
}
