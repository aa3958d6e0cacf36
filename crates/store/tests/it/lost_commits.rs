//! Outcomes whose commits a backup does not have, recorded again in the database that was restored from it.

use std::time::Duration;

use campaign::{CampaignId, Outcome, ReceiptStatus, Resolution, Seq};
use secrecy::SecretString;
use store::{Claim, Config, DailyCap, Ingest, Lineage, RecordedAgain, RecordedOutcome, RequestRecord, Store};
use tokio::time::{Instant, sleep};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};
use url::Url;
use uuid::Uuid;

use crate::world::{World, accepted, given_back, reason};

const PATIENCE: Duration = Duration::from_mins(1);

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A copy of the database of a world, which has the confirmed identity of its origin and another one of its own.
struct Backup {
    name: String,
    admin: Client,
    store: Store,
    look: Client,
}

impl Backup {
    /// Copies the database as it is now.
    async fn of(world: &mut World) -> Self {
        let mut url = Url::parse(world.scope.database_url()).unwrap();
        let origin = url.path().trim_start_matches('/').to_owned();
        let name = format!("{origin}_b");
        url.set_path("/postgres");
        let admin = connect(url.as_str()).await;
        let end =
            format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{origin}'");
        let deadline = Instant::now() + PATIENCE;
        loop {
            admin.execute(&end, &[]).await.unwrap();
            match admin.batch_execute(&format!("create database {name} template {origin}")).await {
                Ok(()) => break,
                Err(error) if error.code() == Some(&SqlState::OBJECT_IN_USE) && Instant::now() < deadline => {
                    sleep(Duration::from_millis(20)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
        world.look = connect(world.scope.database_url()).await;
        url.set_path(&format!("/{name}"));
        let store = Store::connect(&Config::new(SecretString::from(url.as_str()))).await.unwrap();
        Self { name, admin, store, look: connect(url.as_str()).await }
    }

    async fn rows(&self, seqs: std::ops::RangeInclusive<i32>) -> Vec<(String, i16)> {
        let select = "select state, attempts from recipient where seq between $1 and $2 order by seq";
        let rows = self.look.query(select, &[seqs.start(), seqs.end()]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    async fn count(&self, select: &str) -> i64 {
        self.look.query_one(select, &[]).await.unwrap().get(0)
    }

    async fn counters_hold(&self) {
        let campaigns = self.store.countable_campaigns().await.unwrap();
        assert_eq!(self.store.check_counters(&campaigns, |_| {}).await.unwrap(), []);
    }

    async fn drop(self) {
        let Self { name, admin, store, look } = self;
        drop((store, look));
        admin.batch_execute(&format!("drop database {name} with (force)")).await.unwrap();
    }
}

fn outcomes(claim: &Claim, outcome: &Outcome) -> Vec<RecordedOutcome> {
    let request = RequestRecord {
        sent_at: claim.at,
        latency: Duration::from_millis(3),
        http_status: Some(202),
        wa_id: None,
        window_closed: false,
    };
    let row =
        |seq: Seq| RecordedOutcome { claim: claim.id, seq, outcome: outcome.clone(), request: Some(request) };
    claim.rows.iter().map(|claimed| row(claimed.seq)).collect()
}

/// What a worker knows: outcomes in the order of their commits.
struct Known(Vec<RecordedOutcome>);

impl Known {
    /// Claims recipients, and records this outcome.
    async fn sent(
        &mut self,
        world: &World,
        campaign: CampaignId,
        seqs: std::ops::RangeInclusive<i32>,
        outcome: &Outcome,
    ) {
        let claim = world.granted(campaign, seqs).await;
        self.recorded(world, campaign, &claim, outcome).await;
    }

    async fn recorded(&mut self, world: &World, campaign: CampaignId, claim: &Claim, outcome: &Outcome) {
        let outcomes = outcomes(claim, outcome);
        world.store.record(world.sender, campaign, &outcomes, &[claim.id]).await.unwrap();
        self.0.extend(outcomes.into_iter().filter(RecordedOutcome::is_kept));
    }
}

/// A backup in the middle of a campaign, and what a worker knows of the times before it and after it.
struct History {
    backup: Backup,
    lineage: Lineage,
    before: Vec<RecordedOutcome>,
    lost: Vec<RecordedOutcome>,
}

impl History {
    async fn of(world: &mut World, campaign: CampaignId) -> Self {
        let unknown = Outcome::Unknown { reason: reason("timeout") };
        let failed = Outcome::Failed { reason: reason("131026") };
        let mut before = Known(Vec::new());
        before.sent(world, campaign, 1..=2, &accepted()).await;
        before.sent(world, campaign, 3..=3, &unknown).await;
        before.sent(world, campaign, 4..=4, &given_back()).await;
        // It is to be sent to again, because its message was not delivered.
        before.sent(world, campaign, 5..=5, &accepted()).await;
        let undelivered = "update recipient set state = 'retry' where seq = 5";
        world.look.batch_execute(undelivered).await.unwrap();
        let open = world.granted(campaign, 6..=8).await;
        let lineage = world.store.database_state().await.unwrap().lineage();
        let backup = Backup::of(world).await;

        let mut lost = Known(Vec::new());
        lost.recorded(world, campaign, &open, &accepted()).await;
        let resend = Resolution::Resend;
        let (by, all) = (("anna", "test"), (None, Duration::ZERO));
        world.store.resolve_by_operator(campaign, resend, by, all).await.unwrap();
        lost.sent(world, campaign, 3..=3, &accepted()).await;
        lost.sent(world, campaign, 4..=4, &failed).await;
        lost.sent(world, campaign, 10..=12, &accepted()).await;
        lost.sent(world, campaign, 13..=14, &failed).await;
        lost.sent(world, campaign, 15..=15, &unknown).await;
        lost.sent(world, campaign, 16..=17, &given_back()).await;
        Self { backup, lineage, before: before.0, lost: lost.0 }
    }
}

/// States and attempts of the recipients 1 to 17, when the lost outcomes are recorded again.
const RESTORED: [(&str, i16); 17] = [
    ("accepted", 1),
    ("accepted", 1),
    ("accepted", 2),
    ("failed", 1),
    ("retry", 1),
    ("accepted", 1),
    ("accepted", 1),
    ("accepted", 1),
    ("pending", 0),
    ("accepted", 1),
    ("accepted", 1),
    ("accepted", 1),
    ("failed", 1),
    ("failed", 1),
    ("unknown", 1),
    ("pending", 0),
    ("pending", 0),
];

#[tokio::test]
async fn outcomes_that_a_backup_lacks_are_recorded_again_once() {
    let mut world = World::new("lost_commits", None).await;
    let campaign = world.campaign(40).await;
    let cap = DailyCap { recipients: 1_000, zone: "UTC".into() };
    world.store.set_daily_cap(world.sender, Some(&cap)).await.unwrap();
    let History { backup, lineage, before, lost } = History::of(&mut world, campaign).await;
    let of = (world.sender, campaign);
    // The recorder finds the claim of recipients 10 to 12 gone.
    let late: Vec<_> = lost.iter().filter(|outcome| (10..=12).contains(&outcome.seq.0)).cloned().collect();
    assert_eq!(backup.store.record(of.0, of.1, &late, &[]).await.unwrap().late, 3);

    let again = async |outcomes| backup.store.record_again(of, outcomes, &lineage).await.unwrap();
    assert_eq!(again(&before).await, RecordedAgain::Done(0));
    assert_eq!(again(&lost).await, RecordedAgain::Done(11));
    let restored = RESTORED.map(|(state, attempts)| (state.to_owned(), attempts));
    assert_eq!(backup.rows(1..=17).await, restored);
    for outcomes in [&before, &lost] {
        assert_eq!(again(outcomes).await, RecordedAgain::Done(0));
    }
    assert_eq!(backup.rows(1..=17).await, restored);
    let attempts = "select count(*) filter (where late) * 1000 + count(*) from attempt";
    // One attempt of recipient 4 was given back.
    assert_eq!(backup.count(attempts).await, i64::try_from(before.len() + lost.len()).unwrap() + 1);
    assert_eq!(backup.count("select count(*) from due").await, 0);
    assert_eq!(backup.count("select sum(seq) from unknown_recipient").await, 15);
    let used = "select day_used::bigint from sender_gate";
    assert_eq!(backup.count(used).await, world.count(used).await);
    backup.counters_hold().await;
    backup.drop().await;
    world.close().await;
}

#[tokio::test]
async fn outcomes_of_a_campaign_that_a_backup_lacks_are_left_out() {
    let mut world = World::new("lost_campaign", None).await;
    let lineage = world.store.database_state().await.unwrap().lineage();
    let backup = Backup::of(&mut world).await;
    let newer = world.campaign(1).await;
    let mut lost = Known(Vec::new());
    lost.sent(&world, newer, 1..=1, &accepted()).await;
    let again = backup.store.record_again((world.sender, newer), &lost.0, &lineage).await.unwrap();
    assert_eq!(again, RecordedAgain::Done(0));
    assert_eq!(backup.count("select count(*) from attempt").await, 0);
    backup.drop().await;
    world.close().await;
}

#[tokio::test]
async fn nothing_is_recorded_again_in_a_database_that_is_confirmed_or_comes_from_another() {
    let mut world = World::new("lost_commits_not", None).await;
    let campaign = world.campaign(10).await;
    let lineage = world.store.database_state().await.unwrap().lineage();
    let backup = Backup::of(&mut world).await;
    let mut lost = Known(Vec::new());
    lost.sent(&world, campaign, 1..=2, &accepted()).await;
    let again =
        async |store: &Store| store.record_again((world.sender, campaign), &lost.0, &lineage).await.unwrap();
    assert_eq!(again(&world.store).await, RecordedAgain::NotHere);
    let other = "update installation set system_identifier = system_identifier + ";
    backup.look.batch_execute(&format!("{other} 1")).await.unwrap();
    assert_eq!(again(&backup.store).await, RecordedAgain::NotHere);
    backup.look.batch_execute(&format!("{other} -1")).await.unwrap();
    assert_eq!(again(&backup.store).await, RecordedAgain::Done(2));
    backup.store.confirm_database("anna").await.unwrap();
    assert_eq!(again(&backup.store).await, RecordedAgain::NotHere);
    backup.drop().await;
    world.close().await;
}

#[tokio::test]
async fn a_confirmation_waits_for_outcomes_that_are_recorded_again() {
    let mut world = World::new("lost_commits_wait", None).await;
    let campaign = world.campaign(10).await;
    let lineage = world.store.database_state().await.unwrap().lineage();
    let mut backup = Backup::of(&mut world).await;
    let mut lost = Known(Vec::new());
    lost.sent(&world, campaign, 1..=1, &accepted()).await;
    // The worker waits for the row in its transaction.
    let row = backup.look.transaction().await.unwrap();
    row.execute("select from recipient where seq = 1 for update", &[]).await.unwrap();
    let store = backup.store.clone();
    let sender = world.sender;
    let again =
        tokio::spawn(async move { store.record_again((sender, campaign), &lost.0, &lineage).await.unwrap() });
    until(
        &backup.admin,
        &format!(
            "select count(*) from pg_stat_activity where datname = '{}' and wait_event_type = 'Lock'",
            backup.name
        ),
        1,
    )
    .await;
    let store = backup.store.clone();
    let confirmed = tokio::spawn(async move { store.confirm_database("anna").await.unwrap() });
    until(&backup.admin, "select count(*) from pg_locks where locktype = 'advisory' and not granted and mode = 'ExclusiveLock'", 1).await;
    row.commit().await.unwrap();
    assert_eq!(again.await.unwrap(), RecordedAgain::Done(1));
    assert!(!confirmed.await.unwrap().was_confirmed);
    backup.drop().await;
    world.close().await;
}

#[tokio::test]
async fn what_workers_recorded_again_is_listed_until_the_confirmation() {
    let world = World::new("lost_commits_noted", None).await;
    let worker = store::LiveWorker { worker: Uuid::now_v7(), senders: None, full_of: Vec::new() };
    world.store.live_workers(&worker, Duration::from_secs(4)).await.unwrap();
    world.look.batch_execute("update installation set timeline = '000000FF'").await.unwrap();
    let memory = async || world.store.workers_memory().await.unwrap();
    let [behind] = &memory().await[..] else { panic!("one worker") };
    assert!(behind.worker == worker.worker && behind.is_behind());
    world.store.note_recorded_again(worker.worker, 7, Duration::from_secs(90)).await.unwrap();
    // A worker that is alive keeps its note.
    world.store.live_workers(&worker, Duration::from_secs(4)).await.unwrap();
    let [done] = &memory().await[..] else { panic!("one worker") };
    assert_eq!((done.is_behind(), done.recipients), (false, Some(7)));
    assert!(done.knows_since.unwrap() < done.recorded_again_at.unwrap());
    world.store.confirm_database("anna").await.unwrap();
    assert!(memory().await[0].is_behind(), "the note is of an earlier failover");
    // One that was killed is not waited for longer than a minute.
    world
        .look
        .batch_execute("update live_worker set seen_at = seen_at - interval '61 seconds'")
        .await
        .unwrap();
    assert_eq!(memory().await, []);
    world.close().await;
}

#[tokio::test]
async fn a_receipt_of_a_pending_recipient_proves_that_the_message_was_sent() {
    let world = World::new("lost_commits_receipt", None).await;
    let campaign = world.campaign(4).await;
    let receipts = vec![
        world.receipt(campaign, 1, ReceiptStatus::Sent),
        world.receipt(campaign, 2, ReceiptStatus::Read),
        world.receipt(campaign, 3, ReceiptStatus::Failed),
    ];
    let ingested = world.store.ingest(&Ingest { receipts, ..Ingest::default() }).await.unwrap();
    assert_eq!(ingested.to_resolve, [campaign]);
    assert_eq!(world.store.resolve_by_receipts(campaign).await.unwrap(), 3);
    assert_eq!(world.row(campaign, 1).await, ("accepted".into(), 0, None));
    assert_eq!(world.row(campaign, 2).await, ("accepted".into(), 0, None));
    assert_eq!(world.row(campaign, 3).await, ("failed".into(), 0, Some("131026".into())));
    assert_eq!(world.row(campaign, 4).await.0, "pending");
    assert_eq!(world.miscounts().await, []);
    world.close().await;
}

/// Waits until a query counts this many.
async fn until(look: &Client, select: &str, wanted: i64) {
    let deadline = Instant::now() + PATIENCE;
    while look.query_one(select, &[]).await.unwrap().get::<_, i64>(0) != wanted {
        assert!(Instant::now() < deadline, "still not {wanted}: {select}");
        sleep(Duration::from_millis(20)).await;
    }
}
