//! The web console beside a running campaign: the time of its pages, and what its viewers cost.
//!
//! The database has [`PAST`] campaigns, and one that is sent at [`PACE`]. Pages are asked for one after another on one
//! connection. Viewers hold the live page of that campaign open, as browsers do. The cost of viewers is the CPU time
//! of PostgreSQL at the same rate of sending. Then a campaign without a rate is sent in slices without and with
//! viewers, in the order without, with, with, without.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use campaign::CampaignId;
use reqwest::StatusCode;
use reqwest::redirect::Policy;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_postgres::NoTls;

use crate::console_server::ConsoleServer;
use crate::figures::{Figures, MEBIBYTES, PER_SECOND};
use crate::flowcast::Flowcast;
use crate::list;
use crate::output::{line, number, thousands};
use crate::services::{self, Services};
use crate::stand::Stand;

const GENERATOR: &str = include_str!("../reports.sql");
/// Past campaigns and their recipients.
const PAST: (u32, u32) = (10_000, 100);
/// The campaign during the pages and the viewers: its recipients, and recipients per second.
const PACE: (u32, u32) = (1_000_000, 500);
/// Requests over all pages.
const REQUESTS: usize = 2_000;
/// Numbers of viewers whose cost is compared, the first one twice.
const VIEWERS: [usize; 5] = [0, 1, 20, 200, 1];
/// Live pages of one session at most.
const STREAMS_OF_SESSION: usize = 4;
const SLICE: Duration = Duration::from_secs(10);
/// The time until all viewers are connected.
const SETTLE: Duration = Duration::from_secs(3);
const PASSWORD: &str = "four-plain-words-of-mine";
const MILLISECONDS: &str = "ms";
const OF_A_CORE: &str = "% of a core";

/// Measures pages, viewers, and sending with viewers.
pub(crate) async fn run(
    services: &Services,
    flowcast: &Flowcast,
    recipients: u32,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let stand = Stand::start(services, flowcast, 1).await?;
    generate(&stand).await?;
    let (large, rate) = PACE;
    let paced = stand.campaign_at(Some(format!("{rate}/s").parse()?)).await?;
    let list = stand.list(list::MEASURED..list::MEASURED + large)?;
    stand.import(flowcast, paced, &list).await?;
    stand.start_campaign(flowcast, paced).await?;
    let console = Console::open(flowcast, &stand).await?;

    console.time_pages(paced, figures).await?;
    for viewers in VIEWERS {
        let watching = console.watch(paced, viewers).await?;
        sleep(SETTLE).await;
        let (begun, before) = (Instant::now(), services::cpu().postgres);
        sleep(SLICE).await;
        if let (Some(before), Some(after)) = (before, services::cpu().postgres) {
            let share = after.saturating_sub(before).as_secs_f64() / begun.elapsed().as_secs_f64() * 100.0;
            figures.add(format!("Postgres at {rate}/s, viewers: {viewers}"), OF_A_CORE, share);
        }
        drop(watching);
    }
    stand.store.cancel_campaign(paced, "benchmark").await?;
    stand.store.end_cancelled(paced).await?;

    let fast = stand.campaign().await?;
    let list = stand.list(list::MEASURED + large..list::MEASURED + large + recipients)?;
    stand.import(flowcast, fast, &list).await?;
    stand.start_campaign(flowcast, fast).await?;
    console.compare_sending(&stand, fast, figures).await?;
    let peak = f64::from(console.server.role.memory()?.peak) / 1024.0;
    figures.add("peak memory of the server with 200 viewers", MEBIBYTES, peak);
    console.server.role.stop().await?;
    stand.stop().await
}

/// Generates the past campaigns.
async fn generate(stand: &Stand) -> anyhow::Result<()> {
    let (client, connection) = tokio_postgres::connect(stand.scope.database_url(), NoTls).await?;
    tokio::spawn(connection);
    client.batch_execute(GENERATOR).await?;
    let (campaigns, recipients) = PAST;
    let begun = Instant::now();
    for n in 0..campaigns {
        let days = n * 365 / campaigns;
        let one = format!(
            "select generate_campaign({recipients}, timestamptz '2025-11-01 08:00Z' + interval '{days} days')"
        );
        client.query_one(&one, &[]).await?;
        if n % (campaigns / 12) == 0 {
            client.query_one("select rotate_volume(1, '0 seconds')", &[]).await?;
        }
    }
    client.batch_execute("vacuum analyze").await?;
    line(format!("  {} past campaigns after {:.0} s", thousands(campaigns), begun.elapsed().as_secs_f64()));
    Ok(())
}

/// A server, and sessions of a person who may see everything.
struct Console {
    server: ConsoleServer,
    sessions: Vec<String>,
    /// Bytes that viewers have received.
    received: Arc<AtomicUsize>,
}

impl Console {
    async fn open(flowcast: &Flowcast, stand: &Stand) -> anyhow::Result<Self> {
        let added = ["account", "add", "bench", "--role", "admin"];
        let printed = flowcast.output(&added, &stand.surroundings).await?;
        let link = printed.split_whitespace().find_map(|word| word.split_once("/link/"));
        let (_, token) = link.context("no link was printed")?;
        let link = &format!("/link/{token}");
        let mut server = ConsoleServer::start(flowcast, stand).await?;
        server.client = reqwest::Client::builder().redirect(Policy::none()).build()?;
        server.post(link, &[("password", PASSWORD), ("again", PASSWORD)]).await?;
        let most = VIEWERS.into_iter().max().unwrap_or(0);
        let mut sessions = Vec::new();
        for _ in 0..most.div_ceil(STREAMS_OF_SESSION).max(1) {
            let session = server.post("/log-in", &[("name", "bench"), ("password", PASSWORD)]).await?;
            sessions.push(session.context("no session")?);
        }
        Ok(Self { server, sessions, received: Arc::default() })
    }

    /// Asks for all pages in turn, and adds half and 99 of 100 of the times, and the slowest page.
    async fn time_pages(&self, id: CampaignId, figures: &mut Figures) -> anyhow::Result<()> {
        let pages = pages(id);
        let mut times: Vec<Vec<f64>> = vec![Vec::new(); pages.len()];
        for _ in 0..REQUESTS.div_ceil(pages.len()) {
            for (page, times) in pages.iter().zip(&mut times) {
                let begun = Instant::now();
                let answer = self.get(page).send().await?;
                anyhow::ensure!(
                    answer.status() == StatusCode::OK,
                    "{page} is answered with {}",
                    answer.status()
                );
                answer.bytes().await?;
                times.push(begun.elapsed().as_secs_f64() * 1_000.0);
            }
        }
        let all: Vec<f64> = times.iter().flatten().copied().collect();
        figures.add("pages of the console: half", MILLISECONDS, percentile(&all, 50));
        figures.add("pages of the console: 99 of 100", MILLISECONDS, percentile(&all, 99));
        let each = pages.iter().zip(&times).map(|(page, times)| (percentile(times, 50), page));
        if let Some((slowest, page)) = each.max_by(|one, other| one.0.total_cmp(&other.0)) {
            line(format!("  slowest page: {page}, half in {} ms", number(slowest)));
            figures.add("slowest page of the console: half", MILLISECONDS, slowest);
        }
        Ok(())
    }

    fn get(&self, path: &str) -> reqwest::RequestBuilder {
        let session = self.sessions.first().map_or("", String::as_str);
        self.server.client.get(self.server.url(path)).header("cookie", session)
    }

    /// Opens the live page of a campaign this often, and reads until it is dropped.
    async fn watch(&self, id: CampaignId, viewers: usize) -> anyhow::Result<JoinSet<()>> {
        let mut watching = JoinSet::new();
        for viewer in 0..viewers {
            let session = self.sessions.get(viewer / STREAMS_OF_SESSION).context("too few sessions")?;
            let stream = self.server.client.get(self.server.url(&format!("/campaigns/{id}/live")));
            let mut stream = stream.header("cookie", session).send().await?;
            anyhow::ensure!(
                stream.status() == StatusCode::OK,
                "a live page is answered with {}",
                stream.status()
            );
            let received = Arc::clone(&self.received);
            watching.spawn(async move {
                while let Ok(Some(chunk)) = stream.chunk().await {
                    received.fetch_add(chunk.len(), Ordering::Relaxed);
                }
            });
        }
        Ok(watching)
    }

    /// Compares slices of a campaign without and with viewers.
    async fn compare_sending(
        &self,
        stand: &Stand,
        id: CampaignId,
        figures: &mut Figures,
    ) -> anyhow::Result<()> {
        let most = VIEWERS.into_iter().max().unwrap_or(0);
        let (mut without, mut with) = (0, 0);
        sleep(SETTLE).await;
        for viewers in [0, most, most, 0] {
            let watching = self.watch(id, viewers).await?;
            sleep(SETTLE).await;
            let before = stand.ledger.summary().await?.accepted;
            let (server, own) = (self.server.role.cpu()?, Stand::own_cpu()?);
            let received = self.received.load(Ordering::Relaxed);
            sleep(SLICE).await;
            let sent = stand.ledger.summary().await?.accepted - before;
            if viewers > 0 {
                let received = self.received.load(Ordering::Relaxed) - received;
                anyhow::ensure!(received > 1_000 * viewers, "viewers received {received} bytes");
                let share = |cpu: Duration| cpu.as_secs_f64() / SLICE.as_secs_f64() * 100.0;
                let server = share(self.server.role.cpu()?.saturating_sub(server));
                figures.add(format!("server with {viewers} viewers"), OF_A_CORE, server);
                figures.add(
                    format!("{viewers} viewers themselves"),
                    OF_A_CORE,
                    share(Stand::own_cpu()?.saturating_sub(own)),
                );
            }
            *(if viewers == 0 { &mut without } else { &mut with }) += sent;
            drop(watching);
        }
        let state = stand.store.campaign(id).await?.state;
        anyhow::ensure!(state == campaign::CampaignState::Running, "the campaign ended during the slices");
        let each = |sent: u32| f64::from(sent) / (2.0 * SLICE.as_secs_f64());
        figures.add("sending without viewers", PER_SECOND, each(without));
        figures.add(format!("sending with {most} viewers"), PER_SECOND, each(with));
        figures.add(format!("sending with {most} viewers is ×"), "", f64::from(with) / f64::from(without));
        Ok(())
    }
}

/// Every kind of page.
fn pages(id: CampaignId) -> Vec<String> {
    let mut pages: Vec<String> = [
        "",
        "?range=1h",
        "/recipients",
        "/recipients?state=accepted",
        "/recipients/1",
        "/answers",
        "/lists",
        "/rules",
    ]
    .map(|rest| format!("/campaigns/{id}{rest}"))
    .into();
    let others = [
        "/campaigns",
        "/campaigns?state=draft",
        "/campaigns/new",
        "/senders",
        "/senders/bench",
        "/recipients",
        "/activity",
        "/settings",
        "/settings/keys",
        "/settings/accounts",
        "/settings/system",
    ];
    pages.extend(others.map(str::to_owned));
    pages
}

/// The value that `percent` of 100 values do not exceed.
fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    sorted.get((sorted.len() * percent / 100).min(last)).copied().unwrap_or(f64::NAN)
}
