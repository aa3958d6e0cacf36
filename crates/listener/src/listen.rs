//! Accepting connections and serving HTTP/1.1 on them, until the server stops.

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
use ipnet::IpNet;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncWriteExt, copy, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::client_address;
use crate::connections::{Connection, Connections};

/// The pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The read buffer of a connection in bytes, which limits the headers of a request. A single read may exceed it, so hyper keeps
/// at most twice as many bytes.
const READ_BUFFER: usize = 32 * 1024;
/// The number of open files that are reserved for other purposes than connections: PostgreSQL, lists, the program itself.
const RESERVED_FILES: u64 = 200;
/// The maximum number of concurrent connections that are answered 503 because all others are authenticated, and the time limit of
/// each.
const MAX_REFUSING: usize = 64;
const REFUSING_TIMEOUT: Duration = Duration::from_secs(1);
const REFUSED_ANSWER: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// The limits of a listener.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The section of the settings with these limits, for warnings.
    pub section: &'static str,
    /// The maximum number of connections.
    pub connections: usize,
    /// The maximum number of connections from one network without an authenticated request in progress.
    pub connections_per_address: usize,
    /// Networks of our own proxies, which have no such limit.
    pub trusted_proxies: Vec<IpNet>,
    /// The time limit for receiving the headers of a request.
    pub read_timeout: Duration,
    /// The time limit for requests in progress at the end.
    pub drain: Duration,
}

/// Serves connections until `shutdown`, then waits for requests in progress, at most `drain`.
pub async fn listen(listener: TcpListener, router: Router, limits: &Limits, shutdown: CancellationToken) {
    let connections = Connections::new(max_connections(limits), limits.connections_per_address);
    let refused = Arc::new(Semaphore::new(MAX_REFUSING));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let is_proxy = client_address::is_trusted(peer.ip(), &limits.trusted_proxies);
        let Some(connection) = connections.admit(peer, is_proxy, Instant::now()) else {
            // If too many connections are being refused, this one is closed without an answer.
            if let Ok(permit) = Arc::clone(&refused).try_acquire_owned() {
                tokio::spawn(async move {
                    drop(tokio::time::timeout(REFUSING_TIMEOUT, refuse(stream)).await);
                    drop(permit);
                });
            }
            continue;
        };
        serve(stream, Arc::new(connection), &router, limits, &graceful);
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end within the drain time, and got no answer");
    }
}

/// The configured number of connections, or fewer if the limit of open files does not allow it.
fn max_connections(limits: &Limits) -> usize {
    let configured = limits.connections;
    let needed = configured as u64 + RESERVED_FILES;
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, hard)| {
        let raised = needed.min(hard);
        if raised > soft && setrlimit(Resource::RLIMIT_NOFILE, raised, hard).is_ok() { raised } else { soft }
    });
    if limit >= needed {
        return configured;
    }
    let max = limit.saturating_sub(RESERVED_FILES).max(limit / 2).max(1);
    tracing::warn!(
        "the process may open {limit} files, which is enough for {max} of the {configured} connections in [{}] connections; raise \
         the limit of open files (ulimit -n) to {needed}, or lower connections",
        limits.section
    );
    usize::try_from(max).unwrap_or(configured).min(configured)
}

/// Serves one connection in its own task.
fn serve(
    stream: TcpStream,
    connection: Arc<Connection>,
    router: &Router,
    limits: &Limits,
    graceful: &GracefulShutdown,
) {
    // An answer is one small packet, which must not wait for more data.
    drop(stream.set_nodelay(true));
    let (router, request_connection) = (router.clone(), Arc::clone(&connection));
    let service = service_fn(move |request| answer(router.clone(), Arc::clone(&request_connection), request));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .max_buf_size(READ_BUFFER)
        .header_read_timeout(limits.read_timeout)
        .serve_connection(TokioIo::new(stream), service);
    let served = graceful.watch(served);
    tokio::spawn(async move {
        tokio::select! {
            biased;
            () = connection.closed() => tracing::debug!("an unauthenticated connection was closed for a new one"),
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

/// Answers 503 without parsing the request.
async fn refuse(mut stream: TcpStream) -> std::io::Result<()> {
    stream.write_all(REFUSED_ANSWER).await?;
    stream.shutdown().await?;
    // The request is read, because closing a socket with unread data resets the connection, and the answer could be lost.
    copy(&mut stream, &mut sink()).await.map(drop)
}

/// The body of an answer. After it is sent, the connection is unauthenticated again.
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
