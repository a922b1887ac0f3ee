//! How the window and the command line talk to the agent: blocking, one request per connection.
//!
//! A client that finds no agent starts one and waits until it says that it is ready, so a stale
//! socket, a crash or a first start are one case. It never sends a request twice: when the
//! connection breaks after sending, that is told as [`ErrorCode::AgentUnreachable`].

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::agent::frame::{self, ANSWER_MAX};
use crate::agent::socket_path;
use crate::api::{
    Answer, Ask, Confide, Disclosure, PROTOCOL, Request, Response, Snapshot, misplaced,
};
use crate::error::{Error, ErrorCode, Result};
use crate::paths::Paths;

/// What a started agent prints on its standard output once it listens.
pub const READY: &str = "ready";

/// How often a client looks again while another client's agent is starting.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How many times, before it gives up: five seconds in all.
const LOOKS: u32 = 250;

/// A connection to come: knows where the agent is and how to start one.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
    program: PathBuf,
}

/// A stream of whole snapshots, the current one first.
#[derive(Debug)]
pub struct Subscription(UnixStream);

impl Client {
    /// A client of the agent that serves `paths`; `program` is the `wayleave` binary, which is
    /// the agent too. It is looked for nowhere else.
    pub fn new(paths: &Paths, program: PathBuf) -> Self {
        Self { socket: socket_path(paths), program }
    }

    /// A client of the agent that serves this environment's vault (`WAYLEAVE_HOME`, XDG).
    pub fn from_env(program: PathBuf) -> Result<Self> {
        Paths::from_env().map(|paths| Self::new(&paths, program))
    }

    /// Asks, starting an agent where none runs.
    pub fn ask(&self, ask: Ask) -> Result<Answer> {
        match self.exchange(&Request::Ask(ask))? {
            Response::Answer(answer) => Ok(answer),
            Response::Failed(error) => Err(error),
            Response::Disclosure(_) | Response::Snapshot(_) => Err(misplaced("a question")),
        }
    }

    /// Confides a secret or is confided one, starting an agent where none runs.
    pub fn confide(&self, confide: Confide) -> Result<Disclosure> {
        match self.exchange(&Request::Confide(confide))? {
            Response::Disclosure(disclosure) => Ok(disclosure),
            Response::Failed(error) => Err(error),
            Response::Answer(_) | Response::Snapshot(_) => Err(misplaced("a confidence")),
        }
    }

    /// Subscribes to snapshots, starting an agent where none runs.
    pub fn subscribe(&self) -> Result<Subscription> {
        let mut stream = self.connect_or_start()?;
        frame::write_to(&mut stream, &Request::Subscribe)?;
        Ok(Subscription(stream))
    }

    /// Whether an agent answers; starts none.
    pub fn running(&self) -> bool {
        self.connect().is_ok()
    }

    /// Ends the agent, of whatever version it is, and waits until it is gone. `false`: there
    /// was none.
    pub fn stop(&self) -> Result<bool> {
        let Ok(mut stream) = self.connect() else { return Ok(false) };
        stream.write_all(&frame::stop()).map_err(|e| unreachable_agent(&e.to_string()))?;
        // The agent closes the connection when its commits are done.
        io::copy(&mut stream, &mut io::sink()).map_err(|e| unreachable_agent(&e.to_string()))?;
        for _ in 0..LOOKS {
            if !self.running() {
                return Ok(true);
            }
            thread::sleep(LOOK_AGAIN);
        }
        Err(unreachable_agent("it was told to end and still answers"))
    }

    fn exchange(&self, request: &Request) -> Result<Response> {
        let mut stream = self.connect_or_start()?;
        frame::write_to(&mut stream, request)?;
        read_response(&mut stream)?.ok_or_else(|| unreachable_agent("it ended before it answered"))
    }

    fn connect_or_start(&self) -> Result<UnixStream> {
        match self.connect() {
            Ok(stream) => Ok(stream),
            Err(e) if is_absent(&e) => self.start(),
            Err(e) => Err(unreachable_agent(&e.to_string())),
        }
    }

    fn connect(&self) -> io::Result<UnixStream> {
        let stream = UnixStream::connect(&self.socket)?;
        let peer = rustix::net::sockopt::socket_peercred(&stream)?;
        if peer.uid != rustix::process::getuid() {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the socket is served by another user",
            ));
        }
        Ok(stream)
    }

    /// Starts an agent and waits for its word. Another client may have been faster: then ours
    /// finds the lock taken and ends, and we wait for the other to listen.
    fn start(&self) -> Result<UnixStream> {
        let mut child = Command::new(&self.program)
            .args(["agent", "run"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| {
                unreachable_agent(&format!("it cannot be started: {e}"))
                    .with("path", self.program.display())
            })?;
        let mut word = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout)
                .read_line(&mut word)
                .map_err(|e| unreachable_agent(&e.to_string()))?;
        }
        if word.trim_end() == READY {
            // Reaped when it ends, should this client live that long.
            thread::spawn(move || child.wait());
            return self.connect().map_err(|e| unreachable_agent(&e.to_string()));
        }
        let failure = serde_json::from_str::<Error>(&word).ok();
        child.wait().map_err(|e| unreachable_agent(&e.to_string()))?;
        match failure {
            Some(error) if error.code != ErrorCode::VaultInUse => Err(error),
            other => self.wait_for_another(other),
        }
    }

    fn wait_for_another(&self, failure: Option<Error>) -> Result<UnixStream> {
        for _ in 0..LOOKS {
            if let Ok(stream) = self.connect() {
                return Ok(stream);
            }
            thread::sleep(LOOK_AGAIN);
        }
        Err(failure.unwrap_or_else(|| unreachable_agent("it was started and ended at once")))
    }
}

impl Iterator for Subscription {
    type Item = Result<Snapshot>;

    /// The next snapshot; `None` when the agent has ended.
    fn next(&mut self) -> Option<Self::Item> {
        match read_response(&mut self.0).transpose()? {
            Ok(Response::Snapshot(snapshot)) => Some(Ok(*snapshot)),
            Ok(Response::Failed(error)) | Err(error) => Some(Err(error)),
            Ok(Response::Answer(_) | Response::Disclosure(_)) => {
                Some(Err(misplaced("a subscription")))
            }
        }
    }
}

fn read_response(stream: &mut UnixStream) -> Result<Option<Response>> {
    let Some((header, body)) = frame::read_from(stream, ANSWER_MAX)? else { return Ok(None) };
    let response = frame::decode::<Response>(header, &body);
    if header.version != PROTOCOL && !matches!(response, Ok(Response::Failed(_))) {
        return Err(Error::new(ErrorCode::AgentVersion, "the agent speaks another version")
            .with("agent", header.version)
            .with("client", PROTOCOL));
    }
    response.map(Some)
}

/// No socket, or one that nobody listens to any more.
fn is_absent(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

fn unreachable_agent(why: &str) -> Error {
    Error::new(ErrorCode::AgentUnreachable, format!("the agent cannot be reached: {why}"))
}
