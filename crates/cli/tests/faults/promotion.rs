//! A primary that dies or is suspended, and its standby, which is promoted at an address of its own. All processes know both addresses.

use std::collections::BTreeSet;
use std::time::Duration;

use devstack::{PostgresPair, Stack};
use simulator::{Config, Latency, Webhook};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_postgres::{Client, NoTls};

use crate::audit::Audit;
use crate::receiving::Receiving;
use crate::world::{PATIENCE, Process, World, nothing_planted_in};

const RECIPIENTS: u32 = 6_000;
const SETTINGS: &str = "[http]\ntimeout = \"2s\"\nconnect_timeout = \"1s\"\n";
const TRUST: &str = "[postgres]\nfailover = \"trust-synchronous\"\n";
/// The same, and PostgreSQL that does not answer is given up soon.
const TRUST_AND_SHORT: &str =
    "[postgres]\nfailover = \"trust-synchronous\"\nstatement_timeout = \"4s\"\nanswer_timeout = \"5s\"\n";
/// How long nothing may be sent, and how long a standby is away.
const WATCHED: Duration = Duration::from_secs(20);
/// The most requests that two consumers have in flight when PostgreSQL goes away.
const UNDER_WAY: u64 = 1_200;
/// Consumers that recorded again all they know.
const RECORDED_AGAIN: &str = "select count(*) from live_worker where recorded_again_at is not null";
/// Recipients whose message was delivered.
const DELIVERED: &str = "receipt join recipient using (campaign_id, seq) where delivered_at is not null";
/// Stops because of the database, in force.
const HELD: &str = "select count(*) from hold where reason = 'database_failed_over' and ended_at is null";

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A running campaign whose database is the primary of a pair.
struct Under<'a> {
    world: World,
    pair: PostgresPair<'a>,
    id: String,
    processes: Vec<Process>,
}

impl<'a> Under<'a> {
    /// Starts it with these settings, and waits until some recipients are sent to.
    async fn way(stack: &'a Stack, name: &str, is_synchronous: bool, settings: &str) -> Self {
        let latency = Latency::fixed(Duration::from_millis(20));
        let mut world =
            World::on(stack, name, "200/s,burst=10", Config { latency, ..Config::default() }).await;
        world.scope.leave_to_stack();
        world.file("flowcast.toml", format!("{SETTINGS}{settings}"));
        let id = world.draft(RECIPIENTS).await;
        let pair = if is_synchronous {
            PostgresPair::synchronous(stack.postgres()).await.unwrap()
        } else {
            PostgresPair::of(stack.postgres()).await.unwrap()
        };
        world.database_url = Some(pair.url_of_both(world.scope.database_url()).unwrap());
        let processes = ["producer", "consumer", "consumer"].map(|role| world.start(role)).into();
        world.ok(&["campaign", "start", &id]).await;
        world.more_arrive(400).await;
        Self { world, pair, id, processes }
    }

    /// Waits until a producer noted that a synchronous standby is connected.
    async fn noted(&self) {
        self.world.until("select count(*) from failover_note where seen_at > '-infinity'", 1).await;
    }

    /// Promotes the standby, and looks at it from now on. Returns when it took writes.
    async fn promote(&mut self) -> Instant {
        self.pair.promote().await.unwrap();
        let promoted = Instant::now();
        let url = self.pair.url_at_standby(self.world.scope.database_url()).unwrap();
        self.world.look = connect(&url).await;
        promoted
    }

    /// The standby falls behind by this many recipients and more, the primary dies, and the standby is promoted.
    async fn loses(&mut self, recipients: u64) {
        self.pair.let_standby_fall_behind().await.unwrap();
        self.world.more_arrive(recipients).await;
        self.pair.primary().kill().await.unwrap();
        self.promote().await;
        self.world.until(HELD, 1).await;
    }

    /// The numbers in a table.
    async fn numbers(&self, table: &str) -> BTreeSet<i64> {
        let select = format!("select msisdn from {table}");
        self.world.look.query(&select, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// Waits until the promoted standby is confirmed and is sent from, and prints how long both took. Returns the second.
    #[expect(clippy::print_stdout, reason = "the figures of the report")]
    async fn goes_on(&self, promoted: Instant) -> Duration {
        let deadline = Instant::now() + PATIENCE;
        while self.world.count("select is_confirmed()::int::bigint").await == 0 {
            assert!(Instant::now() < deadline, "the standby was not confirmed; {}", self.world.logs());
            sleep(Duration::from_millis(20)).await;
        }
        let confirmed = promoted.elapsed();
        // A claim of the promoted standby, not a request that was claimed before.
        let claim = "
            select (last_value > 1000000000 and exists (select from attempt where claim_id > 1000000000))::int::bigint from claim_id_seq";
        while self.world.count(claim).await == 0 {
            assert!(Instant::now() < deadline, "nothing is sent; {}", self.world.logs());
            sleep(Duration::from_millis(20)).await;
        }
        let sent = promoted.elapsed();
        println!(
            "after the promotion: confirmed in {confirmed:?}, the first new message was recorded in {sent:?}"
        );
        sent
    }

    /// Checks that no request arrives for a while, after those in flight. Returns the number of requests.
    async fn nothing_is_sent(&self) -> u64 {
        sleep_until(Instant::now() + WATCHED / 4).await;
        let before = self.world.ledger().summary().requests;
        sleep_until(Instant::now() + WATCHED).await;
        assert_eq!(self.world.ledger().summary().requests, before, "{}", self.world.logs());
        before
    }

    /// What the roles show to Prometheus.
    async fn scrapes(&self) -> Vec<String> {
        let logs = self.world.logs();
        let addresses = logs.split("metrics and health are at http://").skip(1);
        let mut scrapes = Vec::new();
        for address in addresses.filter_map(|after| after.split('/').next()) {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            scrapes.push(answer);
        }
        scrapes
    }

    fn logged(&self, text: &str) -> bool {
        self.world.logs().contains(text)
    }

    /// Waits for the end of the campaign, and checks that no recipient is lost or sent to twice.
    async fn ends(self, unknown_at_most: u64) {
        self.world.finished(&self.id).await;
        Audit::of(&self.world).await.holds(unknown_at_most);
        self.close().await;
    }

    /// Ends the processes; everything else ends with the stack.
    async fn close(self) {
        for process in self.processes {
            process.kill().await;
        }
        nothing_planted_in(&self.world.logs());
        self.world.provider.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_synchronous_standby_that_is_promoted_is_trusted_and_sending_goes_on_by_itself() {
    let stack = Stack::private_installed().await.unwrap();
    let mut under = Under::way(&stack, "trusted", true, TRUST).await;
    under.noted().await;
    under.pair.primary().kill().await.unwrap();
    let promoted = under.promote().await;
    under.goes_on(promoted).await;
    assert!(under.logged("(trust-synchronous)"));
    let shown = under.world.ok(&["database", "show"]).await;
    assert!(shown.contains("confirmed by trust-synchronous") && shown.contains("00000002"), "{shown}");
    let audit =
        "select count(*) from audit where action = 'database.confirm' and actor = 'trust-synchronous'";
    assert_eq!((under.world.count(audit).await, under.world.count(HELD).await), (1, 0));
    under.ends(UNDER_WAY).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_synchronous_standby_that_is_promoted_waits_for_a_person_by_default() {
    let stack = Stack::private_installed().await.unwrap();
    let mut under = Under::way(&stack, "not_trusted", true, "").await;
    under.pair.primary().kill().await.unwrap();
    under.promote().await;
    under.world.until(HELD, 1).await;
    under.nothing_is_sent().await;
    let confirmed = under.world.ok(&["database", "confirm", "--resume"]).await;
    assert!(confirmed.contains("resumed senders: ke-main"), "{confirmed}");
    under.ends(UNDER_WAY).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_asynchronous_standby_that_is_behind_is_not_trusted() {
    let stack = Stack::private_installed().await.unwrap();
    let mut under = Under::way(&stack, "behind", false, TRUST).await;
    under.loses(300).await;
    under.nothing_is_sent().await;
    assert!(under.logged("it is not trusted: commits did not wait for a synchronous standby"));
    let audit = Audit::of(&under.world).await;
    assert_eq!(audit.doubled, 0, "{audit}");
    under.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_asynchronous_standby_lost_is_recorded_again_by_living_consumers() {
    let stack = Stack::private_installed().await.unwrap();
    let mut under = Under::way(&stack, "again", false, "").await;
    under.loses(300).await;
    under.world.until(RECORDED_AGAIN, 2).await;
    let lost = under.world.count("select sum(recorded_again)::bigint from live_worker").await;
    assert!(lost > 200, "{lost} outcomes were lost");
    let shown = under.world.ok(&["database", "show"]).await;
    println!("{shown}");
    let confirmed = under.world.ok(&["database", "confirm", "--resume"]).await;
    assert!(confirmed.contains("resumed senders: ke-main"), "{confirmed}");
    under.ends(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_and_opt_outs_that_an_asynchronous_standby_lost_are_stored_again() {
    let stack = Stack::private_installed().await.unwrap();
    let mut under = Under::way(&stack, "posts", false, "").await;
    let receiving = Receiving::start(&mut under.world, &[]).await;
    receiving.is_told_by(&under.world, Webhook { opted_out: 0.2, ..Webhook::default() });
    under.world.more_arrive(400).await;
    under.pair.let_standby_fall_behind().await.unwrap();
    let before = under.numbers("suppression").await.len();
    under.world.more_arrive(400).await;
    let (opted_out, delivered) = (under.numbers("suppression").await, under.numbers(DELIVERED).await);
    assert!(opted_out.len() > before + 10, "{} and {before} opt-outs", opted_out.len());
    under.pair.primary().kill().await.unwrap();
    under.promote().await;
    let deadline = Instant::now() + PATIENCE;
    while !under.numbers("suppression").await.is_superset(&opted_out)
        || !under.numbers(DELIVERED).await.is_superset(&delivered)
        || !under.logged("rows of webhook requests of the last minutes are stored again")
    {
        assert!(Instant::now() < deadline, "opt-outs or receipts are lost; {}", under.world.logs());
        sleep(Duration::from_millis(50)).await;
    }
    under.world.until(RECORDED_AGAIN, 2).await;
    under.world.ok(&["database", "confirm", "--resume"]).await;
    under.processes.push(receiving.server);
    under.ends(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recipients_that_killed_consumers_may_have_sent_to_become_unknown() {
    let stack = Stack::private_installed().await.unwrap();
    let mut under = Under::way(&stack, "assumed", false, "").await;
    under.pair.let_standby_fall_behind().await.unwrap();
    under.world.more_arrive(300).await;
    for consumer in under.processes.drain(1..) {
        consumer.kill().await;
    }
    under.pair.primary().kill().await.unwrap();
    under.promote().await;
    under.world.until(HELD, 1).await;
    let (code, refused) = under.world.fails(&["database", "confirm", "--assume-sent", "10s"]).await;
    assert!(
        code == 4 && refused.contains("has not recorded again what PostgreSQL may have lost"),
        "{code} {refused}"
    );
    let confirm = ["database", "confirm", "--assume-sent", "10s", "--force", "--resume"];
    let confirmed = under.world.ok(&confirm).await;
    println!("{confirmed}");
    assert!(confirmed.contains("that may have been sent to are unknown"), "{confirmed}");
    let before = under.world.ledger().summary().requests;
    under.processes.push(under.world.start("consumer"));
    under.world.finished(&under.id).await;
    assert!(under.world.ledger().summary().requests > before, "the rest of the list was not sent");
    under.ends(3_500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_primary_is_left_for_the_promoted_standby() {
    let stack = Stack::private_installed().await.unwrap();
    let mut under = Under::way(&stack, "suspended", true, TRUST).await;
    under.noted().await;
    under.pair.primary().freeze().await.unwrap();
    let promoted = under.promote().await;
    under.goes_on(promoted).await;
    assert!(under.logged("does not answer: a statement got no answer within"));
    assert!(
        !under.logged("a statement got no answer within 30s"),
        "nothing was noticed before answer_timeout"
    );
    under.ends(UNDER_WAY).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_synchronous_standby_nothing_is_sent_and_this_is_told() {
    let stack = Stack::private_installed().await.unwrap();
    let under = Under::way(&stack, "standby_away", true, TRUST_AND_SHORT).await;
    under.noted().await;
    under.pair.standby().kill().await.unwrap();
    let sent = under.nothing_is_sent().await;
    let waiting = under.world.ok(&["waiting"]).await;
    println!("{waiting}");
    assert!(waiting.contains("its commits wait for a synchronous standby that is away"), "{waiting}");
    let checked = under.world.ok(&["check-config"]).await;
    assert!(checked.contains("no synchronous standby is connected, so a failover would wait"), "{checked}");
    let mut told = BTreeSet::new();
    for role in under.scrapes().await {
        let wanted = ["flowcast_database_sync_standbys", "flowcast_oldest_step_seconds"];
        told.extend(
            role.lines().filter(|line| wanted.iter().any(|name| line.starts_with(name))).map(str::to_owned),
        );
    }
    println!("{told:#?}");
    for series in ["flowcast_database_sync_standbys 0.0", "flowcast_database_sync_standbys_wanted 1.0"] {
        assert!(told.contains(series), "{told:?}");
    }
    assert!(
        under.logged("or a commit waits for a synchronous standby that is away"),
        "{}",
        under.world.logs()
    );
    // Commits whose connection was dropped still wait in PostgreSQL. They are few, because they hold the locks that others need.
    let waiting = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'";
    let waiting = under.world.count(waiting).await;
    let sessions = under
        .world
        .count("select count(*) from pg_stat_activity where backend_type = 'client backend'")
        .await;
    println!("{sent} requests before; {waiting} commits wait for the standby, of {sessions} sessions");
    assert!(sessions < 100, "{sessions}");
    under.pair.standby().start().await.unwrap();
    let back = Instant::now();
    under.world.more_arrive(1).await;
    println!("the next request {:?} after the standby was back", back.elapsed());
    under.ends(UNDER_WAY).await;
}
