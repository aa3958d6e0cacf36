//! One pass of Flowcast itself, with all its promises: undisturbed and timed, or with one `kill -9` of its consumer half-way.
//!
//! The clock runs as it does for the peers. Their queue is full before, so it is here: everybody is published and the feed's
//! cursor moved, as a producer does it, before the roles start. A producer works all the same, to finish the campaign. The
//! other contestant lets it publish while the consumer sends, as it is in production, and that is in its figures.

use std::time::Duration;

use anyhow::Context;
use broker::{Publisher, Topology};
use campaign::{CampaignId, Provider, SendTask, Seq};
use secrecy::SecretString;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::contestant::Contestant;
use crate::flowcast::Flowcast;
use crate::latency::imported;
use crate::peer_pass::{Killed, Timed, WARM_UP};
use crate::services::Services;
use crate::stand::{Stand, difference};

/// What a start may take; a claim of a dead worker is given up after the lease, a minute.
const STUCK_AFTER: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Messages that wait for their confirms at once.
const CHUNK: usize = 2_000;

/// Sends to `all` recipients, and checks ledger and report.
pub(crate) async fn timed(
    measured: (&Services, &Flowcast),
    contestant: Contestant,
    all: u32,
) -> anyhow::Result<Timed> {
    let (mut stand, id) = started(measured, contestant, all).await?;
    let warm = stand.ledger.wait_for(all / WARM_UP, STUCK_AFTER).await?;
    let (before, began) = (stand.cpu()?, Instant::now());
    let committed = stand.wait_until_sent(id, all).await?;
    let after = stand.cpu()?;
    stand.check(id, all).await?;
    stand.stop().await?;
    let jobs = all.saturating_sub(warm);
    let per_second = f64::from(jobs) / (committed - began).as_secs_f64();
    Ok(Timed { per_second, cpu: difference(&before, &after), jobs })
}

/// Sends to `all` recipients, kills the consumer when half of them are sent to, and starts another.
pub(crate) async fn killed(
    measured: (&Services, &Flowcast),
    contestant: Contestant,
    all: u32,
) -> anyhow::Result<Killed> {
    let (mut stand, id) = started(measured, contestant, all).await?;
    stand.ledger.wait_for(all / 2, STUCK_AFTER).await?;
    stand.kill_consumer().await?;
    let open = u32::try_from(stand.store.report(id).await?.sending)?;
    stand.add_consumer(measured.1)?;
    let began = Instant::now();
    let report = loop {
        let report = stand.store.report(id).await?;
        let settled = report.accepted + report.unknown == i64::from(all);
        if settled || began.elapsed() > STUCK_AFTER {
            break report;
        }
        sleep(LOOK_EVERY).await;
    };
    let ledger = stand.ledger.summary().await?;
    stand.stop().await?;
    let (accepted, unknown) = (u32::try_from(report.accepted)?, u32::try_from(report.unknown)?);
    Ok(Killed {
        lost: all.saturating_sub(accepted + unknown),
        doubled: ledger.accepted.saturating_sub(ledger.distinct_recipients),
        unknown,
        open,
    })
}

/// A campaign that was just started, and a stand with a producer and a consumer that send it.
async fn started(
    (services, flowcast): (&Services, &Flowcast),
    contestant: Contestant,
    all: u32,
) -> anyhow::Result<(Stand, CampaignId)> {
    let mut stand = Stand::of_provider(services, flowcast, Provider::Meta).await?;
    let id = imported(&stand, flowcast, all).await?;
    stand.start_campaign(flowcast, id).await?;
    if contestant == Contestant::Flowcast {
        publish(&stand, id, all).await?;
    }
    stand.add_producer(flowcast)?;
    stand.add_consumer(flowcast)?;
    Ok((stand, id))
}

/// Publishes everybody and moves the feed's cursor behind them.
async fn publish(stand: &Stand, id: CampaignId, all: u32) -> anyhow::Result<()> {
    let queue = Topology::new(stand.scope.queue_prefix()).sender_queue(stand.sender.0);
    let mut config = broker::Config::new(SecretString::from(stand.scope.amqp_url()));
    stand.scope.queue_prefix().clone_into(&mut config.prefix);
    let stop = CancellationToken::new();
    let (publisher, publishing) = Publisher::start(config, stop.clone());
    publisher.declare(&queue).await?;
    let last = i32::try_from(all)?;
    let ids: Vec<i32> = (1..=last).collect();
    for chunk in ids.chunks(CHUNK) {
        let tasks = chunk.iter().map(|seq| SendTask { campaign: id, seq: Seq(*seq) }.encode());
        publisher.publish(&queue, tasks.collect()).await.context("filling the queue")?;
    }
    stop.cancel();
    publishing.await?;
    Ok(stand.store.advance_cursor(id, 0, last).await?)
}
