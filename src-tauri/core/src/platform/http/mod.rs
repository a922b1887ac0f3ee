//! The one HTTP client (platforms.md F, security.md 6).
//!
//! It speaks https, and http to loopback hosts only; follows no redirect; reads at most 4 MiB of
//! an answer; repeats nothing but reads, and those only where a server asked for patience. A
//! request and its secrets appear in no error and no `Debug` output.
//!
//! The world is asked through the proxy that the environment (`HTTPS_PROXY`, `ALL_PROXY`, minus
//! `NO_PROXY`) or the system's settings name, loopback hosts never. Certificates are judged by
//! the operating system's store, and by a file of the connection's own where there is one.
//!
//! Content encodings are not offered, so the size that is counted is the size of the content.

mod answer;
mod circuit;
mod clients;
mod network;
mod text;
mod trust;

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method};
use url::Url;
use zeroize::Zeroizing;

pub use self::answer::{Answer, looks_like_sign_in, parse_http_date, parse_time};
use self::circuit::Circuits;
use self::clients::Clients;
pub use self::text::clean;
use self::trust::Trust;
use super::connection::{Connection, is_allowed};
use super::error::{Kind, NetworkKind, Operation, PlatformError};
use crate::clock::Clock;
use crate::secret::Secret;

/// Time limit for making a connection.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Time limit for one request with its whole answer.
pub const TOTAL_LIMIT: Duration = Duration::from_secs(30);
/// Most bytes read of an answer.
pub const BODY_LIMIT: usize = 4 << 20;
/// Most bytes of header names and values in an answer.
pub const HEADER_LIMIT: usize = 64 << 10;
/// Most repetitions of a read.
pub const READ_RETRIES: u32 = 3;
/// Longest wait that a server may ask for.
const WAIT_LIMIT: Duration = Duration::from_mins(1);
/// Wait before the first repetition; doubled for each further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// A round trip longer than this tells nothing about the server's clock.
const SKEW_RTT_LIMIT: i64 = 5;

/// How to wait between repetitions. Tests record the waits instead.
pub type Pause = Arc<dyn Fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// What is sent with a request.
#[derive(Debug)]
pub enum Body {
    /// Nothing.
    Empty,
    /// JSON text.
    Json(Secret),
    /// `application/x-www-form-urlencoded` text.
    Form(Secret),
}

/// One request.
#[derive(Debug)]
pub struct Request {
    /// What it is part of, for errors.
    pub operation: Operation,
    /// The method; only `GET` is ever repeated.
    pub method: Method,
    /// Where to; never with a secret in it.
    pub url: Url,
    /// Headers beside the usual ones; all are treated as secret.
    pub headers: Vec<(HeaderName, Secret)>,
    /// What is sent.
    pub body: Body,
}

impl Request {
    /// A read.
    pub fn get(operation: Operation, url: Url) -> Self {
        Self { operation, method: Method::GET, url, headers: Vec::new(), body: Body::Empty }
    }

    /// A request that changes something.
    pub fn post(operation: Operation, url: Url, body: Body) -> Self {
        Self { operation, method: Method::POST, url, headers: Vec::new(), body }
    }

    /// A request that takes something away.
    pub fn delete(operation: Operation, url: Url) -> Self {
        Self { operation, method: Method::DELETE, url, headers: Vec::new(), body: Body::Empty }
    }

    /// Adds a header.
    pub fn header(mut self, name: HeaderName, value: Secret) -> Self {
        self.headers.push((name, value));
        self
    }

    /// An error of this request.
    pub fn error(&self, kind: Kind) -> PlatformError {
        PlatformError::new(self.operation, self.url.host_str().unwrap_or_default(), kind)
    }
}

/// The client. Cloning it shares connections, limits and what is known of servers' clocks.
#[derive(Clone)]
pub struct Http(Arc<Inner>);

struct Inner {
    clients: Clients,
    trust: Trust,
    circuits: Circuits,
    clock: Arc<dyn Clock>,
    pause: Pause,
    skews: Mutex<BTreeMap<String, VecDeque<i64>>>,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Http")
    }
}

impl Http {
    /// The client with our limits, and the operating system's certificates.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_pause(clock, Arc::new(|wait| Box::pin(tokio::time::sleep(wait))))
    }

    /// The same, with another way to wait between repetitions.
    pub fn with_pause(clock: Arc<dyn Clock>, pause: Pause) -> Self {
        Self(Arc::new(Inner {
            clients: Clients::default(),
            trust: Trust::default(),
            circuits: Circuits::default(),
            clock,
            pause,
            skews: Mutex::default(),
        }))
    }

    /// Sends a request and reads its answer, whatever its status. Reads are repeated where the
    /// server asks for patience; anything else is sent once.
    pub async fn send(&self, request: &Request) -> Result<Answer, PlatformError> {
        let mut tries = 0;
        loop {
            let answer = self.once(request).await?;
            match self.wait_before_retry(request, &answer, tries) {
                Some(wait) => self.wait_for(request, wait).await,
                None => return Ok(answer),
            }
            tries += 1;
        }
    }

    /// From now on the certificates of this PEM file count for the hosts of a connection, beside
    /// the operating system's; without a file, the operating system's alone. The file is read
    /// when the host is asked.
    pub fn trust(&self, connection: &Connection, file: Option<&Path>) {
        self.0.trust.set(connection.hosts(), file);
    }

    /// Sends a request at most once: not at all where the server asked everybody for patience, or
    /// did not answer for a while.
    pub async fn once(&self, request: &Request) -> Result<Answer, PlatformError> {
        if !is_allowed(&request.url) {
            return Err(request.error(Kind::Address));
        }
        let circuits = &self.0.circuits;
        circuits.admit(&request.url, self.0.clock.now()).map_err(|kind| request.error(kind))?;
        let answer = self.exchange(request).await;
        match &answer {
            Ok(answer) => {
                circuits.answered(&request.url);
                let wait = answer.retry_after(answer.received);
                if let (429 | 503, Some(wait)) = (answer.status, wait) {
                    circuits.asked_to_wait(&request.url, answer.received, wait);
                }
            }
            Err(error) => {
                if let Kind::Network { kind, .. } = error.kind {
                    circuits.failed(&request.url, kind);
                }
            }
        }
        answer
    }

    async fn exchange(&self, request: &Request) -> Result<Answer, PlatformError> {
        let own = self.0.trust.client_for(&request.url).await;
        let client = own.unwrap_or_else(|| self.0.clients.client_for(&request.url));
        let client = client.map_err(|hint| {
            let kind = Kind::Network { kind: NetworkKind::Tls, sent: false };
            request.error(kind).hinted(hint)
        })?;
        let started = self.0.clock.now();
        let sending = client
            .request(request.method.clone(), request.url.clone())
            .headers(header_map(request)?)
            .body(body_bytes(&request.body))
            .send();
        let response = sending.await.map_err(|error| network::classify(request, &error))?;
        let received = self.0.clock.now();
        self.note_skew(request, response.headers(), started, received);
        read(request, response, received).await
    }

    /// How long to wait before a read is repeated; `None`: it is not.
    pub fn wait_before_retry(
        &self,
        request: &Request,
        answer: &Answer,
        tries: u32,
    ) -> Option<Duration> {
        let patience = matches!(answer.status, 429 | 502 | 503 | 504);
        if request.method != Method::GET || !patience || tries >= READ_RETRIES {
            return None;
        }
        match answer.retry_after(self.0.clock.now()) {
            Some(wait) if wait > WAIT_LIMIT => None,
            Some(wait) => Some(wait),
            None => Some(jittered(FIRST_WAIT * 2_u32.pow(tries))),
        }
    }

    /// Waits before a request is repeated, as its server asked or as we think fit.
    pub async fn wait_for(&self, request: &Request, wait: Duration) {
        self.pause(wait).await;
        self.0.circuits.waited(&request.url);
    }

    /// Waits as this client waits.
    pub async fn pause(&self, wait: Duration) {
        (self.0.pause)(wait).await;
    }

    /// The clock that this client reads.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// How many seconds the host's clock is ahead of ours: the median of the last three answers.
    pub fn skew(&self, host: &str) -> Option<i64> {
        let skews = self.0.skews.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen: Vec<i64> = skews.get(host)?.iter().copied().collect();
        seen.sort_unstable();
        seen.get(seen.len() / 2).copied()
    }

    fn note_skew(&self, request: &Request, headers: &HeaderMap, t0: Timestamp, t1: Timestamp) {
        let date = headers.get(reqwest::header::DATE).and_then(|date| date.to_str().ok());
        let Some(date) = date.and_then(parse_http_date) else { return };
        let round_trip = t1.as_second() - t0.as_second();
        if !(0..SKEW_RTT_LIMIT).contains(&round_trip) {
            return;
        }
        let skew = date.as_second() - (t0.as_second() + round_trip / 2);
        let host = request.url.host_str().unwrap_or_default().to_owned();
        let mut skews = self.0.skews.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = skews.entry(host).or_default();
        seen.push_back(skew);
        if seen.len() > 3 {
            seen.pop_front();
        }
    }
}

/// What both clients have in common.
fn limits() -> reqwest::ClientBuilder {
    let agent =
        concat!("Wayleave/", env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));
    Client::builder()
        .user_agent(agent)
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(CONNECT_LIMIT)
        .timeout(TOTAL_LIMIT)
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        .dns_resolver(Arc::new(network::Names))
}

/// The headers of a request. A value that cannot be one is a fault of the caller's input.
fn header_map(request: &Request) -> Result<HeaderMap, PlatformError> {
    let mut map = HeaderMap::new();
    map.insert(ACCEPT, HeaderValue::from_static("application/json"));
    match request.body {
        Body::Empty => {}
        Body::Json(_) => {
            map.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        Body::Form(_) => {
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            map.insert(CONTENT_TYPE, form);
        }
    }
    for (name, value) in &request.headers {
        let mut value = HeaderValue::from_bytes(value.expose())
            .map_err(|_| request.error(Kind::Protocol("a secret cannot be sent as a header")))?;
        value.set_sensitive(true);
        map.insert(name.clone(), value);
    }
    Ok(map)
}

/// The bytes to send; the one copy that the network code needs for itself.
fn body_bytes(body: &Body) -> Vec<u8> {
    match body {
        Body::Empty => Vec::new(),
        Body::Json(text) | Body::Form(text) => text.expose().to_vec(),
    }
}

/// Reads an answer to its end, or to the limit.
async fn read(
    request: &Request,
    mut response: reqwest::Response,
    received: Timestamp,
) -> Result<Answer, PlatformError> {
    let size: usize =
        response.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if size > HEADER_LIMIT {
        return Err(request.error(Kind::Protocol("the answer's header is larger than 64 KiB")));
    }
    let mut body = Zeroizing::new(Vec::new());
    let broken = |error: reqwest::Error| network::classify(request, &error);
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > BODY_LIMIT {
            return Err(request.error(Kind::Protocol("the answer is larger than 4 MiB")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        operation: request.operation,
        url: request.url.clone(),
        status: response.status().as_u16(),
        headers: std::mem::take(response.headers_mut()),
        body,
        received,
    })
}

/// Between half of a wait and the whole of it, so that clients do not come back all at once.
fn jittered(wait: Duration) -> Duration {
    let mut byte = [0; 1];
    // Without randomness the wait is the whole one: nothing depends on it being random.
    if getrandom::fill(&mut byte).is_err() {
        return wait;
    }
    wait / 2 + wait / 2 * u32::from(byte[0]) / 255
}
