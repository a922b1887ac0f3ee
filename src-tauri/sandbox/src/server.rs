//! Listening: the three servers, and a connection that can be cut after a given byte.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// Binds a port on 127.0.0.1; 0 takes a free one.
///
/// # Errors
/// When the port is taken.
pub(crate) fn bind(port: u16) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves `router` for as long as the runtime lives.
///
/// # Errors
/// When the socket cannot be handed to the runtime.
pub(crate) async fn serve(listener: std::net::TcpListener, router: Router) -> io::Result<()> {
    let listener = Cuttable(TcpListener::from_std(listener)?);
    axum::serve(listener, router.into_make_service_with_connect_info::<Scissors>()).await
}

/// How many more bytes may leave on a connection. Never cut: `u64::MAX`.
#[derive(Clone, Debug)]
pub(crate) struct Scissors(Arc<AtomicU64>);

impl Scissors {
    /// Cuts the connection after `bytes` more bytes.
    pub(crate) fn cut_after(&self, bytes: u64) {
        self.0.store(bytes, Ordering::SeqCst);
    }
}

impl Connected<IncomingStream<'_, Cuttable>> for Scissors {
    fn connect_info(stream: IncomingStream<'_, Cuttable>) -> Self {
        stream.io().scissors.clone()
    }
}

/// A listener whose connections carry scissors.
pub(crate) struct Cuttable(TcpListener);

impl Listener for Cuttable {
    type Io = CutStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (CutStream, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // Best effort: without it small answers only come a little later.
        let _ = stream.set_nodelay(true);
        let scissors = Scissors(Arc::new(AtomicU64::new(u64::MAX)));
        (CutStream { stream, scissors }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A TCP stream that stops writing when it was told to.
pub(crate) struct CutStream {
    stream: TcpStream,
    scissors: Scissors,
}

impl AsyncRead for CutStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for CutStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let left = self.scissors.0.load(Ordering::SeqCst);
        if left == u64::MAX {
            return Pin::new(&mut self.stream).poll_write(context, bytes);
        }
        let allowed = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let Some(part) = bytes.get(..allowed).filter(|part| !part.is_empty()) else {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        };
        let written = Pin::new(&mut self.stream).poll_write(context, part);
        if let Poll::Ready(Ok(count)) = written {
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            self.scissors.0.store(left.saturating_sub(count), Ordering::SeqCst);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
