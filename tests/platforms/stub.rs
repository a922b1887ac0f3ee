//! A server that says what it is told to, byte for byte: for answers that no honest server gives.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// What the server does with one request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// These bytes, then the connection is closed.
    Bytes(Vec<u8>),
    /// Nothing, and the connection stays open.
    Silence,
    /// These bytes, and the connection stays open.
    Stall(Vec<u8>),
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Got {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Got {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// What a server answers to a request.
pub type Script = Arc<dyn Fn(&Got) -> Reply + Send + Sync>;

/// The server.
pub struct Stub {
    pub origin: String,
    got: Arc<Mutex<Vec<Got>>>,
    /// Each request is announced here, so that a test can wait for one.
    pub arrived: mpsc::UnboundedReceiver<()>,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Stub {
    /// Uses the replies in order; when none is left, it answers 404.
    pub async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies = Mutex::new(replies.into_iter().collect::<VecDeque<_>>());
        Self::serve(Arc::new(move |_| {
            let next = replies.lock().expect("the script").pop_front();
            next.unwrap_or_else(|| page(404, "text/plain", "404 page not found\n"))
        }))
        .await
    }

    /// Answers as the script says.
    pub async fn serve(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let got = Arc::new(Mutex::new(Vec::new()));
        let (announce, arrived) = mpsc::unbounded_channel();
        let seen = Arc::clone(&got);
        let serving = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(serve(stream, Arc::clone(&seen), Arc::clone(&script), announce.clone()));
            }
        });
        Self { origin, got, arrived, serving }
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().expect("the record").clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    seen: Arc<Mutex<Vec<Got>>>,
    script: Script,
    announce: mpsc::UnboundedSender<()>,
) {
    let Some(got) = read(&mut stream).await else { return };
    let reply = script(&got);
    seen.lock().expect("the record").push(got);
    let _ = announce.send(());
    match reply {
        Reply::Bytes(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Reply::Silence => std::future::pending().await,
        Reply::Stall(bytes) => {
            let _ = stream.write_all(&bytes).await;
            std::future::pending::<()>().await;
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Got> {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        let count = stream.read(&mut part).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let mut lines = head.split("\r\n");
        let mut first = lines.next()?.split(' ');
        let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let got = Got { method, target, headers, body: body.to_owned() };
        let length = got.header("content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
        if body.len() >= length {
            return Some(got);
        }
    }
}

/// A whole answer.
pub fn page(status: u16, kind: &str, body: &str) -> Reply {
    page_with(status, kind, &[], body)
}

/// A whole answer with further headers.
pub fn page_with(status: u16, kind: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let kind = Some(("Content-Type", kind)).filter(|(_, kind)| !kind.is_empty());
    let lines: Vec<String> =
        kind.iter().chain(headers).map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let (length, lines) = (body.len(), lines.concat());
    let head = format!("HTTP/1.1 {status} Whatever\r\nContent-Length: {length}\r\n{lines}");
    Reply::Bytes(format!("{head}Connection: close\r\n\r\n{body}").into_bytes())
}

/// An answer in JSON.
pub fn json(status: u16, body: &str) -> Reply {
    page(status, "application/json", body)
}
