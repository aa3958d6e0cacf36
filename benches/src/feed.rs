//! How many recipients a producer publishes per second: each block confirmed by a quorum queue, and the cursor stored.
//!
//! Nothing is sent here: this process takes the blocks from the queue as fast as they come, and reads which recipients they
//! name. Each recipient must be named exactly once, or the run is an error.

use std::time::Duration;

use anyhow::Context;
use broker::Topology;
use campaign::Block;
use futures::StreamExt;
use lapin::options::BasicConsumeOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties, Consumer};
use tokio::time::{Instant, timeout};

use crate::figures::{CPU_MICROS, Figures, PER_SECOND};
use crate::flowcast::Flowcast;
use crate::list;
use crate::services::Services;
use crate::stand::{Stand, difference};

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
    let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let consumer =
        channel.basic_consume(queue.as_str().into(), "".into(), options, FieldTable::default()).await?;
    let before = stand.cpu()?;
    stand.start_campaign(flowcast, id).await?;
    let begun = Instant::now();
    take_all(consumer, recipients).await?;
    let seconds = begun.elapsed().as_secs_f64();
    figures.add("feed: recipients published and confirmed", PER_SECOND, f64::from(recipients) / seconds);
    for (name, cpu) in difference(&before, &stand.cpu()?) {
        let each = cpu.as_secs_f64() * 1e6 / f64::from(recipients);
        figures.add(format!("feed: {name}"), CPU_MICROS, each);
    }
    connection.close(200, "done".into()).await?;
    stand.stop().await
}

/// Takes blocks until each of the recipients 1 to `all` was named.
async fn take_all(mut blocks: Consumer, all: u32) -> anyhow::Result<()> {
    let (mut is_named, mut left) = (vec![false; usize::try_from(all)? + 1], all);
    while left > 0 {
        let delivery = timeout(STUCK_AFTER, blocks.next()).await;
        let delivery = delivery.with_context(|| format!("stuck with {left} of {all} recipients left"))?;
        let delivery = delivery.context("RabbitMQ cancelled the consumer")??;
        for seq in Block::decode(&delivery.data)?.seqs() {
            let named = is_named.get_mut(usize::try_from(seq.0)?).context("a recipient beyond the list")?;
            anyhow::ensure!(!std::mem::replace(named, true), "recipient {} was published twice", seq.0);
            left -= 1;
        }
    }
    Ok(())
}
