//! The agent's main: its lock, its socket, and one task per connection.
//!
//! Limits of security.md 4.6: requests of at most 64 KiB within 2 s, one per connection, 64
//! clients at once. A subscription is one long connection; a slow reader gets the newest
//! snapshot only, since a watch channel keeps no older one.

use std::fs;
use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::fs::FlockOperation;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::agent::frame::{self, HEADER, Header, REQUEST_MAX, STOP};
use crate::agent::place::private_dir;
use crate::agent::socket_path;
use crate::api::{PROTOCOL, Request, Response};
use crate::clock::SystemClock;
use crate::engine::{Engine, Handle};
use crate::error::{Error, ErrorCode, Result};
use crate::host::Host;
use crate::paths::Paths;
use crate::secret::Secret;

/// How long a client may take to say what it wants.
const READ_TIMEOUT: Duration = Duration::from_secs(2);
/// How many clients are served at once.
const CLIENTS: usize = 64;
/// How many requests were read so far: their number in the log.
static REQUESTS: AtomicU64 = AtomicU64::new(0);

/// Where clients come from. A Unix socket here; a named pipe can follow.
trait Listen {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// The next connection of this user; connections of others are closed and not returned.
    fn accept(&mut self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

struct UserSocket(UnixListener);

impl Listen for UserSocket {
    type Stream = UnixStream;

    async fn accept(&mut self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.0.accept().await?;
            if stream.peer_cred()?.uid() == rustix::process::getuid().as_raw() {
                return Ok(stream);
            }
        }
    }
}

/// Runs the agent until it is told to stop or the machine says so (SIGTERM, SIGINT).
///
/// `program` is the `wayleave` binary that QGIS' script calls back; `ready` is called once the
/// socket answers. [`ErrorCode::VaultInUse`] when another agent serves the same vault.
pub async fn run<H: Host>(
    paths: Paths,
    program: std::path::PathBuf,
    host: H,
    ready: impl FnOnce() + Send,
) -> Result<()> {
    for dir in [&paths.config, &paths.data, &paths.state, &paths.runtime] {
        private_dir(dir)?;
    }
    let _only_one = hold_lock(&paths.data.join("agent.lock"))?;
    let socket = socket_path(&paths);
    let listener = listen(&socket)?;
    let handle = Engine::start(paths, program, host, Arc::new(SystemClock)).await?;
    ready();
    let served = serve(UserSocket(listener), handle.clone());
    tokio::select! {
        () = served => {}
        () = handle.ended() => {}
        () = told_to_end() => handle.stop().await,
    }
    // Best effort: the next agent removes a stale socket anyway.
    let _ = fs::remove_file(&socket);
    Ok(())
}

/// Takes the lock that makes this the only agent of its vault; the kernel gives it back when
/// the process ends, however it ends.
fn hold_lock(path: &Path) -> Result<fs::File> {
    let file = lock_file(path).map_err(|e| file_problem(path, &e))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            Err(Error::new(ErrorCode::VaultInUse, "another agent serves this vault"))
        }
        Err(e) => Err(file_problem(path, &e.into())),
    }
}

/// The file that is locked; where nothing can be written, as it is, and where there is none, the
/// folder that it would be in.
fn lock_file(path: &Path) -> io::Result<fs::File> {
    let opened =
        fs::OpenOptions::new().create(true).truncate(false).write(true).read(true).open(path);
    match opened {
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied
            ) =>
        {
            fs::File::open(path).or_else(|_| fs::File::open(path.parent().unwrap_or(path)))
        }
        opened => opened,
    }
}

fn listen(path: &Path) -> Result<UnixListener> {
    if let Some(dir) = path.parent() {
        private_dir(dir)?;
    }
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(file_problem(path, &e)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(|e| file_problem(path, &e))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
        .map_err(|e| file_problem(path, &e))?;
    Ok(listener)
}

fn file_problem(path: &Path, e: &io::Error) -> Error {
    Error::new(ErrorCode::FileProblem, e.to_string()).with("path", path.display())
}

async fn told_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}

async fn serve(mut listener: impl Listen, handle: Handle) {
    let places = Arc::new(Semaphore::new(CLIENTS));
    loop {
        let Ok(stream) = listener.accept().await else {
            // Out of descriptors, or a client that left at once: neither ends the agent.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let handle = handle.clone();
        let place = Arc::clone(&places).try_acquire_owned();
        tokio::spawn(async move {
            match place {
                Ok(_place) => converse(stream, &handle).await,
                Err(_) => refuse_as_busy(stream).await,
            }
        });
    }
}

async fn refuse_as_busy(mut stream: impl AsyncWrite + Unpin) {
    let busy = Error::new(ErrorCode::AgentBusy, "too many clients at once");
    // The client may have gone already.
    let _ = write(&mut stream, &Response::Failed(busy)).await;
}

/// Serves one connection. A client that leaves early loses its answer and nothing else: the
/// engine finishes what it began.
async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, handle: &Handle) {
    let response = match timeout(READ_TIMEOUT, read(&mut stream)).await {
        Err(_) => Response::Failed(Error::new(ErrorCode::TimedOut, "the client said nothing")),
        Ok(Err(error)) => Response::Failed(error),
        Ok(Ok(None)) => return,
        Ok(Ok(Some(Wish::Stop))) => return handle.stop().await,
        Ok(Ok(Some(Wish::Request(Request::Subscribe)))) => return push(stream, handle).await,
        Ok(Ok(Some(Wish::Request(request)))) => {
            return answer(stream, handle, request).await;
        }
    };
    let _ = write(&mut stream, &response).await;
}

/// Passes a request on and writes its answer. The log says when each came and went, so that what
/// was under way at a crash can be told; never what it was.
async fn answer(mut stream: impl AsyncWrite + Unpin, handle: &Handle, request: Request) {
    let number = REQUESTS.fetch_add(1, Ordering::Relaxed);
    log::debug!("request {number}: arrived");
    let response = handle.request(request).await;
    match write(&mut stream, &response).await {
        Ok(()) => log::debug!("request {number}: answered"),
        Err(_) => log::debug!("request {number}: nobody waits for its answer"),
    }
}

#[allow(clippy::large_enum_variant, reason = "one lives for one turn")]
enum Wish {
    Stop,
    Request(Request),
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Wish>> {
    let mut bytes = [0; HEADER];
    if stream.read_exact(&mut bytes).await.is_err() {
        return Ok(None);
    }
    let Some(header) = Header::parse(&bytes, REQUEST_MAX) else {
        return Err(Error::new(ErrorCode::InvalidInput, "the request is no frame of ours"));
    };
    if header.flags & STOP != 0 {
        return Ok(Some(Wish::Stop));
    }
    if header.version != PROTOCOL {
        return Err(Error::new(ErrorCode::AgentVersion, "the agent speaks another version")
            .with("agent", PROTOCOL)
            .with("client", header.version));
    }
    let mut body = vec![0; header.body()];
    if stream.read_exact(&mut body).await.is_err() {
        return Ok(None);
    }
    frame::decode(header, &Secret::new(body)).map(|request| Some(Wish::Request(request)))
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), response: &Response) -> io::Result<()> {
    let frame = frame::encode(response)
        .or_else(|error| frame::encode(&Response::Failed(error)))
        .map_err(|error| io::Error::other(error.message))?;
    stream.write_all(frame.expose()).await?;
    stream.flush().await
}

/// Pushes the current snapshot and each newer one until the reader leaves or the agent ends.
async fn push(mut stream: impl AsyncRead + AsyncWrite + Unpin, handle: &Handle) {
    let mut snapshots = handle.snapshots();
    snapshots.mark_changed();
    let mut gone = [0; 1];
    loop {
        tokio::select! {
            changed = snapshots.changed() => if changed.is_err() { return },
            // A subscriber has nothing more to say: whatever arrives, it is the end.
            _ = stream.read(&mut gone) => return,
        }
        let snapshot = snapshots.borrow_and_update().as_ref().clone();
        if write(&mut stream, &Response::Snapshot(Box::new(snapshot))).await.is_err() {
            return;
        }
    }
}
