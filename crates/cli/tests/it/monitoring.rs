//! Metrics and health of the roles.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use serde_json::Value;
use simulator::{Config, Latency};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::world::{PATIENCE, Process, World, nothing_planted_in};

const PATHS: [&str; 4] = ["/metrics", "/healthz", "/readyz", "/startupz"];
const SAYS: &str = "metrics and health are at http://";

/// A role with the address of its listener.
pub(crate) struct Monitored {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

/// The addresses of all listeners so far, in no order.
pub(crate) fn addresses(world: &World) -> Vec<SocketAddr> {
    let logs = world.logs();
    let after = logs.split(SAYS).skip(1);
    after.filter_map(|after| after.split('/').next()?.parse().ok()).collect()
}

/// Starts a role and waits for its listener.
pub(crate) async fn start(world: &mut World, role: &str) -> Monitored {
    let before = addresses(world);
    let process = world.start(role);
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(address) = addresses(world).into_iter().find(|address| !before.contains(address)) {
            return Monitored { process, address };
        }
        assert!(Instant::now() < deadline, "{role} has no listener; {}", world.logs());
        sleep(Duration::from_millis(20)).await;
    }
}

/// The status, the head and the body of an answer.
async fn get_as(address: SocketAddr, path: &str, accept: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\naccept: {accept}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), body.to_owned())
}

impl Monitored {
    /// The present values by series.
    pub(crate) async fn metrics(&self) -> BTreeMap<String, f64> {
        let (status, _, text) = get_as(self.address, "/metrics", "*/*").await;
        assert_eq!(status, 200);
        nothing_planted_in(&text);
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(name, n)| (name.to_owned(), n.parse().unwrap()))
            .collect()
    }

    /// The sum of the series of this name whose labels contain all of these texts.
    pub(crate) async fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let of_name = |series: &str| series.split('{').next() == Some(name);
        let metrics = self.metrics().await;
        let meant = metrics
            .iter()
            .filter(|(series, _)| of_name(series) && labels.iter().all(|label| series.contains(label)));
        // Without a series the sum is -0.
        meant.map(|(_, value)| value).sum::<f64>() + 0.0
    }

    /// The same, for whole numbers.
    pub(crate) async fn count(&self, name: &str, labels: &[&str]) -> u64 {
        format!("{:.0}", self.sum(name, labels).await).parse().unwrap()
    }

    /// Waits until a sum has this property.
    pub(crate) async fn until(&self, name: &str, labels: &[&str], is_reached: impl Fn(f64) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let sum = self.sum(name, labels).await;
            if is_reached(sum) {
                return;
            }
            assert!(Instant::now() < deadline, "{name} {labels:?} is {sum}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn health(&self, path: &str) -> (u16, Value) {
        let (status, _, body) = get_as(self.address, path, "*/*").await;
        (status, serde_json::from_str(&body).unwrap())
    }

    /// Waits until the path is answered with this status; returns what was shown.
    pub(crate) async fn until_status(&self, path: &str, wanted: u16) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (status, shown) = self.health(path).await;
            if status == wanted {
                return shown;
            }
            assert!(Instant::now() < deadline, "{path} is {status}, not {wanted}: {shown}");
            sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn metrics_and_health_are_answered_at_once_while_postgres_and_rabbitmq_hang() {
    let mut world = World::new("monitoring_hang", "none", Config::default()).await;
    let (postgres, rabbitmq) = (world.proxy_postgres().await, world.proxy_rabbitmq().await);
    let mut roles = Vec::new();
    for role in ["producer", "consumer", "server"] {
        roles.push(start(&mut world, role).await);
    }
    for role in &roles {
        role.until_status("/readyz", 200).await;
    }
    postgres.black_hole(true);
    rabbitmq.black_hole(true);
    // The oldest step is what shows the hang.
    let [producer, consumer, server] = &roles[..] else { unreachable!() };
    producer.until("flowcast_oldest_step_seconds", &["stage=\"feed_round\""], |age| age > 2.0).await;
    for role in &roles {
        for path in PATHS {
            let mut fastest = Duration::MAX;
            for _ in 0..5 {
                let asked = Instant::now();
                get_as(role.address, path, "*/*").await;
                fastest = fastest.min(asked.elapsed());
                assert!(asked.elapsed() < Duration::from_secs(2), "{path} took {:?}", asked.elapsed());
            }
            assert!(fastest < Duration::from_millis(50), "{path} took {fastest:?}");
        }
        assert_eq!(role.health("/healthz").await.0, 200, "a restart mends neither PostgreSQL nor RabbitMQ");
        assert_eq!(role.health("/startupz").await.0, 200);
    }
    // No request is routed to producers and consumers, so they stay ready; a server that cannot commit is not ready.
    let shown = server.until_status("/readyz", 503).await;
    assert_eq!((&shown["status"], &shown["parts"]["postgres"]), (&"not_ready".into(), &"unavailable".into()));
    let deadline = Instant::now() + PATIENCE;
    while consumer.health("/readyz").await.1["parts"]["postgres"] != "unavailable" {
        assert!(Instant::now() < deadline, "the consumer does not show that PostgreSQL hangs");
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(consumer.health("/readyz").await.0, 200);
    assert_eq!(producer.health("/readyz").await.0, 200);
    postgres.black_hole(false);
    rabbitmq.black_hole(false);
    postgres.cut();
    rabbitmq.cut();
    server.until_status("/readyz", 200).await;
    producer.until("flowcast_oldest_step_seconds", &["stage=\"feed_round\""], |age| age < 1.0).await;
    drop(roles);
    world.close().await;
}

#[tokio::test]
async fn a_campaign_is_counted_by_both_roles_and_no_personal_data_is_in_the_metrics() {
    let mut world = World::new("monitoring_counts", "none", Config::default()).await;
    let id = world.draft(500).await;
    let (producer, consumer) = (start(&mut world, "producer").await, start(&mut world, "consumer").await);
    world.ok(&["campaign", "start", &id]).await;
    world.finished(&id).await;
    let ledger = world.ledger().summary();
    let requests = consumer.count("flowcast_requests_total", &["sender=\"ke-main\""]).await;
    assert_eq!(requests, ledger.requests);
    let accepted =
        consumer.count("flowcast_requests_total", &["outcome=\"accepted\"", "role=\"consumer\""]).await;
    assert_eq!(accepted, ledger.accepted);
    assert_eq!(consumer.count("flowcast_request_seconds_count", &[]).await, ledger.requests);
    let confirmed = producer.sum("flowcast_published_total", &["result=\"confirmed\""]).await;
    // 500 recipients are a block of 400 and one of 100.
    assert!(confirmed >= 2.0, "{confirmed}");
    consumer.until("flowcast_deliveries_total", &["acknowledgement=\"ack\""], |n| n >= 2.0).await;
    consumer.until("flowcast_in_flight", &[], |n| n == 0.0).await;
    assert_eq!(consumer.count("flowcast_in_flight_limit", &["stage=\"claimed\""]).await, 1_200);
    assert_eq!(consumer.count("flowcast_outcomes_waiting", &[]).await, 0);
    assert!(consumer.sum("flowcast_claim_seconds_count", &["result=\"granted\""]).await >= 1.0);
    assert!(
        consumer.sum("flowcast_database_statement_seconds_count", &["statement=\"claim_pending\""]).await
            >= 1.0
    );
    let up = ["connection=\"consumer\"", "state=\"up\""];
    assert_eq!(consumer.count("flowcast_broker_connections", &up).await, 1);
    assert!(producer.sum("flowcast_feed_round_timestamp_seconds", &[]).await > 1.7e9);
    assert!(producer.sum("flowcast_maintenance_seconds_count", &["task=\"fold_counters\""]).await >= 1.0);
    assert!(consumer.sum("process_resident_memory_bytes", &[]).await > 1e6);
    let (_, head, text) =
        get_as(consumer.address, "/metrics", "application/openmetrics-text;version=1.0.0").await;
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    assert!(text.ends_with("# EOF\n"));
    nothing_planted_in(&text);
    let (_, head, text) = get_as(consumer.address, "/metrics", "text/plain").await;
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    assert!(text.contains("# TYPE flowcast_requests_total counter") && !text.contains("# EOF"));
    drop((producer, consumer));
    world.close().await;
}

#[tokio::test]
async fn a_role_that_was_told_to_stop_is_draining_at_once_and_stays_alive() {
    let slow = Config { latency: Latency::fixed(Duration::from_secs(15)), ..Config::default() };
    let mut world = World::new("monitoring_drain", "none", slow).await;
    let id = world.draft(20).await;
    let (_producer, consumer) = (world.start("producer"), start(&mut world, "consumer").await);
    consumer.until_status("/readyz", 200).await;
    let listen = consumer.address.to_string();
    let health = async |world: &World| {
        let mut command = world.command(&["health", "--role", "consumer"]);
        command.env("FLOWCAST_METRICS_LISTEN", &listen).output().await.unwrap()
    };
    assert!(health(&world).await.status.success());
    world.ok(&["campaign", "start", &id]).await;
    assert!(world.ledger().wait_until(PATIENCE, |ledger| ledger.in_flight == 20).await);
    let Monitored { process, address } = consumer;
    let asked = async {
        // The process has ended when this is answered no more, so everything is asked while the requests are in flight.
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (status, _, body) = get_as(address, "/readyz", "*/*").await;
            if status == 503 {
                let shown: Value = serde_json::from_str(&body).unwrap();
                assert_eq!((&shown["status"], &shown["role"]), (&"draining".into(), &"consumer".into()));
                break;
            }
            assert!(Instant::now() < deadline, "still ready after SIGTERM: {body}");
        }
        assert_eq!(get_as(address, "/healthz", "*/*").await.0, 200);
        let (_, _, metrics) = get_as(address, "/metrics", "*/*").await;
        assert!(metrics.contains("flowcast_draining{role=\"consumer\"} 1"), "{metrics}");
        let asked = health(&world).await;
        assert_eq!(String::from_utf8_lossy(&asked.stderr), "flowcast: the consumer is draining\n");
        assert_eq!(asked.status.code(), Some(5));
    };
    let (status, ()) = tokio::join!(process.stop(), asked);
    assert!(status.success());
    world.close().await;
}

#[tokio::test]
async fn three_roles_on_one_machine_need_no_settings_and_a_set_address_in_use_is_an_error() {
    let world = World::new("monitoring_ports", "none", Config::default()).await;
    let mut children = Vec::new();
    for role in ["producer", "consumer", "server"] {
        let log = std::fs::File::create(world.folder.path().join(format!("{role}-0.log"))).unwrap();
        let mut command = world.command(&[role]);
        command.env_remove("FLOWCAST_METRICS_LISTEN").env("FLOWCAST_SERVER_LISTEN", "127.0.0.1:0");
        children.push(command.stderr(log).spawn().unwrap());
    }
    let deadline = Instant::now() + PATIENCE;
    while addresses(&world).len() < 3 {
        assert!(Instant::now() < deadline, "{}", world.logs());
        sleep(Duration::from_millis(50)).await;
    }
    let mut found = addresses(&world);
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 3, "each role has a listener of its own");
    let mut command = world.command(&["consumer"]);
    let taken = command.env("FLOWCAST_METRICS_LISTEN", found[0].to_string()).output().await.unwrap();
    let says = String::from_utf8_lossy(&taken.stderr).into_owned();
    assert_eq!(taken.status.code(), Some(4), "{says}");
    assert!(says.contains("FLOWCAST_METRICS_LISTEN") && says.contains(&found[0].to_string()), "{says}");
    drop(children);
    world.close().await;
}

#[tokio::test]
async fn systemd_is_notified_of_ready_watchdog_and_stopping() {
    let mut world = World::new("monitoring_systemd", "none", Config::default()).await;
    let path = world.folder.path().join("notify.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let environment = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "500000")];
    let consumer = world.start_with("consumer", &environment);
    let next = |wanted: &str| {
        let (mut buffer, deadline) = ([0; 64], Instant::now() + PATIENCE);
        loop {
            let n = socket.recv(&mut buffer).unwrap();
            if &buffer[..n] == wanted.as_bytes() {
                return;
            }
            assert!(Instant::now() < deadline, "systemd was not told {wanted}");
        }
    };
    next("READY=1");
    next("WATCHDOG=1");
    next("WATCHDOG=1");
    assert!(consumer.stop().await.success());
    next("STOPPING=1");
    world.close().await;
}

#[tokio::test]
async fn each_series_of_the_installation_comes_from_one_producer_and_moves_when_it_stops() {
    let mut world = World::new("monitoring_producers", "none", Config::default()).await;
    let id = world.draft(100).await;
    let (first, second) = (start(&mut world, "producer").await, start(&mut world, "producer").await);
    let _consumer = world.start("consumer");
    world.ok(&["campaign", "start", &id]).await;
    world.finished(&id).await;
    let paused = world.draft(30).await;
    world.ok(&["campaign", "start", &paused]).await;
    world.ok(&["campaign", "pause", &paused]).await;

    let finished = ["sender=\"ke-main\"", "state=\"finished\""];
    let deadline = Instant::now() + PATIENCE;
    let (feeding, other) = loop {
        let shown = [&first, &second].map(|producer| producer.count("flowcast_campaigns", &finished));
        match futures::future::join_all(shown).await[..] {
            [1, 0] => break (first, second),
            [0, 1] => break (second, first),
            [0, 0] => assert!(Instant::now() < deadline, "no producer shows the installation"),
            ref both => panic!("a series comes from two processes: {both:?}"),
        }
        sleep(Duration::from_millis(100)).await;
    };
    for name in ["flowcast_unarchived_campaigns", "flowcast_workers"] {
        assert!(feeding.count(name, &[]).await >= 1, "{name}");
        assert!(!other.metrics().await.keys().any(|series| series.starts_with(name)), "{name}");
    }
    assert!(
        !feeding
            .metrics()
            .await
            .keys()
            .any(|series| { series.starts_with("flowcast_campaigns{") && series.contains("role=") })
    );
    let printed = world.ok(&["metrics"]).await;
    nothing_planted_in(&printed);
    assert!(printed.contains("flowcast_campaigns{sender=\"ke-main\",state=\"finished\"} 1"), "{printed}");
    assert!(feeding.process.stop().await.success());
    other.until("flowcast_campaigns", &finished, |n| n > 0.5).await;
    world.close().await;
}
