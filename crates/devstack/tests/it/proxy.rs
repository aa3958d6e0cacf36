//! The fault-injecting proxy, in front of an echo server.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use devstack::Proxy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const A_WHILE: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(10);

/// Echoes every byte.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    addr
}

async fn through(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.addr()).await.unwrap()
}

async fn answers(stream: &mut TcpStream) -> bool {
    stream.write_all(b"hello").await.unwrap();
    let mut answer = [0; 5];
    timeout(A_WHILE, stream.read_exact(&mut answer)).await.is_ok()
}

#[tokio::test]
async fn the_proxy_forwards_everything_without_a_fault() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut stream = through(&proxy).await;
    assert!(answers(&mut stream).await);
    proxy.cut();
    assert_eq!(timeout(PATIENCE, stream.read(&mut [0; 1])).await.unwrap().unwrap(), 0);
    let mut stream = through(&proxy).await;
    assert!(answers(&mut stream).await);
    proxy.reset();
    let error = timeout(PATIENCE, stream.read(&mut [0; 1])).await.unwrap().unwrap_err();
    assert_eq!((error.kind(), proxy.connections()), (ErrorKind::ConnectionReset, 2));
}

#[tokio::test]
async fn a_black_hole_is_silent_and_delivers_its_bytes_when_it_ends() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut stream = through(&proxy).await;
    proxy.black_hole(true);
    assert!(!answers(&mut stream).await);
    assert!(!answers(&mut through(&proxy).await).await);
    proxy.black_hole(false);
    let mut answer = [0; 5];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"hello");
}

#[tokio::test]
async fn the_proxy_cuts_within_a_message_refuses_and_delays() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut stream = through(&proxy).await;
    proxy.cut_after(8);
    assert!(answers(&mut stream).await);
    stream.write_all(b"hello").await.unwrap();
    assert!(timeout(PATIENCE, stream.read(&mut [0; 5])).await.unwrap().is_err());
    proxy.refuse(true).await;
    let refused = TcpStream::connect(proxy.addr()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    proxy.refuse(false).await;
    proxy.delay(Duration::from_millis(30));
    let mut stream = through(&proxy).await;
    let asked = Instant::now();
    assert!(answers(&mut stream).await);
    assert!(asked.elapsed() >= Duration::from_millis(60));
}
