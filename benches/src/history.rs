//! Whether a long history slows anything down: the same queries and commands after 100, 1,000 and 10,000 past
//! campaigns.
//!
//! PostgreSQL runs with its default settings. Past campaigns are generated in the database with recipients, attempts,
//! receipts and answers. They have 2,000 recipients on average, the largest ones 1,000,000. Their volumes are rotated
//! twelve times. One campaign is sent at [`BACKGROUND`] during the measurements. The producer, the consumer and all
//! commands are separate processes.

use std::time::Duration;

use anyhow::Context;
use campaign::{CampaignId, ReceiptStatus, Seq};
use store::{Ingest, MessageKey, ReceiptRow};
use tokio::process::Command;
use tokio::time::Instant;
use tokio_postgres::{Client, NoTls};

use crate::flowcast::Flowcast;
use crate::list;
use crate::output::{line, number, table, thousands};
use crate::services::Services;
use crate::stand::{CAMPAIGN, Stand};

const GENERATOR: &str = include_str!("../reports.sql");
/// Average recipients of a past campaign.
const RECIPIENTS: u32 = 2_000;
/// Recipients of the largest campaigns, and the number of campaigns per large one.
const LARGE: (u32, u32) = (1_000_000, 1_250);
/// Volumes of the whole history, as in one year.
const VOLUMES: u32 = 12;
/// How often each query runs. The fastest run counts, because other work on the machine only adds time.
const ASKED: u32 = 5;
/// Receipts of one batch.
const RECEIPTS: i32 = 500;
/// Recipients of lists that are imported and sent.
const LIST: u32 = 100_000;
/// The campaign that is sent during the measurements: its recipients, and recipients per second.
const BACKGROUND: (u32, u32) = (300_000, 500);

/// Views that analysts and the console filter by one campaign.
const VIEWS: [&str; 14] = [
    "campaign",
    "conservation",
    "funnel",
    "country",
    "timeline",
    "timeline_by_hour",
    "error",
    "recipient limit 100",
    "attempt limit 100",
    "flow_answer limit 100",
    "import",
    "resolution",
    "hold",
    "waiting",
];

/// Queries over many campaigns; `$1` is the last id.
const QUERIES: [(&str, &str); 5] = [
    ("a page of 50 campaigns", "select * from report.campaign order by campaign_id desc limit 50"),
    (
        "a page of 50, after 1,000",
        "select * from report.campaign where campaign_id < (select max(id) - 1000 from campaign)
        order by campaign_id desc limit 50",
    ),
    ("all campaigns", "select count(*), sum(accepted) from report.campaign"),
    ("all senders", "select * from report.sender"),
    (
        "the campaigns of one number",
        "select campaign_id, seq from recipient_number where msisdn = (
        select msisdn from recipient_number where campaign_id = (select min(id) from campaign) limit 1)",
    ),
];

/// Queries over the whole history, which run once.
const SCANS: [(&str, &str); 2] = [
    ("recipients of one month by state", "
        select state, count(*) from report.recipient where campaign_id in (
            select id from campaign where created_at > (select max(created_at) - interval '30 days' from campaign))
        group by state"),
    ("recipients of all campaigns by state", "select state, count(*) from report.recipient group by state"),
];

/// The figures by query, with a column for each size of the history.
#[derive(Default)]
struct Answers {
    rows: Vec<(String, Vec<String>)>,
}

impl Answers {
    fn add(&mut self, what: impl Into<String>, value: impl Into<String>) {
        let (what, value) = (what.into(), value.into());
        match self.rows.iter_mut().find(|(known, _)| *known == what) {
            Some((_, values)) => values.push(value),
            None => self.rows.push((what, vec![value])),
        }
    }

    fn time(&mut self, what: impl Into<String>, took: Duration) {
        self.add(what, milliseconds(took));
    }
}

/// Measures after each of these numbers of past campaigns.
pub(crate) async fn run(flowcast: &Flowcast, sizes: &[u32]) -> anyhow::Result<()> {
    let services = Services::with_default_postgres().await?;
    let mut stand = Stand::start(&services, flowcast, 1).await?;
    let client = connect(&stand).await?;
    client.batch_execute(GENERATOR).await?;
    let (mut answers, mut past) = (Answers::default(), 0);
    let most = sizes.iter().copied().max().unwrap_or(0);
    for size in sizes {
        generate(&client, past..*size, most).await?;
        past = *size;
        measure(&mut stand, flowcast, &client, &mut answers).await?;
    }
    let header: Vec<String> =
        std::iter::once("ms".to_owned()).chain(sizes.iter().map(|size| thousands(*size))).collect();
    let rows: Vec<Vec<String>> = answers
        .rows
        .into_iter()
        .map(|(what, values)| std::iter::once(what).chain(values).collect())
        .collect();
    line("");
    table(&header.iter().map(String::as_str).collect::<Vec<_>>(), &rows);
    stand.stop().await
}

async fn generate(client: &Client, campaigns: std::ops::Range<u32>, most: u32) -> anyhow::Result<()> {
    let (large, one_in) = LARGE;
    let small = RECIPIENTS - large / one_in;
    let began = Instant::now();
    for n in campaigns.clone() {
        let recipients = if n % one_in == one_in / 2 { large } else { small };
        let day = i64::from(n) * 365 / i64::from(most);
        let one = format!(
            "select generate_campaign({recipients}, timestamptz '2025-11-01 08:00Z' + interval '{day} days')"
        );
        client.query_one(&one, &[]).await?;
        if n % (most / VOLUMES).max(1) == 0 && n > 0 {
            client.query_one("select rotate_volume(1, '0 seconds')", &[]).await?;
        }
        if n % 500 == 0 {
            line(format!("  {} past campaigns after {:.0} s", thousands(n), began.elapsed().as_secs_f64()));
        }
    }
    client.batch_execute("vacuum analyze").await?;
    Ok(())
}

async fn measure(
    stand: &mut Stand,
    flowcast: &Flowcast,
    client: &Client,
    answers: &mut Answers,
) -> anyhow::Result<()> {
    let relations = "
        select count(*) from pg_class where relnamespace in ('public'::regnamespace, 'report'::regnamespace)";
    let relations: i64 = client.query_one(relations, &[]).await?.get(0);
    answers.add("relations in public and report", relations.to_string());
    let size = "select pg_size_pretty(pg_database_size(current_database()))";
    answers.add("size of the database", client.query_one(size, &[]).await?.get::<_, String>(0));
    let beside = start_background(stand, flowcast).await?;
    let some: i64 = client
        .query_one("select id from campaign where name = 'generated' order by id offset 60 limit 1", &[])
        .await?
        .get(0);
    for view in VIEWS {
        let (name, rest) = view.split_once(' ').map_or((view, ""), |(name, rest)| (name, rest));
        let query = format!("select * from report.{name} where campaign_id = {some} {rest}");
        let fresh = connect(stand).await?;
        let began = Instant::now();
        fresh.query(&query, &[]).await.context(view)?;
        let first = began.elapsed();
        let warm = least(&fresh, &query).await?;
        answers.add(
            format!("report.{name}: first, warm"),
            format!("{}, {}", milliseconds(first), milliseconds(warm)),
        );
    }
    for (what, query) in QUERIES {
        answers.time(what, least(client, query).await.context(what)?);
    }
    for (what, query) in SCANS {
        let began = Instant::now();
        client.query(query, &[]).await.context(what)?;
        answers.time(what, began.elapsed());
    }
    commands(stand, flowcast, client, answers).await?;
    end_background(stand, beside, answers).await?;
    send_one(stand, flowcast, answers).await?;
    let began = Instant::now();
    let dumped = Command::new("pg_dump")
        .args([
            "--format=custom",
            "--compress=1",
            "--no-sync",
            "--file=/dev/null",
            stand.scope.database_url(),
        ])
        .status()
        .await
        .context("running pg_dump")?;
    anyhow::ensure!(dumped.success(), "pg_dump failed");
    answers.time("pg_dump", began.elapsed());
    Ok(())
}

/// Commands of operators, each in its own process.
async fn commands(
    stand: &mut Stand,
    flowcast: &Flowcast,
    client: &Client,
    answers: &mut Answers,
) -> anyhow::Result<()> {
    let mut timed = async |what: &str, arguments: &[&str], stand: &Stand| -> anyhow::Result<()> {
        let ran =
            flowcast.run(arguments, &stand.surroundings, drop).await.with_context(|| what.to_owned())?;
        answers.time(format!("flowcast {what}"), ran.time);
        Ok(())
    };
    let file = stand.surroundings.folder.join("history.toml");
    std::fs::write(&file, CAMPAIGN.replace("sender = \"ke-main\"", "sender = \"bench\""))?;
    timed("campaign create", &["campaign", "create", &file.display().to_string()], stand).await?;
    let number = "select msisdn::text from recipient_number order by msisdn offset 1000 limit 1";
    let number: String = client.query_one(number, &[]).await?.get(0);
    timed("erase", &["erase", &format!("+{number}")], stand).await?;
    timed("retention run, of none", &["retention", "run", "--older-than", "9000d"], stand).await?;
    let old = "select id::text from campaign where name = 'generated' and archived_at is null and recipients < 10000 order by id limit 1";
    let old: String = client.query_one(old, &[]).await?.get(0);
    timed("campaign report", &["campaign", "report", &old], stand).await?;
    timed("campaign archive, a small one", &["campaign", "archive", &old], stand).await?;
    timed("check-counts", &["check-counts"], stand).await?;
    let began = Instant::now();
    receipts(stand, old.parse().map(|id: i64| CampaignId(id + 1))?).await?;
    answers.time(format!("{RECEIPTS} receipts of an old campaign"), began.elapsed());
    Ok(())
}

/// Starts the campaign that is sent during the measurements.
async fn start_background(stand: &mut Stand, flowcast: &Flowcast) -> anyhow::Result<(CampaignId, Instant)> {
    let (recipients, per_second) = BACKGROUND;
    let id = stand.campaign_at(Some(format!("{per_second}/s").parse()?)).await?;
    let path = stand.list(list::MEASURED..list::MEASURED + recipients)?;
    stand.import(flowcast, id, &path).await?;
    stand.ledger.reset().await?;
    stand.start_campaign(flowcast, id).await?;
    Ok((id, Instant::now()))
}

/// Ends that campaign, and adds the rate that it reached.
async fn end_background(
    stand: &Stand,
    (id, began): (CampaignId, Instant),
    answers: &mut Answers,
) -> anyhow::Result<()> {
    let sent = stand.ledger.summary().await?;
    let rate = f64::from(sent.accepted) / began.elapsed().as_secs_f64();
    anyhow::ensure!(sent.accepted < BACKGROUND.0, "the background campaign ended before the measurements");
    anyhow::ensure!(sent.accepted == sent.distinct_recipients, "the background campaign sent twice");
    stand.store.cancel_campaign(id, "benchmark").await?;
    stand.store.end_cancelled(id).await?;
    while stand.store.open_claims(id).await? > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    answers.add(format!("background campaign, of {}/s", BACKGROUND.1), number(rate));
    Ok(())
}

/// Imports and sends one campaign without a rate.
async fn send_one(stand: &mut Stand, flowcast: &Flowcast, answers: &mut Answers) -> anyhow::Result<()> {
    let id: CampaignId = stand.campaign().await?;
    let path = stand.list(list::MEASURED..list::MEASURED + LIST)?;
    let began = Instant::now();
    stand.import(flowcast, id, &path).await?;
    answers.add("import, rows/s", number_per(LIST, began));
    stand.ledger.reset().await?;
    let began = Instant::now();
    stand.start_campaign(flowcast, id).await?;
    stand.wait_until_sent(id, LIST).await?;
    answers.add("start to end, recipients/s", number_per(LIST, began));
    stand.check(id, LIST).await?;
    Ok(())
}

/// Stores receipts of an old campaign, as a server does.
async fn receipts(stand: &Stand, campaign: CampaignId) -> anyhow::Result<()> {
    let receipt = |seq| ReceiptRow {
        about: MessageKey { sender: stand.sender, recipient: Some((campaign, Seq(seq))), message_id: None },
        status: ReceiptStatus::Read,
        at: None,
        code: None,
        words: None,
        follow_up: None,
        stop: None,
        window_closed: false,
        billable: Some(true),
        user: None,
    };
    let ingest = Ingest { receipts: (1..=RECEIPTS).map(receipt).collect(), ..Ingest::default() };
    stand.store.ingest(&ingest).await?;
    Ok(())
}

async fn connect(stand: &Stand) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(stand.scope.database_url(), NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn least(client: &Client, query: &str) -> anyhow::Result<Duration> {
    let mut least = Duration::MAX;
    for _ in 0..ASKED {
        let began = Instant::now();
        client.query(query, &[]).await?;
        least = least.min(began.elapsed());
    }
    Ok(least)
}

fn milliseconds(took: Duration) -> String {
    number(took.as_secs_f64() * 1000.0)
}

fn number_per(n: u32, since: Instant) -> String {
    number(f64::from(n) / since.elapsed().as_secs_f64())
}
