//! Reads the simulator's ledger through its admin API. There are so few requests that each can have its own connection.

use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

/// How often the ledger is read.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Requests of one answer.
const PAGE: u32 = 10_000;

/// What the simulator received so far.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Summary {
    /// Requests that arrived.
    pub(crate) requests: u32,
    /// Messages that were accepted.
    pub(crate) accepted: u32,
    /// The recipients of the accepted messages.
    pub(crate) distinct_recipients: u32,
    /// When the last request arrived, in microseconds since the simulator's start.
    pub(crate) last_arrival_us: Option<u64>,
    /// The time of this answer, in microseconds since the simulator's start.
    pub(crate) now_us: u64,
}

/// What is read of a request.
#[derive(Debug, Deserialize)]
struct Entry {
    sequence: u64,
    arrival_us: u64,
    recipient: Option<String>,
}

/// The ledger of the simulator at one address, `host:port`.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    address: String,
}

impl Ledger {
    pub(crate) fn new(address: String) -> Self {
        Self { address }
    }

    /// The sums.
    pub(crate) async fn summary(&self) -> anyhow::Result<Summary> {
        let body = self.ask("GET", "summary", "").await?;
        serde_json::from_str(&body).context("reading the simulator's ledger")
    }

    /// Waits until `accepted` messages were accepted, and returns how many were; reads every few milliseconds.
    pub(crate) async fn wait_for(&self, accepted: u32, limit: Duration) -> anyhow::Result<u32> {
        let began = Instant::now();
        loop {
            let now = self.summary().await?.accepted;
            if now >= accepted || began.elapsed() > limit {
                return Ok(now);
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// The arrival time of each request, in microseconds since the simulator's start, in order.
    pub(crate) async fn arrivals(&self) -> anyhow::Result<Vec<u64>> {
        let body = self.ask("GET", "arrivals", "").await?;
        serde_json::from_str(&body).context("reading the simulator's arrivals")
    }

    /// The number and the arrival time of each request that names a number, in microseconds since the simulator's start.
    pub(crate) async fn arrivals_of_numbers(&self) -> anyhow::Result<Vec<(u64, u64)>> {
        let (mut found, mut after) = (Vec::new(), 0);
        loop {
            let page = self.ask("GET", &format!("ledger?after={after}&limit={PAGE}"), "").await?;
            let before = after;
            for line in page.lines() {
                let entry: Entry = serde_json::from_str(line).context("reading the simulator's ledger")?;
                after = entry.sequence;
                let number = entry.recipient.as_deref().and_then(|digits| digits.parse().ok());
                found.extend(number.map(|number| (number, entry.arrival_us)));
            }
            if after == before {
                return Ok(found);
            }
        }
    }

    /// The clock of the arrivals: the time of this request, in microseconds since the simulator's start.
    pub(crate) async fn now(&self) -> anyhow::Result<u64> {
        Ok(self.summary().await?.now_us)
    }

    /// Sets the latency of every answer.
    pub(crate) async fn set_latency(&self, latency: Duration) -> anyhow::Result<()> {
        let body = format!(r#"{{"fixed":"{}ms"}}"#, latency.as_millis());
        self.ask("PUT", "latency", &body).await.map(drop)
    }

    /// Begins an empty ledger.
    pub(crate) async fn reset(&self) -> anyhow::Result<()> {
        self.ask("POST", "reset", "").await.map(drop)
    }

    /// Checks that each recipient was sent to exactly once; the error has the numbers found.
    pub(crate) async fn check(&self, recipients: u32) -> anyhow::Result<()> {
        let found = self.summary().await?;
        let Summary { requests, accepted, distinct_recipients, .. } = found;
        anyhow::ensure!(
            requests == recipients && accepted == recipients && distinct_recipients == recipients,
            "the ledger does not hold each of {recipients} recipients exactly once: {found:?}"
        );
        Ok(())
    }

    async fn ask(&self, method: &str, what: &str, body: &str) -> anyhow::Result<String> {
        let asked = async {
            let mut stream = TcpStream::connect(&self.address).await?;
            let (Self { address }, length) = (self, body.len());
            let request = format!(
                "{method} /_admin/{what} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            Ok::<_, std::io::Error>(answer)
        };
        let answer = asked.await.with_context(|| format!("asking the simulator at {}", self.address))?;
        let (head, body) =
            answer.split_once("\r\n\r\n").context("the answer of the simulator is incomplete")?;
        anyhow::ensure!(head.starts_with("HTTP/1.1 200"), "the simulator refused {what}: {body}");
        Ok(body.to_owned())
    }
}
