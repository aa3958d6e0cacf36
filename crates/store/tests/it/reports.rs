//! The report views: they add up and agree with the tables at every moment, and readers see them and nothing else.

use std::time::Duration;

use campaign::{CampaignId, Outcome, ReceiptStatus, Resolution};
use serde_json::json;
use store::{AnswerRow, ClaimAnswer, Ingest, ReceiptRow};
use tokio_postgres::NoTls;

use crate::world::{NOON, World, abroad, accepted, reason};

const RECIPIENTS: i32 = 200;

/// Random claims, outcomes, receipts, answers, deaths, resolutions and cancellations, folded now and then; after each step
/// nobody may be missing from the books, and every kept count is what a full count gives.
#[tokio::test]
async fn after_every_step_of_a_random_run_the_views_agree_with_the_tables() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut run = Run {
        random: fastrand::Rng::with_seed(seed),
        world: World::new("report_books", None).await,
        open: Vec::new(),
    };
    // Compiling the statements would take longer than they run.
    run.world.look.batch_execute("set jit = off").await.unwrap();
    for _ in 0..2 {
        let campaign = run.world.draft(0).await;
        run.world.import_numbers(campaign, (0..RECIPIENTS as u32).map(abroad)).await;
        run.world.store.start_campaign(campaign, "test").await.unwrap();
        for _ in 0..40 {
            run.step(campaign).await;
            run.agrees(seed).await;
        }
        run.world.cancel(campaign).await;
        run.agrees(seed).await;
        run.open.clear();
    }
    run.world.close().await;
}

struct Run {
    random: fastrand::Rng,
    world: World,
    open: Vec<store::Claim>,
}

impl Run {
    async fn step(&mut self, campaign: CampaignId) {
        match self.random.u8(..12) {
            0..=3 => {
                let first = self.random.i32(1..RECIPIENTS);
                if let ClaimAnswer::Granted(claim) = self.world.claim(campaign, first..=first + 20).await {
                    self.open.push(claim);
                }
            }
            4..=6 if !self.open.is_empty() => {
                let claim = self.open.swap_remove(self.random.usize(..self.open.len()));
                let outcome = self.outcome();
                self.world.record(campaign, &claim, &outcome).await;
            }
            7 => {
                let heard = self.heard(campaign);
                self.world.store.ingest(&heard).await.unwrap();
            }
            8 => {
                let ended = "update claim set lease_until = clock_timestamp() - interval '1 minute'";
                self.world.look.execute(ended, &[]).await.unwrap();
                self.world.store.expire_claims(self.world.sender).await.unwrap();
            }
            9 => {
                let resolution = if self.random.bool() { Resolution::Resend } else { Resolution::GiveUp };
                self.world
                    .store
                    .resolve_by_operator(
                        campaign,
                        resolution,
                        ("anna", "test"),
                        (None, std::time::Duration::ZERO),
                    )
                    .await
                    .unwrap();
            }
            10 => self.world.store.fold_counters().await.unwrap(),
            _ => {
                self.world.look.execute("update due set due_at = clock_timestamp()", &[]).await.unwrap();
            }
        }
    }

    fn outcome(&mut self) -> Outcome {
        let reason = reason("X");
        match self.random.u8(..6) {
            0 | 1 => accepted(),
            2 => Outcome::Retry { after: Duration::ZERO, counted: self.random.bool(), reason },
            3 => Outcome::Failed { reason },
            4 => Outcome::Throttled { after: Duration::ZERO, reason },
            _ => Outcome::Unknown { reason },
        }
    }

    /// Receipts and answers of some recipients, some of them known already.
    fn heard(&mut self, campaign: CampaignId) -> Ingest {
        let mut heard = Ingest::default();
        for _ in 0..10 {
            let seq = self.random.i32(1..=RECIPIENTS);
            let statuses =
                [ReceiptStatus::Sent, ReceiptStatus::Delivered, ReceiptStatus::Read, ReceiptStatus::Failed];
            let billable = [None, Some(true), Some(false)][self.random.usize(..3)];
            let receipt = self.world.receipt(campaign, seq, statuses[self.random.usize(..4)]);
            heard.receipts.push(ReceiptRow { billable, ..receipt });
            heard.answers.push(answer(&self.world, campaign, seq, &format!("in{}", self.random.u8(..2))));
        }
        heard
    }

    async fn agrees(&self, seed: u64) {
        let miscounts = self.world.miscounts().await;
        assert!(miscounts.is_empty(), "seed {seed}: {miscounts:?}");
        for disagreement in [
            "select count(*) from report.conservation where difference <> 0 or least(pending, sending, retry) < 0",
            // The sums over the minutes, and over the requests, are the totals.
            "select count(*) from report.campaign c left join (
                select campaign_id, sum(sent) as sent, sum(delivered) as delivered, sum(read) as read,
                    sum(undelivered) as undelivered, sum(answers) as answers
                from report.timeline group by campaign_id) t using (campaign_id)
             where (c.attempts, c.delivered, c.read, c.undelivered, c.answers) is distinct from (
                coalesce(t.sent, 0), coalesce(t.delivered, 0), coalesce(t.read, 0), coalesce(t.undelivered, 0),
                coalesce(t.answers, 0))",
            // So are the sums over the countries.
            "select count(*) from report.campaign c left join (
                select campaign_id, sum(recipients) as recipients, sum(accepted) as accepted, sum(failed) as failed,
                    sum(unknown) as unknown, sum(skipped) as skipped, sum(expired) as expired,
                    sum(cancelled) as cancelled, sum(waiting) as waiting
                from report.country group by campaign_id) t using (campaign_id)
             where (c.recipients, c.accepted, c.failed, c.unknown, c.skipped, c.expired, c.cancelled,
                c.pending + c.sending + c.retry) is distinct from (t.recipients, t.accepted, t.failed, t.unknown, t.skipped,
                t.expired, t.cancelled, t.waiting)",
            "select count(*) from report.campaign c
             where c.attempts <> (select count(*) from report.attempt a where a.campaign_id = c.campaign_id)
                or c.first_sent_at is distinct from (select min(sent_at) from attempt a where a.campaign_id = c.campaign_id)
                or c.attempts - coalesce((select sum(e.attempts) from report.error e where e.campaign_id = c.campaign_id), 0)
                    <> (select count(*) from attempt a where a.campaign_id = c.campaign_id and outcome = 'accepted')
                or c.read <> (select count(read_at) from report.recipient r where r.campaign_id = c.campaign_id)
                or c.answered <> (select count(answered_at) from report.recipient r where r.campaign_id = c.campaign_id)",
        ] {
            assert_eq!(self.world.count(disagreement).await, 0, "seed {seed}: {disagreement}");
        }
    }
}

fn answer(world: &World, campaign: CampaignId, seq: i32, inbound_id: &str) -> AnswerRow {
    AnswerRow {
        about: world.about(campaign, seq),
        at: Some(NOON.parse().unwrap()),
        inbound_id: inbound_id.into(),
        answer: json!({"rating": seq % 5 + 1, "comment": "fine", "with \"quotes'": true}),
        from: None,
    }
}

#[tokio::test]
async fn two_folds_at_once_lose_and_double_nothing() {
    let world = World::new("report_folds", None).await;
    let campaign = world.campaign(600).await;
    let taken = accepted();
    for first in (1..600).step_by(20) {
        let claim = world.granted(campaign, first..=first + 19).await;
        let (recorded, one, other) = tokio::join!(
            world.record(campaign, &claim, &taken),
            world.store.fold_counters(),
            world.store.fold_counters()
        );
        assert_eq!((recorded, one.is_ok(), other.is_ok()), (20, true, true));
        assert!(world.miscounts().await.is_empty());
    }
    world.store.fold_counters().await.unwrap();
    assert_eq!(world.count("select count(*) from counter_delta").await, 0);
    assert_eq!(world.store.report(campaign).await.unwrap().accepted, 600);
    world.close().await;
}

#[tokio::test]
async fn every_view_and_column_says_what_it_is() {
    let world = World::new("report_words", None).await;
    let silent = "
        select count(*) from pg_class c join pg_attribute a on a.attrelid = c.oid
        where c.relnamespace = 'report'::regnamespace and a.attnum > 0
            and (col_description(c.oid, a.attnum) is null or obj_description(c.oid, 'pg_class') is null)";
    assert_eq!(world.count(silent).await, 0);
    assert!(
        world.count("select count(*) from pg_class where relnamespace = 'report'::regnamespace").await >= 14
    );
    world.close().await;
}

#[tokio::test]
async fn answers_become_a_view_with_a_column_a_field() {
    let world = World::new("report_answers", None).await;
    let campaign = world.campaign(3).await;
    let answers = vec![answer(&world, campaign, 1, "a"), answer(&world, campaign, 2, "b")];
    world.store.ingest(&Ingest { answers, ..Ingest::default() }).await.unwrap();
    let make = format!("select report.make_answer_view({campaign})");
    let made = world.look.query_one(&make, &[]).await.unwrap();
    let name: &str = made.get(0);
    assert_eq!(name, format!("report.flow_answer_{campaign}"));
    let select = format!(
        r#"select count(*) from {name} where answer_rating > 1.5 and answer_comment = 'fine' and "answer_with ""quotes'" = 'true'"#
    );
    assert_eq!(world.count(&select).await, 2);
    world.close().await;
}

/// A reader's own connection, with a login made for this test.
pub(crate) async fn reader(world: &World, role: &str, name: &str) -> tokio_postgres::Client {
    let database =
        world.count("select oid::bigint from pg_database where datname = current_database()").await;
    let (user, password) = (format!("reader_{database}_{name}"), "reads");
    let make = format!("create role \"{user}\" login password '{password}' in role {role}");
    world.look.batch_execute(&make).await.unwrap();
    let mut config: tokio_postgres::Config = world.scope.database_url().parse().unwrap();
    config.user(&user).password(password);
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn a_reader_sees_the_views_and_nothing_else_and_changes_nothing() {
    let world = World::new("report_reader", None).await;
    world.campaign(2).await;
    let reads = reader(&world, "flowcast_report", "masked").await;
    let views = "select c.relname from pg_class c where c.relnamespace = 'report'::regnamespace";
    for view in world.look.query(views, &[]).await.unwrap() {
        let view: &str = view.get(0);
        reads.query(&format!("select * from report.{view}"), &[]).await.unwrap();
        for change in ["delete from", "truncate"] {
            assert!(reads.execute(&format!("{change} report.{view}"), &[]).await.is_err(), "{change} {view}");
        }
    }
    let tables = "
        select c.oid::regclass::text from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S')";
    let tables = world.look.query(tables, &[]).await.unwrap();
    assert!(tables.len() > 25, "{}", tables.len());
    for table in tables {
        let table: &str = table.get(0);
        assert!(reads.query(&format!("select * from {table}"), &[]).await.is_err(), "{table} can be read");
        assert!(reads.execute(&format!("delete from {table}"), &[]).await.is_err(), "{table} can be emptied");
    }
    for attempt in [
        "create table mine (id int)",
        "create table report.mine (id int)",
        "select fold_counters()",
        "select make_webhook_days(8)",
        "select create_volume(9)",
        "select rotate_volume(1, '1 day')",
        "select report.create_readers()",
        "select report.make_answer_view(1)",
        "update report.campaign set name = 'x'",
        "begin; select from claim_lock for update",
        "rollback; create temporary table mine (id int)",
        "select lo_create(0)",
    ] {
        assert!(reads.batch_execute(attempt).await.is_err(), "a reader may: {attempt}");
    }
    drop(reads);
    world.close().await;
}

#[tokio::test]
async fn a_reader_who_holds_a_snapshot_and_every_advisory_lock_keeps_no_claim_from_being_granted() {
    let world = World::new("report_holder", Some("1000/s")).await;
    let campaign = world.campaign(4).await;
    let reads = reader(&world, "flowcast_report", "holder").await;
    reads.batch_execute("begin isolation level repeatable read; table report.recipient").await.unwrap();
    // A claim and a record that need an advisory lock do not come to an end while it is held.
    let locks = "select pg_advisory_lock(l.key) from (
        select hashtextextended('claims of a sender', id) as key from generate_series(1, 100) id
        union select hashtext(word) from unnest(array['flowcast.claims', 'claims']) word) l";
    reads.batch_execute(locks).await.unwrap();
    let claim = world.granted(campaign, 1..=2).await;
    world.record(campaign, &claim, &accepted()).await;
    let advisory = "select count(*) from pg_locks where locktype = 'advisory' and pid in (
        select pid from pg_stat_activity where application_name = 'flowcast' and datname = current_database())";
    world.look.batch_execute("begin; select from sender_gate for update").await.unwrap();
    let let_it = async {
        let waits =
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%permit%'
            and datname = current_database()";
        while world.count(waits).await == 0 {
            world.look.batch_execute("select pg_stat_clear_snapshot()").await.unwrap();
        }
        assert_eq!(
            world.count(advisory).await,
            0,
            "a claim holds an advisory lock, which any reader may take"
        );
        world.look.batch_execute("rollback").await.unwrap();
    };
    let (claim, ()) = tokio::join!(world.granted(campaign, 3..=4), let_it);
    assert_eq!(claim.rows.len(), 2);
    drop(reads);
    world.close().await;
}

#[tokio::test]
async fn numbers_are_masked_unless_the_reader_may_see_them() {
    let world = World::new("report_numbers", None).await;
    world.campaign(2).await;
    let select = "select number, calling_code from report.recipient where seq = 2";
    for (role, number) in [("flowcast_report", "254*******01"), ("flowcast_report_numbers", "254712000001")] {
        let reads = reader(&world, role, role).await;
        let row = reads.query_one(select, &[]).await.unwrap();
        assert_eq!((row.get(0), row.get(1)), (number, "254"), "{role}");
        // Nor is there a way around the mask by a condition that tells.
        let seen = "select count(*) from report.recipient where number like '254712%'";
        let seen: i64 = reads.query_one(seen, &[]).await.unwrap().get(0);
        assert_eq!(seen == 2, role == "flowcast_report_numbers");
    }
    world.close().await;
}
