//! PgBouncer in front of Postgres, in both of its modes.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Stdio;
use std::time::Duration;

use simulator::{Config, Latency};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};
use url::Url;

use crate::audit::Audit;
use crate::world::{PATIENCE, World};

const RECIPIENTS: u32 = 2_000;

/// A PgBouncer; killed when dropped.
struct Pooler {
    _child: Child,
    _folder: TempDir,
    url: Url,
}

impl Pooler {
    async fn start(database_url: &str, mode: &str, setting: &str) -> Self {
        let mut url = Url::parse(database_url).unwrap();
        let port = devstack::free_port().unwrap();
        let folder =
            tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o755)).tempdir().unwrap();
        let users = folder.path().join("users.txt");
        let login = format!("\"{}\" \"{}\"\n", url.username(), url.password().unwrap_or_default());
        std::fs::write(&users, login).unwrap();
        let settings = format!(
            "[databases]\n* = host={} port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = trust\nauth_file = {}\npool_mode = {mode}\n{setting}\n",
            url.host_str().unwrap(),
            url.port().unwrap_or(5432),
            users.display()
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, settings).unwrap();
        let mut command = Command::new("pgbouncer");
        // It does not run as root.
        if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
            command.args(["-u", "nobody"]);
        }
        let child = command.arg("-q").arg(&file).stdin(Stdio::null()).kill_on_drop(true).spawn();
        // Where it is not installed, scripts/bootstrap faults does that.
        let child = child.unwrap();
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(Instant::now() < deadline, "PgBouncer does not listen");
            sleep(Duration::from_millis(20)).await;
        }
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(port)).unwrap();
        Self { _child: child, _folder: folder, url }
    }

    fn url(&self, pgbouncer: &str) -> String {
        let mut url = self.url.clone();
        if !pgbouncer.is_empty() {
            url.query_pairs_mut().append_pair("pgbouncer", pgbouncer);
        }
        url.into()
    }
}

/// Its version, as the parts before and behind the dot.
async fn version() -> (u32, u32) {
    let output = Command::new("pgbouncer").arg("--version").output().await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let number = said.split_whitespace().nth(1).unwrap();
    let mut parts = number.split('.').map(|part| part.parse().unwrap());
    (parts.next().unwrap(), parts.next().unwrap())
}

/// Runs a command with this address of Postgres, and gives its exit code and what it said.
async fn run(world: &World, url: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let output = world.command(arguments).env("DATABASE_URL", url).output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

/// Migrates, twice, and sends a campaign, everything through the pooler.
async fn campaign(name: &str, mode: &str, setting: &str) {
    let latency = Latency::fixed(Duration::from_millis(20));
    let bare = World::bare(name, Config { latency, ..Config::default() }).await;
    let pooler = Pooler::start(bare.scope.database_url(), mode, setting).await;
    let url = pooler.url(mode);
    for _ in 0..2 {
        let (code, said) = run(&bare, &url, &["migrate"]).await;
        assert_eq!(code, Some(0), "{said}");
    }
    let locks = "select count(*) from pg_locks where locktype = 'advisory' and mode = 'ExclusiveLock'";
    assert_eq!(bare.count(locks).await, 0, "the migration left its lock");
    let mut world = bare;
    world.add_sender("500/s").await;
    world.reach_postgres_at(url.clone());
    let id = world.draft(RECIPIENTS).await;
    let _processes = [world.start("producer"), world.start("consumer"), world.start("consumer")];
    let (code, said) = run(&world, &url, &["campaign", "start", &id]).await;
    assert_eq!(code, Some(0), "{said}");
    world.finished(&id).await;
    Audit::of(&world).await.holds(0);
    world.each_exactly_once(&id, RECIPIENTS.into()).await;
    assert!(!world.logs().contains("is waiting"), "{}", world.logs());
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_is_sent_through_pgbouncer_in_session_mode() {
    campaign("pooler_session", "session", "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_is_sent_through_pgbouncer_in_transaction_mode_where_it_keeps_prepared_statements() {
    if version().await >= (1, 21) {
        return campaign("pooler_transaction", "transaction", "max_prepared_statements = 200").await;
    }
    let mut world = World::new("pooler_old", "none", Config::default()).await;
    let pooler = Pooler::start(world.scope.database_url(), "transaction", "default_pool_size = 2").await;
    world.reach_postgres_at(pooler.url("transaction"));
    let _processes = [world.start("producer"), world.start("consumer"), world.start("consumer")];
    let deadline = Instant::now() + PATIENCE;
    while !world.logs().contains("from version 1.21 on max_prepared_statements to 200") {
        assert!(Instant::now() < deadline, "it is not told; {}", world.logs());
        sleep(Duration::from_millis(50)).await;
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_pgbouncer_refuses_is_told_in_one_sentence() {
    let world = World::new("pooler_refuses", "none", Config::default()).await;
    let pooler = Pooler::start(world.scope.database_url(), "session", "").await;
    for arguments in [&["campaign", "list"][..], &["migrate"], &["consumer"]] {
        let (code, said) = run(&world, &pooler.url(""), arguments).await;
        assert!(
            said.contains("PgBouncer refused a setting") && said.contains("add pgbouncer=session"),
            "{said}"
        );
        assert_eq!(code, Some(4), "{said}");
    }
    world.close().await;
}
