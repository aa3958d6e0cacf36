//! An HTTP/2 listener that refuses one stream and accepts the messages of all others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

pub(crate) struct Refusing {
    port: u16,
    streams: Arc<AtomicUsize>,
    _task: JoinSet<()>,
}

impl Refusing {
    /// The number of the stream to refuse, counted from 1.
    pub(crate) async fn new(acceptor: TlsAcceptor, refused: usize) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let streams = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&streams);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = socket.accept().await {
                let (accepted, counted) = (acceptor.accept(stream), Arc::clone(&counted));
                connections.spawn(async move {
                    let mut connection = h2::server::handshake(accepted.await.unwrap()).await.unwrap();
                    let mut answers = JoinSet::new();
                    while let Some(Ok((request, mut respond))) = connection.accept().await {
                        if counted.fetch_add(1, Ordering::SeqCst) + 1 == refused {
                            respond.send_reset(Reason::REFUSED_STREAM);
                        } else {
                            answers.spawn(accept(request.into_body(), respond));
                        }
                    }
                });
            }
        });
        Self { port, streams, _task: task }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    pub(crate) fn streams(&self) -> usize {
        self.streams.load(Ordering::SeqCst)
    }
}

async fn accept(mut body: RecvStream, mut respond: SendResponse<Bytes>) {
    while let Some(Ok(_)) = body.data().await {}
    #[expect(
        clippy::default_trait_access,
        reason = "the type's crate is no dependency; its default is a 200"
    )]
    let mut answer = respond.send_response(Default::default(), false).unwrap();
    answer.send_data(Bytes::from_static(br#"{"code":"WA200","data":{"message_id":"A1"}}"#), true).unwrap();
}
