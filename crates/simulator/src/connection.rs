//! One connection of a client: requests in, answers out, and the breaking, hanging and closing that faults ask for.
//!
//! Invariant: a request counts as in flight until its answer is handed over or its client is gone.

use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::desk::Desk;
use crate::handler;
use crate::stamp;

/// Serves a connection until the client goes, a fault ends it, or the simulator stops.
pub(crate) async fn serve(stream: TcpStream, peer_port: u16, desk: Arc<Desk>, stop: CancellationToken) {
    let link = Arc::new(Link::new(peer_port, desk.config.idle_timeout));
    let wire = Wire { stream, link: Arc::clone(&link) };
    let service = service_fn(|request| handler::handle(Arc::clone(&desk), Arc::clone(&link), request));
    let mut connection = pin!(http1::Builder::new().serve_connection(TokioIo::new(wire), service));
    let result = tokio::select! {
        biased;
        result = connection.as_mut() => Some(result),
        () = link.idled_out() => None,
        () = stop.cancelled() => None,
    };
    let result = if let Some(result) = result {
        result
    } else {
        connection.as_mut().graceful_shutdown();
        connection.await
    };
    if let Err(error) = result {
        tracing::debug!(%error, peer_port, "connection ended");
    }
}

/// What a connection and the requests on it tell each other.
pub(crate) struct Link {
    pub(crate) peer_port: u16,
    /// Rises when a request begins and when it ends: odd while one is in flight.
    turns: AtomicU64,
    idle_after: Mutex<Option<Duration>>,
    /// Whether anybody ever asked for an idle time, so that all others need not look.
    watches_idle: AtomicBool,
    changed: Notify,
    reset: AtomicBool,
    /// When the last bytes arrived.
    received_at: Mutex<Instant>,
}

impl Link {
    fn new(peer_port: u16, idle_after: Option<Duration>) -> Self {
        Self {
            peer_port,
            turns: AtomicU64::new(0),
            watches_idle: AtomicBool::new(idle_after.is_some()),
            idle_after: Mutex::new(idle_after),
            changed: Notify::new(),
            reset: AtomicBool::new(false),
            received_at: Mutex::new(Instant::now()),
        }
    }

    /// Closes the connection as soon as it was idle for so long.
    pub(crate) fn close_idle_after(&self, after: Duration) {
        *self.idle_after.lock().unwrap_or_else(PoisonError::into_inner) = Some(after);
        self.watches_idle.store(true, Ordering::Release);
    }

    /// When the last bytes of the request being read arrived.
    pub(crate) fn received_at(&self) -> Instant {
        *self.received_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the coming end of the connection a TCP reset.
    pub(crate) fn end_with_reset(&self) {
        self.reset.store(true, Ordering::Release);
    }

    fn turn(&self) {
        self.turns.fetch_add(1, Ordering::AcqRel);
        if self.watches_idle.load(Ordering::Acquire) {
            self.changed.notify_one();
        }
    }

    /// Ends when the connection was idle for as long as somebody asked for.
    async fn idled_out(&self) {
        loop {
            let turns = self.turns.load(Ordering::Acquire);
            let after = *self.idle_after.lock().unwrap_or_else(PoisonError::into_inner);
            match after {
                Some(after) if turns.is_multiple_of(2) => tokio::select! {
                    () = tokio::time::sleep(after) => {
                        if turns == self.turns.load(Ordering::Acquire) {
                            return;
                        }
                    }
                    () = self.changed.notified() => {}
                },
                _ => self.changed.notified().await,
            }
        }
    }
}

/// Held as long as a request is in flight.
pub(crate) struct Flight {
    desk: Arc<Desk>,
    link: Arc<Link>,
}

impl Flight {
    pub(crate) fn begin(desk: Arc<Desk>, link: Arc<Link>) -> Self {
        desk.in_flight.fetch_add(1, Ordering::Relaxed);
        link.turn();
        Self { desk, link }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.desk.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.link.turn();
    }
}

/// The socket, which can end with a reset.
struct Wire {
    stream: TcpStream,
    link: Arc<Link>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.link.reset.load(Ordering::Acquire)
            && let Err(error) = self.stream.set_zero_linger()
        {
            tracing::warn!(%error, "the connection is closed without a reset");
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            let into = buf.initialize_unfilled();
            match self.stream.try_io(Interest::READABLE, || stamp::receive(&self.stream, into)) {
                Ok((bytes, at)) => {
                    buf.advance(bytes);
                    *self.link.received_at.lock().unwrap_or_else(PoisonError::into_inner) = at;
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
