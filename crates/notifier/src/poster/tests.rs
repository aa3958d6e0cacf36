//! The poster against sockets: what is refused, what is followed, how long it waits.

use std::net::Ipv4Addr;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const LIMIT: Duration = Duration::from_secs(5);

/// Answers every request with this text, and counts connections.
async fn receiver(answer: &'static str) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let requests = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let request = head(socket, answer).await;
            requests.lock().unwrap().push(request);
        }
    });
    (port, seen)
}

/// Reads a request up to the end of its body `{}`, and answers.
async fn head(mut socket: TcpStream, answer: &str) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"{}") {
        let mut part = [0; 4096];
        match socket.read(&mut part).await.unwrap() {
            0 => break,
            length => read.extend_from_slice(&part[..length]),
        }
    }
    socket.write_all(answer.as_bytes()).await.unwrap();
    String::from_utf8(read).unwrap()
}

fn loopback() -> Guard {
    Guard::new(vec!["127.0.0.0/8".parse().unwrap()])
}

async fn post(poster: &Poster, url: &str) -> Result<Answer, PostError> {
    poster.post(&url.parse().unwrap(), None, b"{}".to_vec(), LIMIT).await
}

/// A poster whose names have these addresses, one list after the other, and the number of look-ups.
fn poster(guard: &Guard, answers: &[&[[u8; 4]]]) -> (Poster, Arc<Mutex<usize>>) {
    let answers: Vec<Vec<IpAddr>> = answers
        .iter()
        .map(|list| list.iter().map(|octets| Ipv4Addr::from(*octets).into()).collect())
        .collect();
    let count = Arc::new(Mutex::new(0));
    let asked = Arc::clone(&count);
    let look_up: LookUp = Arc::new(move |_| {
        let mut asked = asked.lock().unwrap();
        let answer = answers[(*asked).min(answers.len() - 1)].clone();
        *asked += 1;
        Box::pin(async move { Ok(answer) })
    });
    (Poster::with_lookup(guard, &look_up).unwrap(), count)
}

#[tokio::test]
async fn a_name_that_resolves_to_a_private_address_is_refused_without_a_connection() {
    let (port, seen) = receiver("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let real = Poster::guarded(&Guard::default()).unwrap();
    let refused = post(&real, &format!("https://localhost:{port}/")).await.unwrap_err();
    assert!(matches!(refused, PostError::Refused(Refused::NotPublic(_))), "{refused:?}");
    // One private address among public ones is enough.
    let (poster, asked) = poster(&Guard::default(), &[&[[8, 8, 8, 8], [127, 0, 0, 1]]]);
    let refused = post(&poster, &format!("https://shop.example:{port}/")).await.unwrap_err();
    assert!(matches!(refused, PostError::Refused(Refused::NotPublic(_))), "{refused:?}");
    assert_eq!((*asked.lock().unwrap(), seen.lock().unwrap().len()), (1, 0));
    // Addresses in the URL are not resolved, and are refused before.
    let refused = post(&poster, &format!("https://127.0.0.1:{port}/")).await.unwrap_err();
    assert!(matches!(refused, PostError::Refused(Refused::NotPublic(_))), "{refused:?}");
    assert_eq!(seen.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_name_is_resolved_once_and_the_connection_uses_the_checked_address() {
    let (port, seen) = receiver("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await;
    // The second answer would be another address: it must not be asked for.
    let (poster, asked) = poster(&loopback(), &[&[[127, 0, 0, 1]], &[[10, 0, 0, 1]]]);
    let url = format!("http://shop.example:{port}/x");
    let answer = post(&poster, &url).await.unwrap();
    assert_eq!((answer.status, answer.beginning.as_str()), (200, "ok"));
    assert_eq!((*asked.lock().unwrap(), seen.lock().unwrap().len()), (1, 1));
    assert!(seen.lock().unwrap()[0].contains("host: shop.example"));
    // A new connection checks again.
    let refused = post(&poster, &url).await.unwrap_err();
    assert!(matches!(refused, PostError::Refused(Refused::PlainHttp)), "{refused:?}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (target, reached) = receiver("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let text = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:{target}/\r\ncontent-length: 0\r\n\r\n"
    );
    let (port, seen) = receiver(text.leak()).await;
    let poster = Poster::guarded(&loopback()).unwrap();
    assert_eq!(post(&poster, &format!("http://127.0.0.1:{port}/")).await.unwrap().status, 307);
    assert_eq!((seen.lock().unwrap().len(), reached.lock().unwrap().len()), (1, 0));
}

#[tokio::test]
async fn a_long_answer_is_cut_and_an_endless_one_is_not_waited_for() {
    let poster = Poster::guarded(&loopback()).unwrap();
    let long =
        format!("HTTP/1.1 500 Oops\r\ncontent-length: 10000000\r\n\r\na\0b\u{1b}{}", "x".repeat(70_000));
    let (port, _) = receiver(long.leak()).await;
    let answer = post(&poster, &format!("http://127.0.0.1:{port}/")).await.unwrap();
    assert_eq!((answer.status, answer.beginning.len()), (500, 1024));
    assert!(answer.beginning.starts_with("a b xxx"), "{}", answer.beginning);
    // The socket is closed after the head: what arrived counts.
    let (port, _) = receiver("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
    let answer = post(&poster, &format!("http://127.0.0.1:{port}/")).await.unwrap();
    assert_eq!((answer.status, answer.beginning.as_str()), (200, "half"));
}

#[tokio::test]
async fn a_slow_answer_is_given_up_after_the_limit_and_no_error_contains_the_url() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url: Url = format!("http://127.0.0.1:{port}/hunter2").parse().unwrap();
    let poster = Poster::guarded(&loopback()).unwrap();
    let limit = Duration::from_millis(300);
    let error = poster.post(&url, None, b"{}".to_vec(), limit).await.unwrap_err();
    assert!(matches!(error, PostError::Timeout(_)), "{error:?}");
    drop(listener);
    let refused = poster.post(&url, None, b"{}".to_vec(), LIMIT).await.unwrap_err();
    assert!(matches!(refused, PostError::Unreachable(_)), "{refused:?}");
    for text in [format!("{error} {error:?}"), format!("{refused} {refused:?}")] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn a_signed_body_has_the_three_headers_and_an_unsigned_one_none() {
    let (port, seen) = receiver("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
    let url: Url = format!("http://127.0.0.1:{port}/").parse().unwrap();
    let poster = Poster::of_operator(None).unwrap();
    let signed = Signed { id: "evt_1".into(), timestamp: 7, signatures: "v1,a v1,b".into() };
    poster.post(&url, Some(&signed), b"{}".to_vec(), LIMIT).await.unwrap();
    poster.post(&url, None, b"{}".to_vec(), LIMIT).await.unwrap();
    let seen = seen.lock().unwrap();
    for header in ["webhook-id: evt_1\r\n", "webhook-timestamp: 7\r\n", "webhook-signature: v1,a v1,b\r\n"] {
        assert!(seen[0].contains(header) && !seen[1].contains(header), "{}", seen[0]);
    }
    assert!(seen.iter().all(|request| request.contains("content-type: application/json\r\n")));
}
