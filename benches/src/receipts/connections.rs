//! The connections on which a provider posts.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::receipts::post::Posts;

const CONNECTIONS: usize = 256;
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until the server accepts posts for the sender.
pub(crate) async fn wait_until_accepted(at: SocketAddr, posts: &Posts) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let answered = async {
            let mut stream = TcpStream::connect(at).await?;
            exchange(&mut stream, &posts.request(0)?).await
        };
        match answered.await {
            Ok(()) => return Ok(()),
            Err(error) if begun.elapsed() > PATIENCE => {
                return Err(error.context("the server does not answer"));
            }
            Err(_) => {}
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Posts each of these once, at this rate or at full speed. Returns how long each answer took since its post was due.
pub(crate) async fn post_all(
    at: SocketAddr,
    posts: &Arc<Posts>,
    numbers: Range<u32>,
    rate: Option<u32>,
) -> anyhow::Result<Vec<Duration>> {
    // The clock starts after all connections are made; otherwise a handshake would look like a late answer.
    let mut streams = Vec::new();
    for _ in 0..CONNECTIONS {
        let stream = TcpStream::connect(at).await?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let begun = Instant::now();
    let mut connections = JoinSet::new();
    for (first, mut stream) in streams.into_iter().enumerate() {
        let (posts, numbers) = (Arc::clone(posts), numbers.clone());
        connections.spawn(async move {
            let mut latencies = Vec::new();
            for number in numbers.skip(first).step_by(CONNECTIONS) {
                let request = posts.request(number)?;
                let mut due = Instant::now();
                if let Some(rate) = rate {
                    due = begun + Duration::from_secs_f64(f64::from(number) / f64::from(rate));
                    sleep_until(due).await;
                }
                exchange(&mut stream, &request).await?;
                latencies.push(due.elapsed());
            }
            anyhow::Ok(latencies)
        });
    }
    let mut all = Vec::new();
    while let Some(latencies) = connections.join_next().await {
        all.extend(latencies??);
    }
    Ok(all)
}

/// Posts and reads the answer, which has no body; any status but 200 is an error.
async fn exchange(stream: &mut TcpStream, request: &[u8]) -> anyhow::Result<()> {
    stream.write_all(request).await?;
    let mut answer = Vec::with_capacity(256);
    while !answer.ends_with(b"\r\n\r\n") {
        anyhow::ensure!(stream.read_buf(&mut answer).await? > 0, "the server closed the connection");
    }
    let head = String::from_utf8_lossy(&answer);
    let status = head.split(' ').nth(1).context("not an HTTP answer")?;
    anyhow::ensure!(status == "200", "a post was answered {status}");
    Ok(())
}
