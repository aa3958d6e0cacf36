//! The cost of reading reports while sending: one campaign, in slices with and without a reader.
//!
//! The reader is a dashboard: every [`REFRESH`] it runs each of [`QUERIES`] for the campaign that is being sent, one
//! after another, on its own connection. The slices alternate: without, with, with, without. So a machine that becomes
//! slower or faster affects both kinds alike. The sender has a rate that uses about half of a small machine.

use std::time::Duration;

use anyhow::Context;
use campaign::CampaignId;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_postgres::NoTls;

use crate::figures::{Figures, PER_SECOND};
use crate::flowcast::Flowcast;
use crate::list;
use crate::output::{line, number};
use crate::services::Services;
use crate::stand::Stand;

/// The pause between two refreshes: as fifteen dashboards of deploy/grafana, which refresh every 30 s.
const REFRESH: Duration = Duration::from_secs(2);
const RATE: &str = "5000/s,burst=50";
const SLICE: Duration = Duration::from_secs(4);
/// The queries: every total, the errors, the waits, a page of recipients and the answers.
const QUERIES: [&str; 12] = [
    "select * from report.campaign where campaign_id = $1",
    "select * from report.conservation where campaign_id = $1",
    "select * from report.funnel where campaign_id = $1",
    "select * from report.country where campaign_id = $1",
    "select * from report.timeline where campaign_id = $1",
    "select * from report.timeline_by_hour where campaign_id = $1",
    "select * from report.error where campaign_id = $1",
    "select * from report.waiting where campaign_id = $1",
    "select * from report.sender where $1::bigint > 0",
    "select * from report.hold where campaign_id = $1 order by since desc limit 20",
    "select * from report.recipient where campaign_id = $1 order by seq limit 100",
    "select count(*), avg(time_to_answer) from report.flow_answer where campaign_id = $1",
];

/// Recipients and time, without and with the reader.
#[derive(Default)]
struct Slices {
    without: (f64, f64),
    with: (f64, f64),
}

/// Measures one campaign of `recipients` sent by `consumers`.
pub(crate) async fn run(
    services: &Services,
    flowcast: &Flowcast,
    (consumers, recipients): (u32, u32),
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let mut stand = Stand::start(services, flowcast, consumers).await?;
    let id = stand.campaign().await?;
    let list = stand.list(list::MEASURED..list::MEASURED + recipients)?;
    stand.import(flowcast, id, &list).await?;
    stand.store.set_rate(stand.sender, Some(RATE.parse()?)).await?;
    let (reads, reading) = watch::channel(false);
    let reader = tokio::spawn(read(stand.scope.database_url().to_owned(), id, reading));
    stand.start_campaign(flowcast, id).await?;
    let slices = take_turns(&stand, recipients, &reads).await?;
    // A reader that is switched on continues if nothing switches it off.
    reads.send_replace(false);
    drop(reads);
    let refresh = stopped(reader).await?;
    stand.wait_until_sent(id, recipients).await?;
    stand.check(id, recipients).await?;
    add(figures, &slices, refresh)?;
    stand.stop().await
}

/// Measures slices until nearly all recipients were sent to. The beginning and the end belong to no slice.
async fn take_turns(stand: &Stand, recipients: u32, reads: &watch::Sender<bool>) -> anyhow::Result<Slices> {
    let mut slices = Slices::default();
    let most = recipients - recipients / 20;
    sleep(SLICE / 4).await;
    for is_read in [false, true, true, false].into_iter().cycle() {
        reads.send_replace(is_read);
        let (began, before) = (Instant::now(), stand.ledger.summary().await?.accepted);
        sleep(SLICE).await;
        let (after, took) = (stand.ledger.summary().await?.accepted, began.elapsed().as_secs_f64());
        if after >= most {
            break;
        }
        let slice = if is_read { &mut slices.with } else { &mut slices.without };
        slice.0 += f64::from(after - before);
        slice.1 += took;
        let whether = if is_read { "with" } else { "without" };
        line(format!("  {}/s {whether} the reader", number(f64::from(after - before) / took)));
    }
    Ok(slices)
}

/// Runs all queries again and again while switched on, and returns how long one refresh takes.
async fn read(url: String, id: CampaignId, mut reads: watch::Receiver<bool>) -> anyhow::Result<Duration> {
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    let connection = tokio::spawn(connection);
    client.batch_execute("set jit = off").await?;
    let (mut looks, mut took) = (0, Duration::ZERO);
    while reads.wait_for(|is_read| *is_read).await.is_ok() {
        let began = Instant::now();
        for query in QUERIES {
            client.query(query, &[&id.0]).await.with_context(|| query.to_owned())?;
        }
        looks += 1;
        took += began.elapsed();
        sleep(REFRESH.saturating_sub(began.elapsed())).await;
    }
    connection.abort();
    Ok(took / looks.max(1))
}

async fn stopped(reader: JoinHandle<anyhow::Result<Duration>>) -> anyhow::Result<Duration> {
    reader.await.context("the reader stopped too early")?
}

fn add(figures: &mut Figures, slices: &Slices, refresh: Duration) -> anyhow::Result<()> {
    anyhow::ensure!(
        slices.with.1 > 0.0,
        "too few recipients for a slice of each kind; take more --recipients"
    );
    let speed = |(n, seconds): (f64, f64)| n / seconds;
    let (without, with) = (speed(slices.without), speed(slices.with));
    figures.add("reports: sending, without a reader", PER_SECOND, without);
    figures.add("reports: sending, with a reader", PER_SECOND, with);
    figures.add("reports: sending with a reader", "% of alone", 100.0 * with / without);
    figures.add("reports: one refresh", "ms", refresh.as_secs_f64() * 1e3);
    line(format!("  {:.1} % of the speed without the reader", 100.0 * with / without));
    Ok(())
}
