//! How many ids a producer publishes per second: each confirmed by a quorum queue, and its cursor stored.
//!
//! The queue of a feed is never long, and nothing consumes here. The queue is purged again and again, and the purged
//! messages are counted. Every recipient must be counted exactly once, or the run is an error.

use std::time::Duration;

use broker::Topology;
use lapin::options::QueuePurgeOptions;
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::time::{Instant, sleep};

use crate::figures::{CPU_MICROS, Figures, PER_SECOND};
use crate::flowcast::Flowcast;
use crate::list;
use crate::services::Services;
use crate::stand::{Stand, difference};

/// How often the queue is purged. A producer refills it up to 10,000 ids.
const PURGE_EVERY: Duration = Duration::from_millis(20);
const STUCK_AFTER: Duration = Duration::from_secs(30);

/// Measures a campaign that is published and not sent.
pub(crate) async fn run(
    (services, flowcast): (&Services, &Flowcast),
    recipients: u32,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let stand = Stand::start(services, flowcast, 1).await?.without_consumers().await?;
    let id = stand.campaign().await?;
    let list = stand.list(list::MEASURED..list::MEASURED + recipients)?;
    stand.import(flowcast, id, &list).await?;
    let connection = Connection::connect(stand.scope.amqp_url(), ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let queue = Topology::new(stand.scope.queue_prefix()).sender_queue(stand.sender.0);
    let before = stand.cpu()?;
    stand.start_campaign(flowcast, id).await?;
    let begun = Instant::now();
    purge_all(&channel, queue.as_str(), recipients).await?;
    let seconds = begun.elapsed().as_secs_f64();
    figures.add("feed: ids published and confirmed", PER_SECOND, f64::from(recipients) / seconds);
    for (name, cpu) in difference(&before, &stand.cpu()?) {
        let each = cpu.as_secs_f64() * 1e6 / f64::from(recipients);
        figures.add(format!("feed: {name}"), CPU_MICROS, each);
    }
    connection.close(200, "done".into()).await?;
    stand.stop().await
}

/// Purges the queue until `all` messages were in it.
async fn purge_all(channel: &Channel, queue: &str, all: u32) -> anyhow::Result<()> {
    let (mut counted, mut moved) = (0, Instant::now());
    while counted < all {
        sleep(PURGE_EVERY).await;
        let purged = channel.queue_purge(queue.into(), QueuePurgeOptions::default()).await?;
        if purged > 0 {
            (counted, moved) = (counted + purged, Instant::now());
        }
        anyhow::ensure!(moved.elapsed() < STUCK_AFTER, "stuck at {counted} of {all} ids");
    }
    anyhow::ensure!(counted == all, "{counted} ids were published for {all} recipients");
    Ok(())
}
