//! How many receipts a server stores: at full speed, and the latency of its answers at half of the goal.
//!
//! The messages were sent before; producer and consumer run but are idle. Kaleyra posts one receipt at a time, Meta posts fifty
//! under load. There are three receipts per message, on kept connections. A post is answered when it is committed. Every answered
//! receipt must be in the table afterwards, or the run is an error.

mod connections;
mod post;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use campaign::{CampaignId, Provider};
use tokio::time::Instant;

use crate::figures::{CPU_MICROS, Figures, MEBIBYTES, PER_SECOND};
use crate::flowcast::{Flowcast, Role, Surroundings};
use crate::list;
use crate::receipts::post::Posts;
use crate::services::{self, Services};
use crate::stand::{SENDER, Stand};
use crate::usage;

/// Half of the goal, receipts per second at which the answers are timed.
const HALF_OF_GOAL: u32 = 5_000;
/// Receipts in a post of Meta.
const FIFTY: u32 = 50;
const MILLISECONDS: &str = "ms";
const SECRET_NAME: &str = "BENCH_WEBHOOK_SECRET";
const SECRET: &str = "bench-app-secret";

/// Measures both providers, each on a server of its own.
pub(crate) async fn run(
    services: &Services,
    flowcast: &Flowcast,
    recipients: u32,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    anyhow::ensure!(recipients.is_multiple_of(FIFTY), "recipients must be a multiple of {FIFTY}");
    for (provider, receipts) in [(Provider::Kaleyra, 1), (Provider::Meta, FIFTY)] {
        let stand = Stand::of_provider(services, flowcast, provider).await?;
        let mut stand = stand.with_roles(flowcast, 1).await?;
        let campaign = sent_campaign(&mut stand, flowcast, recipients).await?;
        let (mut server, at) = start_server(&stand, flowcast).await?;
        let posts = Arc::new(Posts {
            provider,
            path: format!("/webhook/{}", stand.store.webhook(stand.sender).await?.path),
            campaign,
            references: stand.store.reference_key().await?,
            receipts,
            secret: SECRET.to_owned(),
        });
        connections::wait_until_accepted(at, &posts).await?;
        measure(&mut server, at, &posts, recipients, figures).await?;
        let read = stand.store.receipt_counts(campaign).await?.read;
        anyhow::ensure!(
            read == i64::from(recipients),
            "{read} of {recipients} recipients have all their receipts"
        );
        server.stop().await?;
        stand.stop().await?;
    }
    Ok(())
}

/// A campaign that was sent.
async fn sent_campaign(
    stand: &mut Stand,
    flowcast: &Flowcast,
    recipients: u32,
) -> anyhow::Result<CampaignId> {
    let campaign = stand.campaign().await?;
    let list = stand.list(list::MEASURED..list::MEASURED + recipients)?;
    stand.import(flowcast, campaign, &list).await?;
    stand.start_campaign(flowcast, campaign).await?;
    stand.wait_until_sent(campaign, recipients).await?;
    Ok(campaign)
}

/// Starts a server that knows the secret of the sender's webhook.
async fn start_server(stand: &Stand, flowcast: &Flowcast) -> anyhow::Result<(Role, SocketAddr)> {
    let set = ["sender", "set", SENDER, "--webhook-secret-env", SECRET_NAME];
    let Surroundings { folder, environment } = &stand.surroundings;
    let mut surroundings = Surroundings { folder: folder.clone(), environment: environment.clone() };
    // Kaleyra does not sign.
    if stand.provider == Provider::Meta {
        surroundings.environment.push((SECRET_NAME, SECRET.to_owned()));
        flowcast.run(&set, &surroundings, drop).await?;
    }
    let at = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    surroundings.environment.push(("FLOWCAST_SERVER_LISTEN", at.to_string()));
    surroundings.environment.push(("FLOWCAST_CONSOLE_ENABLED", "false".to_owned()));
    Ok((flowcast.start("server", &["server"], &surroundings)?, at))
}

/// Posts all receipts at full speed, and some again at half of the goal.
async fn measure(
    server: &mut Role,
    at: SocketAddr,
    posts: &Arc<Posts>,
    recipients: u32,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let name = match posts.receipts {
        1 => "receipts, one a post".to_owned(),
        several => format!("receipts, {several} a post"),
    };
    let (all, receipts) = (posts.count(recipients), f64::from(recipients) * 3.0);
    let (cpu, postgres) = (usage::cpu(server.pid)?, services::cpu().postgres);
    let begun = Instant::now();
    connections::post_all(at, posts, 0..all, None).await?;
    let seconds = begun.elapsed().as_secs_f64();
    figures.add(name.clone(), PER_SECOND, receipts / seconds);
    let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / receipts;
    figures.add(format!("{name}: server"), CPU_MICROS, each(usage::cpu(server.pid)?.saturating_sub(cpu)));
    if let (Some(before), Some(after)) = (postgres, services::cpu().postgres) {
        figures.add(format!("{name}: Postgres"), CPU_MICROS, each(after.saturating_sub(before)));
    }
    let rate = HALF_OF_GOAL / posts.receipts;
    let paced = all.min(rate * 10);
    let mut latencies = connections::post_all(at, posts, 0..paced, Some(rate)).await?;
    latencies.sort_unstable();
    for (share, percent) in [("half", 50), ("99 of 100", 99)] {
        let place = latencies.len() * percent / 100;
        let latency = latencies.get(place).or(latencies.last()).copied().unwrap_or_default();
        figures.add(
            format!("{name}, at {HALF_OF_GOAL}/s: {share} answered within"),
            MILLISECONDS,
            latency.as_secs_f64() * 1e3,
        );
    }
    figures.add(
        format!("{name}: peak memory of server"),
        MEBIBYTES,
        f64::from(server.memory()?.peak) / 1024.0,
    );
    Ok(())
}
