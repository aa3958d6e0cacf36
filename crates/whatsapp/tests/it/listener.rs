//! A listener that answers, closes, resets or hangs as configured, and counts the requests.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The reaction to one complete request.
#[derive(Clone)]
pub(crate) struct Act {
    bytes: Vec<u8>,
    then: Then,
}

#[derive(Clone, Copy)]
enum Then {
    KeepOpen,
    Close,
    Reset,
    Hang,
}

impl Act {
    /// A complete answer; the connection stays open.
    pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::keep(format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}"))
    }

    /// Kaleyra's acceptance.
    pub(crate) fn accept() -> Self {
        Self::answer(
            "202 Accepted",
            "",
            r#"{"code":"WA202","message":"","data":{"message_id":"A1"},"error":{}}"#,
        )
    }

    pub(crate) fn keep(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), then: Then::KeepOpen }
    }

    pub(crate) fn then_close(self) -> Self {
        Self { then: Then::Close, ..self }
    }

    pub(crate) fn then_reset(self) -> Self {
        Self { then: Then::Reset, ..self }
    }

    pub(crate) fn then_hang(self) -> Self {
        Self { then: Then::Hang, ..self }
    }
}

/// Reacts to each request with the next of its acts, over all connections. After the last one, the connection hangs.
pub(crate) struct Listener {
    address: SocketAddr,
    got: Arc<Mutex<Got>>,
    _connections: JoinSet<()>,
}

#[derive(Default)]
struct Got {
    requests: Vec<String>,
    connections: usize,
    closed: usize,
}

impl Listener {
    pub(crate) async fn new(acts: impl IntoIterator<Item = Act>) -> Self {
        Self::with(acts, |stream| std::future::ready(Some(stream))).await
    }

    /// `wrap` is applied to every connection, for example for TLS; `None` closes it.
    pub(crate) async fn with<S, F>(
        acts: impl IntoIterator<Item = Act>,
        wrap: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + Resettable + 'static,
        F: Future<Output = Option<S>> + Send,
    {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let acts = Arc::new(Mutex::new(acts.into_iter().collect::<VecDeque<_>>()));
        let got = Arc::new(Mutex::new(Got::default()));
        let mut connections = JoinSet::new();
        let counted = Arc::clone(&got);
        connections.spawn(async move {
            let mut served = JoinSet::new();
            while let Ok((stream, _)) = socket.accept().await {
                counted.lock().unwrap().connections += 1;
                let Some(stream) = wrap(stream).await else { continue };
                served.spawn(serve(stream, Arc::clone(&acts), Arc::clone(&counted)));
            }
        });
        Self { address, got, _connections: connections }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The complete requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.got.lock().unwrap().requests.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.got.lock().unwrap().connections
    }

    /// Waits until this many connections were closed by the listener.
    pub(crate) async fn closed(&self, wanted: usize) {
        until(|| self.got.lock().unwrap().closed >= wanted).await;
    }
}

/// Waits for a condition, ten seconds at most.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    let holds = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), holds)
        .await
        .expect("the condition holds within ten seconds");
}

/// A stream that can be closed with a TCP reset.
pub(crate) trait Resettable {
    fn reset(self);
}

impl Resettable for TcpStream {
    fn reset(self) {
        self.set_zero_linger().unwrap();
    }
}

impl Resettable for tokio_rustls::server::TlsStream<TcpStream> {
    fn reset(self) {
        self.into_inner().0.reset();
    }
}

async fn serve<S>(mut stream: S, acts: Arc<Mutex<VecDeque<Act>>>, got: Arc<Mutex<Got>>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + Resettable + 'static,
{
    while let Some(request) = read_request(&mut stream).await {
        got.lock().unwrap().requests.push(request);
        let Some(Act { bytes, then }) = acts.lock().unwrap().pop_front() else {
            return std::future::pending().await;
        };
        // Some tests use a client that stopped reading.
        stream.write_all(&bytes).await.ok();
        stream.flush().await.ok();
        match then {
            Then::KeepOpen => {}
            Then::Hang => return std::future::pending().await,
            Then::Close => {
                stream.shutdown().await.ok();
                drop(stream);
                got.lock().unwrap().closed += 1;
                return;
            }
            Then::Reset => return stream.reset(),
        }
    }
}

/// One request, head and body; `None` when the client closed.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length: usize = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Some(text.into_owned());
            }
        }
        match stream.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}
