//! Posts that are slow, long or many, and good posts beside them.

use campaign::CampaignId;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use std::io::Write;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Duration, Instant, sleep};

use crate::receiving::{Receiving, delivered, of_meta, request, signature};
use crate::world::{PATIENCE, World};

/// The longest time that a good post may take beside the bad ones.
const PROMPT: Duration = Duration::from_secs(5);

/// The longest body that a server takes by default, in bytes.
const LONGEST: usize = 3 * 1024 * 1024;

/// Begins a post without a signature that announces `announced` bytes and sends `sent` of them. It stays open.
async fn begin(receiving: &Receiving, path: &str, announced: usize, sent: usize) -> TcpStream {
    let mut stream = TcpStream::connect(receiving.at).await.unwrap();
    let head = format!("POST {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {announced}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    // A post that is evicted is not read to its end.
    drop(stream.write_all(&vec![b' '; sent]).await);
    stream
}

/// Posts to each of these paths, signed, again and again; all must be answered 200. Returns the longest time.
async fn good_posts(receiving: &Receiving, paths: &[&str], body: &[u8]) -> Duration {
    let mut longest = Duration::ZERO;
    for path in paths.iter().cycle().take(40) {
        let began = Instant::now();
        let signed = [("x-hub-signature-256", &*signature(body))];
        let (status, _) = request(receiving.at, ("POST", path), &signed, body).await.unwrap();
        assert_eq!(status, 200, "{path}");
        longest = longest.max(began.elapsed());
    }
    assert!(longest < PROMPT, "{longest:?}");
    longest
}

/// Waits until posts were refused for this reason.
async fn refused(world: &World, kind: &str) {
    let select = format!("select n > 0 from webhook_count where kind = '{kind}'");
    let deadline = Instant::now() + PATIENCE;
    while !world.look.query_opt(&select, &[]).await.unwrap().is_some_and(|row| row.get(0)) {
        assert!(Instant::now() < deadline, "no post was refused: {kind}; {}", world.logs());
        sleep(Duration::from_millis(50)).await;
    }
}

/// Begins a request without an end, from this address of the machine.
async fn begin_from(from: [u8; 4], at: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let mut stream = socket.connect(at).await.unwrap();
    drop(stream.write_all(b"POST /webhook/guess HTTP/1.1\r\nhost: te").await);
    stream
}

/// What is read from a connection until its end, or an error if it was reset.
async fn rest(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.map(|_| text)
}

#[tokio::test]
async fn slow_posts_without_a_signature_delay_no_good_post_of_any_sender() {
    let settings = [("FLOWCAST_SERVER_READ_TIMEOUT", "60s")];
    let (world, receiving, key) = of_meta("flood_memory", 3000, &settings).await;
    let other = receiving.of_another_sender(&world, "other").await;
    let paths = [&*receiving.path, &other];
    let body = delivered(&key, CampaignId(1), 1..1001);
    let mut slow = Vec::new();
    for _ in 0..60 {
        slow.push(begin(&receiving, &receiving.path, LONGEST, 10).await);
    }
    let longest = good_posts(&receiving, &paths, &body).await;
    println!("60 posts that announce 3 MiB: {} bytes answered within {longest:?}", body.len());
    let mut long = 0;
    let flood = async {
        while long < 1500 {
            slow.push(begin(&receiving, &receiving.path, LONGEST, LONGEST - 1).await);
            long += 1;
        }
        std::future::pending().await
    };
    let good = async {
        refused(&world, "overload").await;
        good_posts(&receiving, &paths, &body).await
    };
    let longest = tokio::select! { longest = good => longest, never = flood => never };
    let peak = receiving.server.peak_kib();
    println!(
        "while {long} posts sent nearly 3 MiB each: answered within {longest:?}; the server had at most {peak} KiB"
    );
    assert!(peak < 256 * 1024, "{peak} KiB");
    drop(slow);
    world.close().await;
}

#[tokio::test]
async fn coded_posts_are_decoded_within_the_limits_of_plain_ones() {
    let (world, receiving, key) = of_meta("flood_coding", 30, &[]).await;
    let post = async |coding: &str, body: &[u8]| {
        let headers = [("x-hub-signature-256", &*signature(body)), ("content-encoding", coding)];
        request(receiving.at, ("POST", &receiving.path), &headers, body).await.unwrap()
    };
    let body = delivered(&key, CampaignId(1), 1..11);
    assert_eq!(post("gzip", &gzip(&body)).await.0, 200);
    assert_eq!(world.count("select count(delivered_at) from receipt").await, 10);
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(&delivered(&key, CampaignId(1), 11..21)).unwrap();
    assert_eq!(post("deflate", &zlib.finish().unwrap()).await.0, 200);
    assert_eq!(world.count("select count(delivered_at) from receipt").await, 20);
    // The body is kept as it reads, so that it can be searched; the same post is known in either form.
    assert_eq!(post("identity", &body).await.0, 200);
    let kept = "select count(*) from webhook_body where convert_from(body, 'UTF8')::jsonb ? 'entry'";
    assert_eq!(world.count(kept).await, 2);
    let (status, says) = post("br", &body).await;
    assert!(status == 415 && says.contains("gzip, deflate or none"), "{status} {says}");
    assert_eq!(post("gzip", &body).await.0, 400, "it is not gzip");
    let bomb = gzip(&vec![b' '; 200 * 1024 * 1024]);
    let before = receiving.server.peak_kib();
    let answers = futures::future::join_all((0..40).map(|_| post("gzip", &bomb))).await;
    assert!(answers.iter().all(|(status, _)| *status == 413), "{answers:?}");
    let grown = receiving.server.peak_kib() - before;
    println!("40 posts of {} bytes that decode to 200 MiB: the server took {grown} KiB more", bomb.len());
    assert!(grown < 64 * 1024, "{grown} KiB");
    // Nothing is decoded for a stranger.
    let stranger = [("content-encoding", "gzip")];
    assert_eq!(receiving.post_with(&stranger, &bomb).await, Some(401));
    assert_eq!(receiving.post(&body).await, Some(200), "posts with a right signature are not counted as bad");
    world.close().await;
}

#[tokio::test]
async fn partial_requests_that_are_held_open_delay_no_good_post() {
    let settings = [("FLOWCAST_SERVER_READ_TIMEOUT", "60s")];
    let (world, receiving, key) = of_meta("flood_partial", 3, &settings).await;
    let body = delivered(&key, CampaignId(1), 1..4);
    let long = "x".repeat(100_000);
    let head = request(receiving.at, ("GET", "/health"), &[("x-long", &long)], b"").await;
    println!("a head of 100,000 bytes: {head:?}");
    // The client may see a reset before it sees the 431.
    assert!(head.as_ref().is_none_or(|(status, _)| *status == 431), "{head:?}");
    // From the address of a trusted proxy, from one other address, and from many.
    for (addresses, from) in [(1, 1), (1, 2), (250, 3)] {
        let mut held = Vec::new();
        for n in 0..2100 {
            held.push(
                begin_from([127, 0, 0, from + u8::try_from(n % addresses).unwrap()], receiving.at).await,
            );
        }
        let longest = good_posts(&receiving, &[&receiving.path], &body).await;
        println!(
            "2,100 partial requests from {addresses} addresses: a good post answered within {longest:?}"
        );
    }
    world.close().await;
}

#[tokio::test]
async fn an_address_has_its_number_of_unchecked_connections_and_its_oldest_are_closed() {
    let settings =
        [("FLOWCAST_SERVER_READ_TIMEOUT", "60s"), ("FLOWCAST_SERVER_CONNECTIONS_PER_ADDRESS", "4")];
    let (world, receiving, _) = of_meta("flood_address", 1, &settings).await;
    let mut of_others = begin_from([127, 0, 0, 3], receiving.at).await;
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(begin_from([127, 0, 0, 2], receiving.at).await);
    }
    for stream in held.iter_mut().take(6) {
        drop(tokio::time::timeout(PATIENCE, rest(stream)).await.expect("it was not closed"));
    }
    // The others are still served.
    for stream in held.iter_mut().skip(6).chain([&mut of_others]) {
        stream.write_all(b"st\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        assert!(rest(stream).await.unwrap().starts_with("HTTP/1.1 404"));
    }
    world.close().await;
}

#[tokio::test]
async fn where_all_connections_are_checked_a_new_one_is_answered_503() {
    let settings = [("FLOWCAST_SERVER_CONNECTIONS", "2"), ("FLOWCAST_SERVER_COMMITTERS", "2")];
    let (world, receiving, key) = of_meta("flood_checked", 3, &settings).await;
    world.look.batch_execute("begin; lock table receipt in access exclusive mode").await.unwrap();
    let bodies = [delivered(&key, CampaignId(1), 1..2), delivered(&key, CampaignId(1), 2..3)];
    let posts = futures::future::join_all(bodies.iter().map(|body| receiving.post(body)));
    let third = async {
        // Both posts are checked when both commits wait for the lock.
        let waits = "select count(*) from pg_locks where relation = 'receipt'::regclass and not granted";
        world.until(waits, 2).await;
        let mut stream = TcpStream::connect(receiving.at).await.unwrap();
        let answer = tokio::time::timeout(PATIENCE, rest(&mut stream)).await.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 1"), "{answer}");
        world.look.batch_execute("commit").await.unwrap();
    };
    let (answers, ()) = tokio::join!(posts, third);
    assert_eq!(answers, [Some(200), Some(200)]);
    assert_eq!(receiving.post(&bodies[0]).await, Some(200), "there is a connection again");
    world.close().await;
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut coded = GzEncoder::new(Vec::new(), Compression::best());
    coded.write_all(body).unwrap();
    coded.finish().unwrap()
}
