//! Where the system browser brings its answer: a listener on 127.0.0.1 for one sign-in
//! (security.md 4.4, RFC 8252).
//!
//! Any program and any web page of this computer can send it requests. So nothing that is wrong
//! ends the wait: host, then path, then exactly one `state` are checked before anything else is
//! looked at, and only a request that passes them all settles the flow. Answers are fixed texts.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::SignInError;
use crate::secret::Secret;

/// The one path that is answered.
const PATH: &str = "/callback";
/// Most connections at a time.
const CONNECTIONS: usize = 16;
/// Most connections that wait to be taken.
const BACKLOG: u32 = 16;
/// Most bytes of a request.
const REQUEST_LIMIT: usize = 8 << 10;
/// Most headers of a request.
const HEADERS: usize = 64;
/// How long a request may take to arrive, and an answer to be taken.
const IO_LIMIT: Duration = Duration::from_secs(2);

/// What the answer must carry.
#[derive(Debug)]
pub struct Expected {
    /// The flow's state.
    pub state: Secret,
    /// Who must have answered, where the answer says who did (RFC 9207).
    pub issuer: String,
    /// Whether the answer must say who did.
    pub iss_required: bool,
}

/// The browser's answer, which belongs to this flow.
#[derive(Debug)]
pub enum Callback {
    /// The code to exchange for tokens.
    Code(Secret),
    /// The provider, or the user there, said no; with its error code.
    Denied(String),
}

/// A listener for one sign-in. Dropping it closes it.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    port: u16,
}

impl Listener {
    /// Opens a free port of 127.0.0.1, which nobody else can share.
    pub fn open() -> Result<Self, SignInError> {
        let open = || {
            // A `TcpSocket` sets neither SO_REUSEADDR nor SO_REUSEPORT by itself.
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            let socket = socket.listen(BACKLOG)?;
            let port = socket.local_addr()?.port();
            std::io::Result::Ok(Self { socket, port })
        };
        open().map_err(|_| SignInError::NoPort)
    }

    /// The address to be registered as the flow's redirect.
    pub fn redirect(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// Waits for the answer that belongs to this flow. Never ends by anything else; the caller
    /// sets the time limit and closes it by dropping the wait.
    pub async fn wait(self, expected: Expected) -> Callback {
        let judge = Arc::new(Judge { expected, port: self.port, settled: AtomicBool::new(false) });
        let mut open = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.socket.accept(), if open.len() < CONNECTIONS => {
                    // A connection that broke before it was taken is nobody's answer.
                    if let Ok((stream, _)) = accepted {
                        open.spawn(Arc::clone(&judge).serve(stream));
                    }
                }
                Some(served) = open.join_next(), if !open.is_empty() => {
                    if let Ok(Some(callback)) = served {
                        return callback;
                    }
                }
            }
        }
    }
}

struct Judge {
    expected: Expected,
    port: u16,
    settled: AtomicBool,
}

impl Judge {
    /// Serves one connection: one request, one fixed answer.
    async fn serve(self: Arc<Self>, mut stream: TcpStream) -> Option<Callback> {
        let head = match timeout(IO_LIMIT, read_head(&mut stream)).await {
            Ok(Some(head)) => head,
            Ok(None) => return answer(&mut stream, Page::Bad, None).await,
            // Too slow: nothing is owed.
            Err(_) => return None,
        };
        match judge(head.expose(), self.port, &self.expected) {
            Verdict::NotHere => answer(&mut stream, Page::NotHere, None).await,
            Verdict::Bad => answer(&mut stream, Page::Bad, None).await,
            // The first valid answer uses the state up.
            Verdict::Settled(_) if self.settled.swap(true, Ordering::AcqRel) => {
                answer(&mut stream, Page::Bad, None).await
            }
            Verdict::Settled(callback) => answer(&mut stream, Page::Done, Some(callback)).await,
        }
    }
}

/// Reads a request's head; `None` when it is too long or the connection ends first.
async fn read_head(stream: &mut TcpStream) -> Option<Secret> {
    let mut head = Vec::with_capacity(REQUEST_LIMIT);
    let mut part = zeroize::Zeroizing::new([0; 1024]);
    loop {
        let count = stream.read(&mut *part).await.ok()?;
        if count == 0 || head.len() + count > REQUEST_LIMIT {
            return None;
        }
        head.extend_from_slice(part.get(..count)?);
        if head.windows(4).any(|end| end == b"\r\n\r\n") {
            return Some(Secret::new(head));
        }
    }
}

/// What a request is worth.
enum Verdict {
    /// It is for something that is not here.
    NotHere,
    /// It breaks a rule.
    Bad,
    /// It is this flow's answer.
    Settled(Callback),
}

/// Judges a request's head. The order is the point: host, path, state, then the rest.
fn judge(head: &[u8], port: u16, expected: &Expected) -> Verdict {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    if !matches!(request.parse(head), Ok(httparse::Status::Complete(_))) {
        return Verdict::Bad;
    }
    if !host_is_ours(request.headers, port) || !is_navigation(request.headers) {
        return Verdict::Bad;
    }
    let target = request.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if path != PATH || request.method != Some("GET") {
        return Verdict::NotHere;
    }
    let query = Query::parse(query);
    match query.one("state") {
        One::Is(state) if expected.state.matches(state.expose()) => {}
        One::Is(_) | One::Absent | One::Repeated => return Verdict::Bad,
    }
    outcome(&query, expected)
}

/// What an answer with the right state says.
fn outcome(query: &Query, expected: &Expected) -> Verdict {
    match query.one("iss") {
        One::Is(iss) if iss.matches(expected.issuer.as_bytes()) => {}
        One::Absent if !expected.iss_required => {}
        One::Is(_) | One::Absent | One::Repeated => return Verdict::Bad,
    }
    match (query.one("error"), query.one("code")) {
        (One::Is(error), One::Absent) => {
            let plain = |b: &u8| b.is_ascii_lowercase() || *b == b'_';
            let known = error.expose_text().filter(|text| text.len() <= 64);
            let known = known.filter(|text| text.as_bytes().iter().all(plain));
            Verdict::Settled(Callback::Denied(known.unwrap_or("error").to_owned()))
        }
        (One::Absent, One::Is(code)) if !code.is_empty() => Verdict::Settled(Callback::Code(code)),
        _ => Verdict::Bad,
    }
}

/// A page of another name that resolves to this computer sends its own `Host` (DNS rebinding).
fn host_is_ours(headers: &[httparse::Header<'_>], port: u16) -> bool {
    let mut hosts = headers.iter().filter(|header| header.name.eq_ignore_ascii_case("host"));
    let ours = format!("127.0.0.1:{port}");
    let first = hosts.next().is_some_and(|header| header.value == ours.as_bytes());
    first && hosts.next().is_none()
}

/// Where the browser says how a request came about, it must be a page being opened.
fn is_navigation(headers: &[httparse::Header<'_>]) -> bool {
    headers.iter().all(|header| match header.name.to_ascii_lowercase().as_str() {
        "sec-fetch-mode" => header.value == b"navigate",
        "sec-fetch-dest" => header.value == b"document",
        _ => true,
    })
}

/// The parameters of a request; their values are secret.
struct Query(Vec<(String, Secret)>);

/// A parameter that may be there once.
enum One {
    Absent,
    Is(Secret),
    Repeated,
}

impl Query {
    fn parse(text: &str) -> Self {
        let pairs = url::form_urlencoded::parse(text.as_bytes());
        Self(pairs.map(|(k, v)| (k.into_owned(), Secret::from_text(v.into_owned()))).collect())
    }

    fn one(&self, name: &str) -> One {
        let mut found = self.0.iter().filter(|(key, _)| key == name);
        match (found.next(), found.next()) {
            (None, _) => One::Absent,
            (Some((_, value)), None) => One::Is(value.duplicate()),
            (Some(_), Some(_)) => One::Repeated,
        }
    }
}

/// The fixed answers.
enum Page {
    Done,
    Bad,
    NotHere,
}

impl Page {
    fn parts(&self) -> (&'static str, &'static str) {
        match self {
            Self::Done => ("200 OK", "You can close this page and go back to Wayleave."),
            Self::Bad => ("400 Bad Request", "This is not the answer that Wayleave waits for."),
            Self::NotHere => ("404 Not Found", "There is nothing here."),
        }
    }
}

/// Sends a fixed answer and hands `result` on, whether or not the browser took the answer.
async fn answer(stream: &mut TcpStream, page: Page, result: Option<Callback>) -> Option<Callback> {
    let (status, words) = page.parts();
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Wayleave</title>\
         <p>{words}</p></html>\n"
    );
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Content-Security-Policy: default-src 'none'\r\nCache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = timeout(IO_LIMIT, async {
        stream.write_all(text.as_bytes()).await?;
        stream.shutdown().await
    })
    .await;
    result
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PORT: u16 = 4711;

    fn expected() -> Expected {
        let state = Secret::from_text("s".repeat(64));
        Expected { state, issuer: "https://hub.example".into(), iss_required: false }
    }

    fn settles(head: &[u8]) -> bool {
        matches!(judge(head, PORT, &expected()), Verdict::Settled(_))
    }

    #[test]
    fn the_flow_s_own_answer_settles_it() {
        let target = format!("/callback?state={}&code=c", "s".repeat(64));
        let head = format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n\r\n");
        assert!(settles(head.as_bytes()));
    }

    proptest! {
        #[test]
        fn nothing_without_the_state_settles(query in "[a-z=&%0-9]{0,80}", path in "[/a-z]{0,12}") {
            for path in ["/callback", path.as_str()] {
                let head = format!("GET {path}?{query} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n\r\n");
                prop_assert!(!settles(head.as_bytes()));
            }
        }

        #[test]
        fn no_bytes_make_it_fail(head in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(!settles(&head));
        }
    }
}
