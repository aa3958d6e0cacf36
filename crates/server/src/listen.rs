//! Accepting connections and serving HTTP/1.1 on them, until told to stop.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use hyper::Request;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncWriteExt, copy, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::address;
use crate::config::Config;
use crate::connections::{Connection, Connections};

/// The pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Bytes of a connection that are read ahead, and in which the head of a request must fit. One read may go beyond them, so hyper keeps
/// at most twice as many.
const READ_AHEAD: usize = 32 * 1024;
/// Open files that are left for other things than connections: Postgres, lists, the program itself.
const OTHER_FILES: u64 = 200;
/// Most connections that are being answered 503 because all others are checked, and how long one may take.
const REFUSED_AT_ONCE: usize = 64;
const REFUSED_WITHIN: Duration = Duration::from_secs(1);
const REFUSED: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Serves connections until told to stop, then waits at most `drain` for the requests under way.
pub(crate) async fn listen(
    listener: TcpListener,
    router: Router,
    config: &Config,
    shutdown: CancellationToken,
) {
    let connections = Connections::new(most_connections(config.connections), config.connections_per_address);
    let refused = Arc::new(Semaphore::new(REFUSED_AT_ONCE));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "no connection could be accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let is_proxy = address::is_trusted(peer.ip(), &config.trusted_proxies);
        let Some(connection) = connections.admit(peer, is_proxy, Instant::now()) else {
            // Beyond so many the connection is closed without an answer.
            if let Ok(permit) = Arc::clone(&refused).try_acquire_owned() {
                tokio::spawn(async move {
                    drop(tokio::time::timeout(REFUSED_WITHIN, refuse(stream)).await);
                    drop(permit);
                });
            }
            continue;
        };
        serve(stream, Arc::new(connection), &router, config, &graceful);
    }
    drop(listener);
    if tokio::time::timeout(config.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests under way did not end in time; their providers will post again");
    }
}

/// As many connections as are wanted, or fewer if the process may not open so many files.
fn most_connections(wanted: usize) -> usize {
    let needed = wanted as u64 + OTHER_FILES;
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, hard)| {
        let raised = needed.min(hard);
        if raised > soft && setrlimit(Resource::RLIMIT_NOFILE, raised, hard).is_ok() { raised } else { soft }
    });
    if limit >= needed {
        return wanted;
    }
    let most = limit.saturating_sub(OTHER_FILES).max(limit / 2).max(1);
    tracing::warn!(
        "the process may open {limit} files, which is enough for {most} connections of the {wanted} in [server] connections; raise \
         the limit of open files (ulimit -n) to {needed}, or lower connections"
    );
    usize::try_from(most).unwrap_or(wanted).min(wanted)
}

/// Serves one connection in a task of its own.
fn serve(
    stream: TcpStream,
    connection: Arc<Connection>,
    router: &Router,
    config: &Config,
    graceful: &GracefulShutdown,
) {
    // An answer is one small packet.
    drop(stream.set_nodelay(true));
    let (router, of_requests) = (router.clone(), Arc::clone(&connection));
    let service = service_fn(move |request| answer(router.clone(), Arc::clone(&of_requests), request));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .max_buf_size(READ_AHEAD)
        .header_read_timeout(config.read_timeout)
        .serve_connection(TokioIo::new(stream), service);
    let served = graceful.watch(served);
    tokio::spawn(async move {
        tokio::select! {
            biased;
            () = connection.closed() => tracing::debug!("an unchecked connection was closed for a new one"),
            ended = served => if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended");
            },
        }
    });
}

async fn answer(
    router: Router,
    connection: Arc<Connection>,
    mut request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Infallible> {
    request.extensions_mut().insert(Arc::clone(&connection));
    let response = router.oneshot(request.map(Body::new)).await?;
    Ok(response.map(|body| AnswerBody { body, connection }))
}

/// Answers 503 whatever is asked.
async fn refuse(mut stream: TcpStream) -> std::io::Result<()> {
    stream.write_all(REFUSED).await?;
    stream.shutdown().await?;
    // If the socket were closed before the request was read, the system would reset it, and the answer could be lost.
    copy(&mut stream, &mut sink()).await.map(drop)
}

/// The body of an answer. When it was sent, its connection is unchecked again.
struct AnswerBody {
    body: Body,
    connection: Arc<Connection>,
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.connection.mark_answered(Instant::now());
    }
}
