//! Postgres that answers and refuses while a campaign is sent: read-only, another password, rights that are revoked.

use std::time::Duration;

use simulator::{Config, Latency};
use tokio::time::{Instant, sleep, sleep_until};
use url::Url;

use crate::audit::Audit;
use crate::outages::{IN_FLIGHT, RECIPIENTS, SETTINGS, WORKERS, start, world};
use crate::world::{PATIENCE, Process, World};

/// How long Postgres refuses.
const FAULT: Duration = Duration::from_secs(7);
/// Within this time sending goes on; a lease, whose end would be waited for, is longer.
const GOES_ON_WITHIN: Duration = Duration::from_secs(10);

impl World {
    /// Carries statements out; `%` stands for the name of the database.
    async fn about_database(&self, statements: &str) {
        let name: String = self.look.query_one("select current_database()::text", &[]).await.unwrap().get(0);
        self.look.batch_execute(&statements.replace('%', &name)).await.unwrap();
    }

    /// Ends all sessions but ours.
    async fn end_sessions(&self) {
        let end = "
            select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid()";
        self.look.execute(end, &[]).await.unwrap();
    }

    /// Waits until a process logs this.
    async fn logged(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.logs().contains(text) {
            assert!(Instant::now() < deadline, "{text} was not logged; {}", self.logs());
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Each recipient was sent to once and is told so: none is unknown, dead-lettered, late or left over.
    async fn nothing_is_lost(&self, id: &str) {
        self.finished(id).await;
        Audit::of(self).await.holds(0);
        self.each_exactly_once(id, RECIPIENTS.into()).await;
        assert_eq!(self.count("select count(*) from dead_letter").await, 0, "{}", self.logs());
        for text in ["too late", "dead letters", "please report"] {
            assert!(!self.logs().contains(text), "{text} was logged: {}", self.logs());
        }
    }
}

/// Begins a fault in the middle of a campaign, waits until it is told with these words, keeps it for a while, ends it, and
/// sees sending go on.
#[expect(clippy::print_stdout, reason = "the figure that the report gives")]
async fn refuse(world: &World, begin: &str, told: &str, end: &str) {
    world.more_arrive(200).await;
    world.about_database(begin).await;
    world.end_sessions().await;
    world.logged(told).await;
    sleep_until(Instant::now() + FAULT).await;
    let before = world.ledger().summary().requests;
    world.about_database(end).await;
    let ended = Instant::now();
    world.more_arrive(1).await;
    println!("{before} requests before the end, the next one {:?} after it", ended.elapsed());
    assert!(ended.elapsed() < GOES_ON_WITHIN, "{:?}", ended.elapsed());
}

const READ_ONLY: &str = "alter database \"%\" set default_transaction_read_only = on";
const WRITABLE: &str = "alter database \"%\" reset default_transaction_read_only";

#[tokio::test]
async fn a_read_only_postgres_is_waited_out_and_nothing_is_lost() {
    let mut world = world("read_only").await;
    let (id, _processes) = start(&mut world).await;
    world.more_arrive(200).await;
    world.about_database(READ_ONLY).await;
    world.end_sessions().await;
    world.logged("recording is waiting: PostgreSQL is read-only (25006)").await;
    let waiting = world.ok(&["waiting"]).await;
    assert!(waiting.contains("database") && waiting.contains("PostgreSQL is read-only (25006)"), "{waiting}");
    // A second fault of its kind, which finds the connections of the first.
    world.about_database(WRITABLE).await;
    refuse(&world, READ_ONLY, "is read-only", WRITABLE).await;
    world.nothing_is_lost(&id).await;
    world.close().await;
}

/// A user of Postgres with the password `hunter2`, who is dropped with the test.
async fn user(world: &World, name: &str, options: &str) -> (String, String) {
    let name = format!("{name}_{}", world.scope.queue_prefix());
    world.about_database(&format!("create role {name} login {options} password 'hunter2'")).await;
    let mut url = Url::parse(world.scope.database_url()).unwrap();
    url.set_username(&name).unwrap();
    url.set_password(Some("hunter2")).unwrap();
    (name, url.into())
}

async fn drop_user(world: &World, name: &str, processes: [Process; 3]) {
    for process in processes {
        process.stop().await;
    }
    world.about_database(&format!("drop owned by {name}; drop role {name}")).await;
}

#[tokio::test]
async fn a_password_that_is_changed_and_changed_back_loses_nothing() {
    let mut world = world("password").await;
    let (name, url) = user(&world, "changing", "superuser").await;
    world.reach_postgres_at(url);
    let (id, processes) = start(&mut world).await;
    let change = |password: &str| format!("alter role {name} password '{password}'");
    refuse(&world, &change("other"), "PostgreSQL refused user or password (28P01)", &change("hunter2")).await;
    world.nothing_is_lost(&id).await;
    assert!(!world.logs().contains("hunter2"));
    drop_user(&world, &name, processes).await;
    world.close().await;
}

#[tokio::test]
async fn rights_that_are_revoked_and_granted_again_lose_nothing() {
    let mut world = world("rights").await;
    let (name, url) = user(&world, "revoked", "").await;
    world.reach_postgres_at(url);
    let id = world.draft(RECIPIENTS).await;
    let grant = format!(
        "grant select, insert, update, delete, truncate on all tables in schema public to {name};
         grant all on all sequences in schema public to {name}"
    );
    world.about_database(&grant).await;
    let processes = [world.start("producer"), world.start("consumer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    let revoke = format!("revoke update, insert on attempt_v0, recipient_v0, claim from {name}");
    let told = "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE recipient_v0 TO the user of DATABASE_URL";
    refuse(&world, &revoke, told, &grant).await;
    world.nothing_is_lost(&id).await;
    drop_user(&world, &name, processes).await;
    world.close().await;
}

#[tokio::test]
async fn a_worker_that_is_told_to_stop_while_postgres_refuses_ends_in_time_and_doubles_nobody() {
    let mut world = world("stop_refused").await;
    world.file("flowcast.toml", SETTINGS.replace("[consumer]\n", "[consumer]\ndrain = \"2s\"\n"));
    let (id, [_producer, one, other]) = start(&mut world).await;
    world.more_arrive(200).await;
    world.about_database(READ_ONLY).await;
    world.end_sessions().await;
    world.logged("recording is waiting: PostgreSQL is read-only (25006)").await;
    for worker in [one, other] {
        assert!(worker.stop().await.success(), "{}", world.logs());
    }
    world.logged("could not be recorded before the worker stopped").await;
    world.about_database(WRITABLE).await;
    let _worker = world.start("consumer");
    world.finished(&id).await;
    Audit::of(&world).await.holds(WORKERS * IN_FLIGHT);
    assert_eq!(world.count("select count(*) from dead_letter").await, 0);
    world.close().await;
}

#[tokio::test]
async fn claimed_recipients_to_whom_nothing_was_sent_are_given_back_when_a_worker_stops() {
    let latency = Latency::fixed(Duration::from_secs(1));
    let mut world = World::new("give_back", "none", Config { latency, ..Config::default() }).await;
    let settings =
        SETTINGS.replace("[consumer]\nin_flight = 60\nbatch = 20\n", "[consumer]\ndrain = \"4s\"\n");
    world.file("flowcast.toml", settings);
    let id = world.draft(60).await;
    let _producer = world.start("producer");
    let worker = world.start_with("consumer", &[("FLOWCAST_CONSUMER_REQUESTS", "2")]);
    world.ok(&["campaign", "start", &id]).await;
    // All of them are claimed when the first request leaves.
    world.more_arrive(1).await;
    assert!(worker.stop().await.success());
    assert_eq!(world.count("select count(*) from recipient where state in ('sending', 'unknown')").await, 0);
    assert!(world.ledger().summary().requests < 10, "{}", world.ledger().summary().requests);
    let _worker = world.start("consumer");
    world.finished(&id).await;
    Audit::of(&world).await.holds(0);
    world.each_exactly_once(&id, 60).await;
    world.close().await;
}
