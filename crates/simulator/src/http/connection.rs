//! One connection of a client. It ends when the client closes it, when it is idle for too long, by a fault, or when the simulator
//! stops.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::decision::decide::SimulatedProvider;
use crate::http::connection_state::ConnectionState;
use crate::http::{arrival_time, handler};

/// Serves a connection until it ends.
pub(crate) async fn serve(
    stream: TcpStream,
    peer_port: u16,
    simulated: Arc<SimulatedProvider>,
    stop: CancellationToken,
) {
    let state = Arc::new(ConnectionState::new(peer_port, simulated.config.idle_timeout));
    let socket = Socket { stream, state: Arc::clone(&state) };
    let service = service_fn(|request| handler::handle(Arc::clone(&simulated), Arc::clone(&state), request));
    let mut connection = pin!(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
    let result = tokio::select! {
        biased;
        result = connection.as_mut() => Some(result),
        () = state.idle_timed_out() => None,
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

/// The socket: records when bytes arrive, and can end with a TCP reset.
struct Socket {
    stream: TcpStream,
    state: Arc<ConnectionState>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.state.ends_with_reset()
            && let Err(error) = self.stream.set_zero_linger()
        {
            tracing::warn!(%error, "cannot close the connection with a TCP reset");
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            let into = buf.initialize_unfilled();
            match self.stream.try_io(Interest::READABLE, || arrival_time::receive(&self.stream, into)) {
                Ok((bytes, at)) => {
                    buf.advance(bytes);
                    self.state.set_received_at(at);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Socket {
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
