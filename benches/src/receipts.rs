//! How many receipts a server stores: at full speed, and the latency of its answers at half of the goal.
//!
//! The messages were sent before; producer and consumer run but are idle. There is one receipt per post and there are
//! three posts per message, on kept connections. A post is answered when it is committed. Every answered receipt must
//! be in the table afterwards, or the run is an error.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use campaign::{CampaignId, ReferenceKey, Seq};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::figures::{CPU_MICROS, Figures, MEBIBYTES, PER_SECOND};
use crate::flowcast::{Flowcast, Surroundings};
use crate::list;
use crate::services::{self, Services};
use crate::stand::Stand;
use crate::usage;

/// Connections of the provider.
const CONNECTIONS: usize = 256;
/// Half of the goal, at which the answers are timed.
const HALF_OF_GOAL: u32 = 5_000;
const STATUSES: [&str; 3] = ["sent", "delivered", "read"];
const MILLISECONDS: &str = "ms";
const PATIENCE: Duration = Duration::from_secs(30);

/// The posts, and their address.
struct Provider {
    at: SocketAddr,
    path: String,
    campaign: CampaignId,
    references: ReferenceKey,
}

/// Measures both on one server.
pub(crate) async fn run(
    services: &Services,
    flowcast: &Flowcast,
    recipients: u32,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let mut stand = Stand::start(services, flowcast, 1).await?;
    let campaign = stand.campaign().await?;
    let list = stand.list(list::MEASURED..list::MEASURED + recipients)?;
    stand.import(flowcast, campaign, &list).await?;
    stand.start_campaign(flowcast, campaign).await?;
    stand.wait_until_sent(campaign, recipients).await?;
    let at = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let Surroundings { folder, environment } = &stand.surroundings;
    let mut environment = environment.clone();
    environment.push(("FLOWCAST_SERVER_LISTEN", at.to_string()));
    environment.push(("FLOWCAST_CONSOLE_ENABLED", "false".to_owned()));
    let surroundings = Surroundings { folder: folder.clone(), environment };
    let server = flowcast.start("server", &["server"], &surroundings)?;
    let path = format!("/webhook/{}", stand.store.webhook(stand.sender).await?.path);
    let references = stand.store.reference_key().await?;
    let provider = Arc::new(Provider { at, path, campaign, references });
    provider.wait().await?;

    let posts = recipients * 3;
    let (cpu, postgres) = (usage::cpu(server.pid)?, services::cpu().postgres);
    let begun = Instant::now();
    provider.post_all(0..posts, None).await?;
    let seconds = begun.elapsed().as_secs_f64();
    figures.add("receipts taken in", PER_SECOND, f64::from(posts) / seconds);
    let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / f64::from(posts);
    figures.add("receipts: server", CPU_MICROS, each(usage::cpu(server.pid)?.saturating_sub(cpu)));
    if let (Some(before), Some(after)) = (postgres, services::cpu().postgres) {
        figures.add("receipts: Postgres", CPU_MICROS, each(after.saturating_sub(before)));
    }
    let paced = posts.min(HALF_OF_GOAL * 10);
    let mut latencies = provider.post_all(0..paced, Some(HALF_OF_GOAL)).await?;
    latencies.sort_unstable();
    for (name, share) in [("half", 0.5), ("99 of 100", 0.99)] {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "below the length of the list"
        )]
        let place = (f64::from(paced) * share) as usize;
        let latency = latencies.get(place).or(latencies.last()).copied().unwrap_or_default();
        figures.add(
            format!("receipts at {HALF_OF_GOAL}/s: {name} answered within"),
            MILLISECONDS,
            latency.as_secs_f64() * 1e3,
        );
    }
    figures.add("receipts: peak memory of server", MEBIBYTES, f64::from(server.memory()?.peak) / 1024.0);
    let read = stand.store.receipt_counts(campaign).await?.read;
    anyhow::ensure!(
        read == i64::from(recipients),
        "{read} of {recipients} recipients have all their receipts"
    );
    server.stop().await?;
    stand.stop().await
}

impl Provider {
    /// The post with this number. Three consecutive ones are of one recipient, on three connections.
    fn post(&self, number: u32) -> Vec<u8> {
        let (seq, status) = (number / 3 + 1, STATUSES[usize::try_from(number % 3).unwrap_or(0)]);
        let reference = self.references.seal(self.campaign, Seq(i32::try_from(seq).unwrap_or(i32::MAX)));
        let body = format!(
            concat!(
                r#"{{"meta_object":{{"field":"messages","value":{{"messaging_product":"whatsapp","metadata":"#,
                r#"{{"display_phone_number":"919900000000","phone_number_id":"104000000000060"}},"statuses":[{{"#,
                r#""id":"wamid.HBgMOTE5NDAwMDAwMDAwFQIAERgS{seq:08}","status":"{status}","timestamp":"1722834665","#,
                r#""recipient_id":"919400000000","conversation":{{"id":"x","origin":{{"type":"marketing"}}}},"#,
                r#""pricing":{{"billable":true,"pricing_model":"CBP","category":"marketing"}}}}]}}}},"#,
                r#""extra_info":{{"trace_id":"8f14e45f","ref":"{reference}","ref1":"campaign-1"}},"status":"{status}"}}"#
            ),
            seq = seq,
            status = status,
            reference = reference
        );
        let length = body.len();
        format!("POST {} HTTP/1.1\r\nhost: bench\r\ncontent-length: {length}\r\n\r\n{body}", self.path)
            .into_bytes()
    }

    /// Waits until the server accepts posts for the sender.
    async fn wait(&self) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let answered = async {
                let mut stream = TcpStream::connect(self.at).await?;
                exchange(&mut stream, &self.post(0)).await
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

    /// Posts each of these once, at this rate or at full speed. Returns how long each answer took since its post was
    /// due.
    async fn post_all(
        self: &Arc<Self>,
        numbers: std::ops::Range<u32>,
        rate: Option<u32>,
    ) -> anyhow::Result<Vec<Duration>> {
        // The clock starts after all connections are made; otherwise a handshake would look like a late answer.
        let mut streams = Vec::new();
        for _ in 0..CONNECTIONS {
            let stream = TcpStream::connect(self.at).await?;
            stream.set_nodelay(true)?;
            streams.push(stream);
        }
        let begun = Instant::now();
        let mut connections = JoinSet::new();
        for (first, mut stream) in streams.into_iter().enumerate() {
            let (this, numbers) = (Arc::clone(self), numbers.clone());
            connections.spawn(async move {
                let mut latencies = Vec::new();
                for number in numbers.skip(first).step_by(CONNECTIONS) {
                    let post = this.post(number);
                    let mut due = Instant::now();
                    if let Some(rate) = rate {
                        due = begun + Duration::from_secs_f64(f64::from(number) / f64::from(rate));
                        sleep_until(due).await;
                    }
                    exchange(&mut stream, &post).await?;
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
}

/// Posts and reads the answer, which has no body; any status but 200 is an error.
async fn exchange(stream: &mut TcpStream, post: &[u8]) -> anyhow::Result<()> {
    stream.write_all(post).await?;
    let mut answer = Vec::with_capacity(256);
    while !answer.ends_with(b"\r\n\r\n") {
        anyhow::ensure!(stream.read_buf(&mut answer).await? > 0, "the server closed the connection");
    }
    let head = String::from_utf8_lossy(&answer);
    let status = head.split(' ').nth(1).context("not an HTTP answer")?;
    anyhow::ensure!(status == "200", "a post was answered {status}");
    Ok(())
}
