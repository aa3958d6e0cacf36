//! Twenty senders at 20/s, one of which cannot send: the other nineteen must keep their rates.

use std::time::Duration;

use anyhow::Context;
use broker::Topology;
use campaign::{Rate, SenderId};
use devstack::LockedQueue;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use tokio::time::sleep;
use tokio_postgres::NoTls;

use crate::figures::Figures;
use crate::flowcast::Flowcast;
use crate::many::arrivals::{Arrivals, excess, micros, used};
use crate::many::fleet::{Fleet, Running};
use crate::many::{EXCESS, USED};
use crate::output::{line, number};
use crate::services::Services;

const SENDERS: usize = 20;
const WORKERS: u32 = 2;
const RATE: &str = "20/s";
const RECIPIENTS: u32 = 2_000;
/// Time from the last start to the measured part, and the length of that part.
const SETTLING: Duration = Duration::from_secs(10);
const MEASURED: Duration = Duration::from_secs(30);
/// An address at which no server listens: the port of the discard protocol (RFC 863).
const NO_SERVER: &str = "http://127.0.0.1:9";

/// Why one sender cannot send.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Its queue exists with other arguments.
    OtherArguments,
    /// RabbitMQ refuses its queue: another connection owns it.
    RefusedQueue,
    /// Every statement about its gate waits for a lock until its time limit.
    Locked,
    /// No server listens at the address of its provider.
    ProviderAway,
}

/// Measures each fault on its own stand.
pub(crate) async fn run(measured: (&Services, &Flowcast), figures: &mut Figures) -> anyhow::Result<()> {
    for (fault, name) in [
        (Fault::OtherArguments, "a queue with other arguments"),
        (Fault::RefusedQueue, "a queue that RabbitMQ refuses"),
        (Fault::Locked, "a locked gate"),
        (Fault::ProviderAway, "no provider"),
    ] {
        let (least, above) = Box::pin(others(measured, fault)).await.with_context(|| name.to_owned())?;
        line(format!("    {name}: the least used rate of the others {} %", number(least)));
        figures.add(format!("one of 20 with {name}: the least used rate of the others"), USED, least);
        figures.add(format!("one of 20 with {name}: the fullest window of the others"), EXCESS, above);
    }
    Ok(())
}

/// The least used rate of the others, and the excess of their fullest window.
async fn others(measured: (&Services, &Flowcast), fault: Fault) -> anyhow::Result<(f64, f64)> {
    let mut fleet = Fleet::start(measured, (1, WORKERS)).await?;
    // The faulty sender is the first that each process looks at.
    let away = matches!(fault, Fault::ProviderAway).then_some(NO_SERVER);
    let locked = spoil_queue(&fleet, fault).await?;
    let faulty = fleet.add_sender(("sender-1", RATE), away).await?;
    anyhow::ensure!(faulty == first_sender(&fleet), "the queue of another sender is spoiled");
    let mut campaigns = vec![fleet.import("sender-1", 1, RECIPIENTS).await?];
    for n in 2..=SENDERS {
        let name = format!("sender-{n}");
        fleet.add_sender((&name, RATE), None).await?;
        campaigns.push(fleet.import(&name, 1, RECIPIENTS).await?);
    }
    for campaign in &campaigns {
        fleet.start_campaign(campaign).await?;
    }
    let lock = if matches!(fault, Fault::Locked) { Some(lock_gate(&fleet, faulty).await?) } else { None };
    sleep(SETTLING).await;
    let figures = measure(&mut fleet, &campaigns, fault).await?;
    drop(lock);
    if let Some(locked) = locked {
        locked.unlock().await?;
    }
    fleet.stand.stop().await?;
    Ok(figures)
}

/// The stand has one sender already, so the first that is added gets the next id.
fn first_sender(fleet: &Fleet<'_>) -> SenderId {
    SenderId(fleet.stand.sender.0 + 1)
}

async fn measure(fleet: &mut Fleet<'_>, campaigns: &[Running], fault: Fault) -> anyhow::Result<(f64, f64)> {
    let rate: Rate = RATE.parse()?;
    let from = fleet.stand.ledger.now().await?;
    sleep(MEASURED).await;
    let arrivals = Arrivals::read(&fleet.stand.ledger).await?;
    fleet.stand.are_alive()?;
    // A queue with other arguments is used as it is.
    let of_faulty = arrivals.of(&campaigns[0])?.into_iter().filter(|at| *at > from).count();
    anyhow::ensure!(
        (of_faulty > 0) == matches!(fault, Fault::OtherArguments),
        "{of_faulty} requests of the sender with {fault:?}"
    );
    let (mut least, mut above) = (f64::INFINITY, 0.0_f64);
    for campaign in campaigns.iter().skip(1) {
        let of_campaign = arrivals.of(campaign)?;
        least = least.min(used(&of_campaign, (from, from + micros(MEASURED)), rate));
        above = above.max(excess(&of_campaign, rate));
    }
    Ok((least, above))
}

/// Declares the queue of the first sender before Flowcast does, if the fault is of the queue.
async fn spoil_queue(fleet: &Fleet<'_>, fault: Fault) -> anyhow::Result<Option<LockedQueue>> {
    let scope = &fleet.stand.scope;
    let queue = Topology::new(scope.queue_prefix()).sender_queue(first_sender(fleet).0);
    match fault {
        Fault::RefusedQueue => Ok(Some(scope.lock_queue(queue.as_str()).await?)),
        Fault::OtherArguments => {
            let connection = Connection::connect(scope.amqp_url(), ConnectionProperties::default()).await?;
            let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
            let channel = connection.create_channel().await?;
            channel.queue_declare(queue.as_str().into(), options, FieldTable::default()).await?;
            connection.close(200, "done".into()).await?;
            Ok(None)
        }
        Fault::Locked | Fault::ProviderAway => Ok(None),
    }
}

/// A connection that keeps the row of a sender's gate locked until it is dropped.
async fn lock_gate(fleet: &Fleet<'_>, sender: SenderId) -> anyhow::Result<tokio_postgres::Client> {
    let (client, connection) = tokio_postgres::connect(fleet.stand.scope.database_url(), NoTls).await?;
    tokio::spawn(connection);
    client.batch_execute("begin").await?;
    client.execute("select from sender_gate where sender_id = $1 for update", &[&sender.0]).await?;
    Ok(client)
}
