//! Every way a request can end without a complete answer, over real sockets; the listener counts the requests.

use std::net::SocketAddr;
use std::time::Duration;

use campaign::{StopReason, Verdict};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use whatsapp::{Answer, Config};

use crate::listener::{Act, Listener, until};
use crate::{channel, config, patient, send, tls};

/// Sends one message to a listener that reacts with this act, and checks that the listener got at most one request.
async fn send_to(act: Act, config: &Config) -> Answer {
    let listener = Listener::new([act]).await;
    let answer = send(&channel(&listener.url(), config), 1).await;
    assert_eq!(listener.requests().len(), 1);
    answer
}

#[track_caller]
fn is_unknown(answer: &Answer, expected: &str) {
    assert!(
        matches!(&answer.verdict, Verdict::Unknown { refusal } if refusal.code == expected),
        "{answer:?}"
    );
}

#[track_caller]
fn is_retry(answer: &Answer, expected: &str) {
    assert!(
        matches!(&answer.verdict, Verdict::Retry { refusal, schedule: [] } if refusal.code == expected),
        "{answer:?}"
    );
    assert_eq!(answer.http_status, None);
}

/// A port without a listener.
async fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn an_accepted_message_is_accepted() {
    let answer = send_to(Act::accept(), &patient()).await;
    assert_eq!(answer.verdict, Verdict::Accepted { provider_message_id: "A1".into() });
    assert_eq!(answer.http_status, Some(202));
    assert!(answer.latency > Duration::ZERO);
}

#[tokio::test]
async fn a_refused_connection_is_retried() {
    let address = closed_port().await;
    is_retry(&send(&channel(&format!("http://{address}"), &patient()), 1).await, "connect_failed");
}

#[tokio::test]
async fn a_host_name_that_does_not_exist_is_retried() {
    is_retry(&send(&channel("https://no-such-host.invalid", &patient()), 1).await, "dns_failed");
}

#[tokio::test]
async fn a_connection_that_is_not_accepted_in_time_is_retried() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // Connections are not accepted: after the queue is full, the next connection waits forever.
    let mut waiting = Vec::new();
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await
    {
        waiting.push(stream.unwrap());
        assert!(waiting.len() < 64, "the queue never fills");
    }
    is_retry(&send(&channel(&format!("http://{address}"), &config()), 1).await, "connect_timeout");
}

#[tokio::test]
async fn a_handshake_not_answered_in_time_is_retried() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    is_retry(&send(&channel(&url, &config()), 1).await, "connect_timeout");
}

#[tokio::test]
async fn tls_to_a_plain_port_is_retried() {
    let listener = Listener::with([], |mut stream: TcpStream| async {
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.ok();
        Some(stream)
    })
    .await;
    let url = format!("https://127.0.0.1:{}", listener.port());
    is_retry(&send(&channel(&url, &patient()), 1).await, "tls_failed");
    assert!(listener.requests().is_empty());
}

#[tokio::test]
async fn an_untrusted_certificate_stops_the_sender() {
    let folder = tempfile::tempdir().unwrap();
    tls::write_certificate(folder.path());
    let acceptor = tls::acceptor(folder.path(), &[]);
    let listener = Listener::with([Act::accept()], tls::wrap(acceptor)).await;
    let answer = send(&channel(&format!("https://localhost:{}", listener.port()), &patient()), 1).await;
    assert!(
        matches!(&answer.verdict, Verdict::StopSender { refusal, reason: StopReason::Misconfigured }
            if refusal.code == "bad_certificate"),
        "{answer:?}"
    );
    assert_eq!((listener.connections(), listener.requests().len()), (1, 0));
}

#[tokio::test]
async fn a_connection_closed_before_reading_is_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let accepted = tokio::spawn(async move { drop(listener.accept().await) });
    is_unknown(&send(&channel(&url, &patient()), 1).await, "connection_lost");
    accepted.await.unwrap();
}

#[tokio::test]
async fn no_answer_in_time_is_unknown() {
    is_unknown(&send_to(Act::keep("").then_hang(), &config()).await, "timeout");
}

#[tokio::test]
async fn a_connection_closed_or_reset_without_an_answer_is_unknown() {
    is_unknown(&send_to(Act::keep("").then_close(), &patient()).await, "connection_lost");
    is_unknown(&send_to(Act::keep("").then_reset(), &patient()).await, "connection_lost");
}

#[tokio::test]
async fn an_answer_with_incomplete_headers_is_unknown() {
    const HALF: &str = "HTTP/1.1 202 Accepted\r\ncontent-";
    is_unknown(&send_to(Act::keep(HALF).then_close(), &patient()).await, "connection_lost");
    is_unknown(&send_to(Act::keep(HALF).then_hang(), &config()).await, "timeout");
}

#[tokio::test]
async fn an_incomplete_body_is_unknown_whatever_it_begins_with() {
    for status in ["202 Accepted", "400 Bad Request", "500 Oops"] {
        let half = format!("HTTP/1.1 {status}\r\ncontent-length: 500\r\n\r\n{{\"code\":\"WA400\"");
        let answer = send_to(Act::keep(half.clone()).then_close(), &patient()).await;
        is_unknown(&answer, "connection_lost");
        assert_eq!(answer.http_status.map(|code| code.to_string()).as_deref(), status.split(' ').next());
    }
    let half = "HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n";
    is_unknown(&send_to(Act::keep(half).then_reset(), &patient()).await, "connection_lost");
    is_unknown(&send_to(Act::keep(half).then_hang(), &config()).await, "timeout");
}

#[tokio::test]
async fn an_incomplete_throttle_answer_is_a_throttle() {
    let half = "HTTP/1.1 429 Slow Down\r\nretry-after: 7\r\ncontent-length: 500\r\n\r\n{";
    let answer = send_to(Act::keep(half).then_close(), &patient()).await;
    assert!(
        matches!(answer.verdict, Verdict::Throttled { retry_after: Some(pause), .. } if pause.as_secs() == 7),
        "{answer:?}"
    );
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_unknown() {
    is_unknown(
        &send_to(Act::keep("SSH-2.0-OpenSSH_9.2\r\n").then_close(), &patient()).await,
        "connection_lost",
    );
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_not_read() {
    let big = "x".repeat(10_000_000);
    let chunked =
        format!("HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n989680\r\n{big}\r\n0\r\n\r\n");
    is_unknown(&send_to(Act::answer("202 Accepted", "", &big), &patient()).await, "answer_too_large");
    is_unknown(&send_to(Act::keep(chunked), &patient()).await, "answer_too_large");
    is_unknown(&send_to(Act::answer("500 Oops", "", &big), &patient()).await, "answer_too_large");
    let rejected = send_to(Act::answer("403 Forbidden", "", &big), &patient()).await;
    assert!(
        matches!(&rejected.verdict, Verdict::Rejected { refusal } if refusal.code == "http_403"),
        "{rejected:?}"
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_stops_the_sender() {
    let elsewhere = Listener::new([Act::accept()]).await;
    for status in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let location = format!("location: {}/\r\n", elsewhere.url());
        let answer = send_to(Act::answer(status, &location, ""), &patient()).await;
        assert!(
            matches!(&answer.verdict, Verdict::StopSender { refusal, .. } if refusal.code.starts_with("http_30")),
            "{answer:?}"
        );
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_refusal_that_allows_a_retry_is_not_repeated_by_the_client() {
    for status in
        ["408 Timeout", "425 Too Early", "429 Slow Down", "500 Oops", "502 Oops", "503 Busy", "504 Late"]
    {
        let listener = Listener::new([Act::answer(status, "", ""), Act::accept()]).await;
        let answer = send(&channel(&listener.url(), &patient()), 1).await;
        assert!(!matches!(answer.verdict, Verdict::Accepted { .. }), "{status}");
        assert_eq!(listener.requests().len(), 1, "{status}");
    }
}

/// Sends a message on a connection that the provider closes at the same time. The message may be lost or sent on a new
/// connection, but never twice.
#[tokio::test]
async fn a_kept_connection_closed_by_the_provider_never_duplicates_a_message() {
    for _ in 0..50 {
        let listener = Listener::new([Act::accept().then_close(), Act::accept()]).await;
        let channel = channel(&listener.url(), &patient());
        send(&channel, 1).await;
        listener.closed(1).await;
        let second = send(&channel, 2).await;
        let reference = crate::reference(2).to_string();
        let got = listener.requests().iter().filter(|request| request.contains(&reference)).count();
        match second.verdict {
            Verdict::Accepted { .. } => assert_eq!(got, 1),
            Verdict::Unknown { refusal } => {
                assert_eq!(refusal.code, "connection_lost");
                assert!(got <= 1);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_message_on_a_kept_connection_that_breaks_is_not_sent_again() {
    for dies in [Act::then_close, Act::then_reset] {
        let listener = Listener::new([Act::accept(), dies(Act::keep("")), Act::accept()]).await;
        let channel = channel(&listener.url(), &patient());
        send(&channel, 1).await;
        is_unknown(&send(&channel, 2).await, "connection_lost");
        // A third message shows that the listener would have received a repeated one.
        send(&channel, 3).await;
        let reference = crate::reference(2).to_string();
        until(|| listener.requests().len() == 3).await;
        let got = listener.requests().iter().filter(|request| request.contains(&reference)).count();
        assert_eq!((got, listener.connections()), (1, 2));
    }
}
