//! Services of its own for each test, a simulated provider, and the `flowcast` processes.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use broker::{Publisher, Topology};
use devstack::{Proxy, Scope, Stack};
use secrecy::SecretString;
use simulator::{Ledger, Running, Simulator};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, NoTls};
use tokio_util::sync::CancellationToken;
use url::Url;

pub(crate) use crate::process::Process;

/// The key the simulated provider knows; it must be found in no log.
pub(crate) const KEY: &str = "key-7f3a9c51";
/// What no log, error, queue or dead letter may hold: the key, numbers of recipients and of the sender, a recipient's
/// variable, and the text of the message.
const PLANTED: [&str; 5] = [KEY, "254712", "Name1", "919900000000", "how was your visit"];
/// Everything must have happened by then, on a slow machine too.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) const CAMPAIGN: &str = include_str!("../../../../examples/campaign.toml");

/// One installation: services, a provider, a sender `ke-main`, and a folder for files and logs.
pub(crate) struct World {
    pub(crate) scope: Scope,
    pub(crate) provider: Running,
    pub(crate) look: Client,
    pub(crate) folder: TempDir,
    /// The account of the sender, and the word for its provider.
    account: (String, &'static str),
    processes: u32,
    /// The address of Postgres for commands and processes; `None`: that of the scope.
    pub(crate) database_url: Option<String>,
    /// Addresses that the processes are given instead of the true ones.
    detours: Vec<(&'static str, String)>,
}

impl World {
    /// Everything there, tables made, the sender added with this rate (`none` or `20/s`).
    pub(crate) async fn new(name: &str, rate: &str, provider: simulator::Config) -> Self {
        Self::on(Stack::shared().await.unwrap(), name, rate, provider).await
    }

    /// The same, on services of its own.
    pub(crate) async fn on(stack: &Stack, name: &str, rate: &str, provider: simulator::Config) -> Self {
        let world = Self::bare_on(stack, name, provider).await;
        world.ok(&["migrate"]).await;
        world.add_sender(rate).await;
        world
    }

    /// Adds the sender `ke-main` with this rate.
    pub(crate) async fn add_sender(&self, rate: &str) {
        let (base_url, (account, kind)) = (self.provider.base_url(), &self.account);
        self.ok(&[
            "sender",
            "add",
            "ke-main",
            "--provider",
            kind,
            "--base-url",
            &base_url,
            "--number",
            "+919900000000",
            "--account",
            account,
            "--api-key-env",
            "TEST_PROVIDER_KEY",
            "--rate",
            rate,
        ])
        .await;
    }

    /// Services and a provider, but no tables.
    pub(crate) async fn bare(name: &str, provider: simulator::Config) -> Self {
        Self::bare_on(Stack::shared().await.unwrap(), name, provider).await
    }

    async fn bare_on(stack: &Stack, name: &str, mut provider: simulator::Config) -> Self {
        let scope = stack.scope(name).await.unwrap();
        let account = (provider.account.clone(), provider.provider.word());
        provider.api_key = SecretString::from(KEY);
        let provider = Simulator::start(provider).await.unwrap();
        let (look, connection) = tokio_postgres::connect(scope.database_url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        // Compiling the statements would take longer than they run.
        look.batch_execute("set jit = off").await.unwrap();
        for queue in ["sender.1", "dead"] {
            scope.track_queue(format!("{}.{queue}", scope.queue_prefix()));
        }
        scope.track_exchange(format!("{}.dead", scope.queue_prefix()));
        Self {
            scope,
            provider,
            look,
            folder: tempfile::tempdir().unwrap(),
            account,
            processes: 0,
            database_url: None,
            detours: Vec::new(),
        }
    }

    /// A `flowcast` command in this installation.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowcast"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("DATABASE_URL", self.database_url.as_deref().unwrap_or(self.scope.database_url()))
            .env("AMQP_URL", self.scope.amqp_url())
            .env("FLOWCAST_BROKER_PREFIX", self.scope.queue_prefix())
            .env("FLOWCAST_ACTOR", "operator")
            .env("TEST_PROVIDER_KEY", KEY)
            .env("FLOWCAST_CONSOLE_LISTEN", "127.0.0.1:0")
            .env("FLOWCAST_METRICS_LISTEN", "127.0.0.1:0")
            // All workers compete for each sender, which is the harder case; `assignment` tests the default.
            .env("FLOWCAST_CONSUMER_WORKERS_PER_SENDER", "32")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs a command that must succeed, and gives what it printed.
    pub(crate) async fn ok(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.command(arguments).output().await.unwrap();
        let (said, wrong) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "{arguments:?} ended with {status}: {said}{wrong}");
        said.into_owned()
    }

    /// Runs a command that must fail, and gives its exit code and its one sentence.
    pub(crate) async fn fails(&self, arguments: &[&str]) -> (i32, String) {
        let Output { status, stderr, .. } = self.command(arguments).output().await.unwrap();
        let wrong = String::from_utf8_lossy(&stderr).trim().to_owned();
        nothing_planted_in(&wrong);
        (status.code().unwrap(), wrong)
    }

    /// Starts a role; what it logs goes to a file of its own.
    pub(crate) fn start(&mut self, role: &str) -> Process {
        self.start_with(role, &[])
    }

    /// The same, with these environment variables.
    pub(crate) fn start_with(&mut self, role: &str, environment: &[(&str, &str)]) -> Process {
        self.processes += 1;
        let log = self.folder.path().join(format!("{role}-{}.log", self.processes));
        let mut command = self.command(&[role]);
        command.envs(self.detours.iter().map(|(name, url)| (*name, url)));
        command.envs(environment.iter().copied());
        let child = command.stderr(std::fs::File::create(log).unwrap()).spawn().unwrap();
        Process::of(child)
    }

    /// Puts a proxy between RabbitMQ and the processes that are started from now on.
    pub(crate) async fn proxy_rabbitmq(&mut self) -> Proxy {
        let url = self.scope.amqp_url().to_owned();
        self.detour("AMQP_URL", &url, 5672).await
    }

    /// Puts a proxy between Postgres and the processes that are started from now on.
    pub(crate) async fn proxy_postgres(&mut self) -> Proxy {
        let url = self.scope.database_url().to_owned();
        self.detour("DATABASE_URL", &url, 5432).await
    }

    /// Puts a proxy between the provider and the processes that are started from now on.
    pub(crate) async fn proxy_provider(&self) -> Proxy {
        let mut url = Url::parse(&self.provider.base_url()).unwrap();
        let target = (url.host_str().unwrap(), url.port().unwrap());
        let target = tokio::net::lookup_host(target).await.unwrap().next().unwrap();
        let proxy = Proxy::start(target).await.unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(proxy.addr().port())).unwrap();
        self.look.execute("update sender set base_url = $1", &[&url.as_str()]).await.unwrap();
        proxy
    }

    /// Gives the processes that are started from now on this address of Postgres.
    pub(crate) fn reach_postgres_at(&mut self, url: String) {
        self.detours.push(("DATABASE_URL", url));
    }

    async fn detour(&mut self, name: &'static str, url: &str, default_port: u16) -> Proxy {
        let mut url = Url::parse(url).unwrap();
        let target = (url.host_str().unwrap(), url.port().unwrap_or(default_port));
        let target = tokio::net::lookup_host(target).await.unwrap().next().unwrap();
        let proxy = Proxy::start(target).await.unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(proxy.addr().port())).unwrap();
        self.detours.push((name, url.to_string()));
        proxy
    }

    /// A campaign with this many recipients, ready to be started.
    pub(crate) async fn draft(&self, recipients: u32) -> String {
        self.draft_with("", recipients).await
    }

    /// The same, with this line more in its `[policy]`.
    pub(crate) async fn draft_with(&self, policy: &str, recipients: u32) -> String {
        self.draft_of(&format!("{CAMPAIGN}\n{policy}\n"), recipients).await
    }

    /// The campaign of this file with this many recipients, ready to be started.
    pub(crate) async fn draft_of(&self, campaign: &str, recipients: u32) -> String {
        let file = self.file("campaign.toml", campaign);
        let id = self.ok(&["campaign", "create", &file]).await.trim().to_owned();
        if recipients == 0 {
            return id;
        }
        let rows = (0..recipients).map(|n| format!("{},Name{n}\n", 254_712_000_000 + u64::from(n)));
        let list: String = std::iter::once("phone,first_name\n".to_owned()).chain(rows).collect();
        let list = self.file("list.csv", &list);
        self.ok(&["campaign", "import", &id, &list]).await;
        id
    }

    /// Writes a file and gives its path.
    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path: PathBuf = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    }

    pub(crate) fn ledger(&self) -> Ledger {
        self.provider.ledger()
    }

    /// Waits until this many more requests have arrived at the provider.
    pub(crate) async fn more_arrive(&self, requests: u64) {
        let enough = self.ledger().summary().requests + requests;
        let arrived = self.ledger().wait_until(PATIENCE, |ledger| ledger.requests >= enough).await;
        assert!(arrived, "nothing is sent any more; {}", self.logs());
    }

    /// One number of the database.
    pub(crate) async fn count(&self, select: &str) -> i64 {
        self.look.query_one(select, &[]).await.unwrap().get(0)
    }

    /// The recipients of a campaign whose message was accepted.
    pub(crate) async fn accepted(&self, id: &str) -> i64 {
        self.count(&format!("select accepted from report.campaign where campaign_id = {id}")).await
    }

    /// Waits until so many messages of a campaign were accepted.
    pub(crate) async fn until_accepted(&self, id: &str, least: i64) {
        let enough = format!(
            "select (accepted >= {least})::int::bigint from report.campaign where campaign_id = {id}"
        );
        self.until(&enough, 1).await;
    }

    /// Waits until a query gives this number; meanwhile the books must balance at every look.
    pub(crate) async fn until(&self, select: &str, wanted: i64) {
        self.until_after(select, wanted, PATIENCE).await;
    }

    /// Waits so long for a query to give this number.
    pub(crate) async fn until_after(&self, select: &str, wanted: i64, patience: Duration) {
        let deadline = Instant::now() + patience;
        loop {
            let unbalanced = "select count(*) from report.conservation where difference <> 0";
            assert_eq!(self.count(unbalanced).await, 0, "the books do not balance");
            let miscounted = "select count(*) from campaign c cross join lateral miscount_of(c.id)";
            assert_eq!(self.count(miscounted).await, 0, "the reports do not say what the tables hold");
            let found = self.count(select).await;
            if found == wanted {
                return;
            }
            let is_late = Instant::now() > deadline;
            let standing = if is_late { self.standing().await } else { String::new() };
            assert!(!is_late, "{select} is {found}, not {wanted}; {standing} {}", self.logs());
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Where everything stands, for the reader of a failed test.
    async fn standing(&self) -> String {
        let select = "select jsonb_build_object(
            'recipients', (select jsonb_agg(s) from (
                select campaign_id, state, reason_code, count(*) as n, min(seq) as first from recipient group by 1, 2, 3) s),
            'campaigns', (select jsonb_agg(to_jsonb(c) - 'definition') from campaign c),
            'feeds', (select jsonb_agg(f) from campaign_feed f), 'gates', (select jsonb_agg(g) from sender_gate g),
            'claims', (select jsonb_agg(c) from (select * from claim limit 5) c),
            'due', (select jsonb_agg(d) from (select * from due order by publish_at limit 5) d),
            'now', clock_timestamp())::text";
        let standing: String = self.look.query_one(select, &[]).await.unwrap().get(0);
        let depth = self.try_depth().await.map_or_else(|error| error.to_string(), |depth| depth.to_string());
        format!("{standing} messages in the queue of sender 1: {depth}\n")
    }

    /// Waits until the campaign is finished.
    pub(crate) async fn finished(&self, id: &str) {
        self.finished_after(id, PATIENCE).await;
    }

    /// Waits so long for the campaign to be finished.
    pub(crate) async fn finished_after(&self, id: &str, patience: Duration) {
        let finished = format!("select count(*) from campaign where id = {id} and state = 'finished'");
        self.until_after(&finished, 1, patience).await;
    }

    /// The ledger holds each of so many recipients exactly once, and the report says the same.
    pub(crate) async fn each_exactly_once(&self, id: &str, recipients: u64) {
        let ledger = self.ledger().summary();
        assert_eq!(
            (ledger.accepted, ledger.distinct_recipients, ledger.accepted_more_than_once),
            (recipients, recipients, 0)
        );
        let report = self.ok(&["campaign", "report", id, "--format", "json"]).await;
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        assert_eq!((report["accepted"].as_u64(), report["difference"].as_i64()), (Some(recipients), Some(0)));
    }

    /// How a test reaches the queues of this installation by hand.
    pub(crate) fn broker(&self) -> broker::Config {
        let config = broker::Config::new(SecretString::from(self.scope.amqp_url()));
        broker::Config { prefix: self.scope.queue_prefix().to_owned(), ..config }
    }

    /// A connection for consumers of a test.
    pub(crate) fn connection(&self) -> broker::Connection {
        broker::Connection::new(self.broker(), "test")
    }

    /// How many messages are in the sender's queue, those delivered and not acknowledged included.
    pub(crate) async fn depth(&self) -> u64 {
        self.try_depth().await.unwrap()
    }

    /// The number of messages in the queue of sender 1, or the error if RabbitMQ refuses the queue.
    async fn try_depth(&self) -> Result<u64, broker::Error> {
        let closing = CancellationToken::new();
        let (publisher, publishing) = Publisher::start(self.broker(), closing.clone());
        let queue = Topology::new(self.scope.queue_prefix()).sender_queue(1);
        let depth = publisher.depth(&queue).await;
        closing.cancel();
        publishing.await.unwrap();
        depth.map(u64::from)
    }

    /// What all processes logged.
    pub(crate) fn logs(&self) -> String {
        let mut logs = Vec::new();
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "log") {
                logs.push(path.display().to_string());
                logs.push(std::fs::read_to_string(&path).unwrap());
            }
        }
        logs.join("\n")
    }

    /// Removes everything, and says what could not be removed. In no test may a log hold what belongs to a recipient.
    pub(crate) async fn close(self) {
        nothing_planted_in(&self.logs());
        let Self { scope, provider, look, .. } = self;
        drop(look);
        provider.shutdown().await;
        scope.close().await.unwrap();
    }
}

/// Fails where a log, an error or a message holds what belongs to a recipient.
pub(crate) fn nothing_planted_in(text: &str) {
    // The digits of a time are no number of a recipient.
    let times = regex::Regex::new(r"duration_ms=[0-9.]+|\.[0-9]{6}Z").unwrap();
    let text = times.replace_all(text, "");
    for planted in PLANTED {
        assert!(!text.contains(planted), "{planted} is in:\n{text}");
    }
}
