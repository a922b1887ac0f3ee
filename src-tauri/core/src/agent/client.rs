//! How the window and the command line talk to the agent: blocking, one request per connection.
//!
//! A client that finds no agent starts one and waits until it says that it is ready, so a stale
//! socket, a crash or a first start are one case. An order that an agent may have begun is never
//! sent twice: when the connection breaks after it was read, that is told as
//! [`ErrorCode::AgentUnreachable`]. Asked anew is what no agent has read to its end, because it
//! died with the connection still in its queue or was ending, and what only looks ([`Broke`]).

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
use crate::engine::UNREAD;
use crate::error::{Error, ErrorCode, Result};
use crate::paths::Paths;

/// What a started agent prints on its standard output once it listens.
pub const READY: &str = "ready";

/// How often a client looks again while another client's agent is starting.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How many times, before it gives up: five seconds in all.
const LOOKS: u32 = 250;
/// After how many looks a client tries once more to start an agent itself: the one that held the
/// lock may have been dying.
const LOOKS_BEFORE_START: u32 = 10;
/// How often a request is asked anew.
const ATTEMPTS: u32 = 5;

/// A connection to come: knows where the agent is and how to start one.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
    program: PathBuf,
}

/// How an exchange broke.
enum Broke {
    /// No agent has begun the request: it may be asked again.
    Unread(Error),
    /// An agent may have begun it and has ended: what only looks may be asked again.
    Unanswered(Error),
    /// No agent can be had, or what it says cannot be read: asking again would not help.
    Told(Error),
}

/// What came of an attempt to start an agent.
enum Started {
    /// It listens.
    Ready(UnixStream),
    /// Another process holds the lock.
    Held(Error),
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

    /// The state that the running agent tells; starts none. `None`: none runs, or it is ending.
    pub fn running(&self) -> Result<Option<Snapshot>> {
        let Ok(stream) = self.connect() else { return Ok(None) };
        match exchange_over(stream, &Request::Ask(Ask::Snapshot)) {
            Ok(Response::Answer(Answer::Snapshot(snapshot))) => Ok(Some(*snapshot)),
            Ok(Response::Failed(error)) if is_ending(&error) => Ok(None),
            Err(Broke::Unread(_) | Broke::Unanswered(_)) => Ok(None),
            Ok(Response::Failed(error)) | Err(Broke::Told(error)) => Err(error),
            Ok(Response::Answer(_) | Response::Disclosure(_) | Response::Snapshot(_)) => {
                Err(misplaced("a question for the state"))
            }
        }
    }

    /// Ends the agent, of whatever version it is, and waits until it is gone. `false`: there
    /// was none.
    pub fn stop(&self) -> Result<bool> {
        let Ok(mut stream) = self.connect() else { return Ok(false) };
        // The agent closes the connection when its commits are done. One that is dying breaks it:
        // whether it has gone is seen below.
        if stream.write_all(&frame::stop()).is_ok() {
            let _ = io::copy(&mut stream, &mut io::sink());
        }
        for _ in 0..LOOKS {
            if self.connect().is_err() {
                return Ok(true);
            }
            thread::sleep(LOOK_AGAIN);
        }
        Err(unreachable_agent("it was told to end and still answers"))
    }

    /// Asks until an agent has read the request, or answered what only looks.
    fn exchange(&self, request: &Request) -> Result<Response> {
        let mut attempts = 0;
        loop {
            match self.exchange_once(request) {
                Err(Broke::Unread(_)) if attempts < ATTEMPTS => {}
                Err(Broke::Unanswered(_)) if attempts < ATTEMPTS && request.only_looks() => {}
                Ok(Response::Failed(error)) if is_ending(&error) && attempts < ATTEMPTS => {
                    // Until its socket is gone; then the next attempt starts another one.
                    thread::sleep(LOOK_AGAIN);
                }
                Ok(response) => return Ok(response),
                Err(Broke::Unread(error) | Broke::Unanswered(error) | Broke::Told(error)) => {
                    return Err(error);
                }
            }
            attempts += 1;
        }
    }

    fn exchange_once(&self, request: &Request) -> Result<Response, Broke> {
        exchange_over(self.connect_or_start().map_err(Broke::Told)?, request)
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

    /// Starts an agent. Another client may have been faster: then ours finds the lock taken and
    /// ends, and we wait for the other to listen. Or the lock is still held by one that is dying:
    /// then it takes another start.
    fn start(&self) -> Result<UnixStream> {
        let mut held = match self.start_once()? {
            Started::Ready(stream) => return Ok(stream),
            Started::Held(error) => error,
        };
        for look in 1..LOOKS {
            if let Ok(stream) = self.connect() {
                return Ok(stream);
            }
            thread::sleep(LOOK_AGAIN);
            if look % LOOKS_BEFORE_START == 0 {
                match self.start_once()? {
                    Started::Ready(stream) => return Ok(stream),
                    Started::Held(error) => held = error,
                }
            }
        }
        Err(held)
    }

    /// Starts an agent and waits for its word.
    fn start_once(&self) -> Result<Started> {
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
            let stream = self.connect().map_err(|e| unreachable_agent(&e.to_string()))?;
            return Ok(Started::Ready(stream));
        }
        child.wait().map_err(|e| unreachable_agent(&e.to_string()))?;
        match serde_json::from_str::<Error>(&word) {
            Ok(error) if error.code == ErrorCode::VaultInUse => Ok(Started::Held(error)),
            Ok(error) => Err(error),
            Err(_) => Err(unreachable_agent("it was started and ended at once")),
        }
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

fn exchange_over(mut stream: UnixStream, request: &Request) -> Result<Response, Broke> {
    let frame = frame::encode(request).map_err(Broke::Told)?;
    let written = stream.write_all(frame.expose());
    // What an agent says before it closes comes first, even to a client that still wrote.
    let ended = || Broke::Unanswered(unreachable_agent("it ended before it answered"));
    if answers(&stream).map_err(|e| before_the_answer(&e))? {
        return read_response(&mut stream).map_err(within_the_answer)?.ok_or_else(ended);
    }
    written.map_err(|e| before_the_answer(&e))?;
    Err(ended())
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

/// Waits for the first byte of the answer, and leaves it where it is; `false`: there is none.
fn answers(stream: &UnixStream) -> io::Result<bool> {
    let mut first = [0; 1];
    loop {
        match rustix::net::recv(stream, &mut first, rustix::net::RecvFlags::PEEK) {
            Ok((_, length)) => return Ok(length > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// A connection that broke before any byte of the answer. On Linux it is *reset* only when the
/// other end closed it with bytes still unread, or never accepted it (unix(7); `unix_release_sock`
/// in `net/unix/af_unix.c`), and it is a broken pipe only while we are still writing. An agent
/// begins nothing before it has read a request to its last byte, so in both cases nothing was
/// begun. Elsewhere these codes promise less, and it may have been.
fn before_the_answer(e: &io::Error) -> Broke {
    let error = unreachable_agent(&format!("the connection broke: {e}"));
    let closed = matches!(e.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe);
    if closed && cfg!(target_os = "linux") {
        Broke::Unread(error)
    } else {
        Broke::Unanswered(error)
    }
}

/// A connection that broke within the answer, or an answer that cannot be read.
fn within_the_answer(error: Error) -> Broke {
    if error.code == ErrorCode::AgentUnreachable {
        Broke::Unanswered(error)
    } else {
        Broke::Told(error)
    }
}

/// Whether an agent that is ending says that it has not begun the request.
fn is_ending(error: &Error) -> bool {
    error.code == ErrorCode::AgentUnreachable && error.params.contains_key(UNREAD)
}

/// No socket, or one that nobody listens to any more.
fn is_absent(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

fn unreachable_agent(why: &str) -> Error {
    Error::new(ErrorCode::AgentUnreachable, format!("the agent cannot be reached: {why}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// What an agent of the test writes once it has read the request; then it ends.
    #[derive(Clone, Copy)]
    enum Writes {
        Nothing,
        HalfAnAnswer,
        AnAnswer,
    }

    /// Asks agents that end one after the other; what came of it, and how many were asked.
    fn asked(ask: Ask, agents: Vec<Writes>) -> (Result<Answer>, usize) {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("s");
        let listener = UnixListener::bind(&socket).expect("listens");
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        thread::spawn(move || {
            for (agent, stream) in agents.into_iter().zip(listener.incoming()) {
                let mut stream = stream.expect("connects");
                counted.fetch_add(1, Ordering::SeqCst);
                frame::read_from(&mut stream, frame::REQUEST_MAX).expect("reads");
                let answer = frame::encode(&Response::Answer(Answer::Done)).expect("fits");
                let length = match agent {
                    Writes::Nothing => 0,
                    Writes::HalfAnAnswer => answer.len() / 2,
                    Writes::AnAnswer => answer.len(),
                };
                stream.write_all(&answer.expose()[..length]).expect("writes");
            }
        });
        let came = Client { socket, program: "/nonexistent/wayleave".into() }.ask(ask);
        (came, count.load(Ordering::SeqCst))
    }

    #[test]
    fn what_only_looks_is_asked_of_the_next_agent() {
        let agents = vec![Writes::Nothing, Writes::HalfAnAnswer, Writes::AnAnswer];
        let (came, count) = asked(Ask::Platforms, agents);
        assert!(matches!(came, Ok(Answer::Done)), "{came:?}");
        assert_eq!(count, 3);
    }

    #[test]
    fn what_every_agent_ends_on_is_told() {
        let many = ATTEMPTS as usize + 1;
        let (came, count) = asked(Ask::Platforms, vec![Writes::Nothing; many + 3]);
        assert_eq!(came.expect_err("nobody answered").code, ErrorCode::AgentUnreachable);
        assert_eq!(count, many);
    }

    #[test]
    fn an_order_that_was_read_is_never_sent_twice() {
        for writes in [Writes::Nothing, Writes::HalfAnAnswer] {
            let (came, count) = asked(Ask::Lock, vec![writes, Writes::AnAnswer]);
            assert_eq!(came.expect_err("it was lost").code, ErrorCode::AgentUnreachable);
            assert_eq!(count, 1);
        }
    }
}
