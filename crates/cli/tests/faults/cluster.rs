//! A RabbitMQ cluster of three nodes, of which some are killed or frozen during a campaign.

use std::time::Duration;

use devstack::{RabbitCluster, RabbitMq, Stack};
use simulator::{Config, Latency};
use tokio::time::Instant;

use crate::audit::Audit;
use crate::world::{PATIENCE, Process, World};

const RECIPIENTS: u32 = 7_500;
const SETTINGS: &str = "[http]\ntimeout = \"2s\"\nconnect_timeout = \"1s\"\n[broker]\norder = \"listed\"\n";

/// A running campaign whose RabbitMQ is a cluster. All processes are connected to the first node.
struct Run {
    world: World,
    id: String,
    processes: Vec<Process>,
    cluster: RabbitCluster,
    /// Its PostgreSQL.
    _stack: Stack,
}

impl Run {
    /// Starts everything, and waits until a third is sent.
    async fn start(name: &str) -> Self {
        let cluster = RabbitCluster::start(3).await.unwrap();
        // The test itself uses the last node, which lives on.
        let stack = Stack::builder().private_installed().amqp_url(cluster.nodes()[2].url());
        let stack = stack.start().await.unwrap();
        let latency = Latency::fixed(Duration::from_millis(20));
        let config = Config { latency, ..Config::default() };
        let mut world = World::on(&stack, name, "200/s,burst=10", config).await;
        world.file("flowcast.toml", SETTINGS);
        let id = world.draft(RECIPIENTS).await;
        let urls = cluster.urls();
        let environment = [("AMQP_URL", urls.as_str())];
        let processes =
            ["producer", "consumer", "consumer"].map(|role| world.start_with(role, &environment)).into();
        world.ok(&["campaign", "start", &id]).await;
        world.more_arrive(1).await;
        for node in cluster.nodes() {
            node.flush_queue_directory().await.unwrap();
        }
        Self { world, id, processes, cluster, _stack: stack }
    }

    /// Waits until a third is sent. Commands before it take seconds.
    async fn until_a_third(&self) {
        let third = u64::from(RECIPIENTS / 3);
        assert!(self.world.ledger().wait_until(PATIENCE, |ledger| ledger.requests >= third).await);
        let sent = self.world.ledger().summary().requests;
        assert!(sent < 2 * third, "{sent} were sent before the fault");
    }

    /// The line of the sender's queue in a list with these columns.
    async fn queue(&self, columns: &[&str]) -> String {
        let command = [&["list_queues", "-q", "--no-table-headers", "name"], columns].concat();
        let list = self.cluster.nodes()[2].ctl(&command).await.unwrap();
        let name = format!("{}.sender.1", self.world.scope.queue_prefix());
        list.lines().find(|line| line.starts_with(&name)).unwrap().to_owned()
    }

    /// Whether this node leads the sender's queue.
    async fn leads(&self, node: &RabbitMq) -> bool {
        let name = node.ctl(&["eval", "node()."]).await.unwrap();
        self.queue(&["leader"]).await.contains(name.trim().trim_matches('\''))
    }

    /// Waits for the end of the campaign, and checks that no recipient is lost, doubled or unknown. Prints the longest gap between two arrivals.
    #[expect(clippy::print_stdout, reason = "the figure is what the test is run for")]
    async fn ends(self, fault: &str) {
        let Self { world, id, processes, cluster, _stack } = self;
        world.finished_after(&id, 2 * PATIENCE).await;
        let arrivals = world.ledger().arrivals();
        let gap = arrivals.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        println!("{fault}: the longest gap between two arrivals is {:.1?}", Duration::from_micros(gap));
        Audit::of(&world).await.holds(0);
        drop(processes);
        // The queues can be deleted only if all their members answer.
        for node in cluster.nodes() {
            node.thaw().await.unwrap();
            node.start().await.unwrap();
        }
        world.close().await;
        drop(cluster);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_killed_leader_of_a_queue_is_replaced() {
    let run = Run::start("leader_killed").await;
    let members = run.queue(&["members"]).await;
    assert_eq!(members.matches("@localhost").count(), 3, "{members}");
    let first = &run.cluster.nodes()[0];
    assert!(run.leads(first).await, "the queue is led by a node to which nobody is connected");
    run.until_a_third().await;
    first.kill().await.unwrap();
    run.ends("leader killed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_nodes_are_restarted_one_after_the_other() {
    let run = Run::start("rolling_nodes").await;
    run.until_a_third().await;
    for node in run.cluster.nodes() {
        node.ctl(&["stop_app"]).await.unwrap();
        run.world.more_arrive(100).await;
        node.ctl(&["start_app"]).await.unwrap();
        // The next node waits until this one has all messages again, as an operator does.
        let deadline = Instant::now() + PATIENCE;
        while run.queue(&["online"]).await.matches("@localhost").count() < 3 {
            assert!(Instant::now() < deadline, "a member of the queue stays away");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    let sent = run.world.ledger().summary().requests;
    assert!(sent < u64::from(RECIPIENTS), "everything was sent before");
    run.ends("nodes restarted one after the other").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_node_is_left_for_another() {
    let run = Run::start("node_frozen").await;
    run.until_a_third().await;
    run.cluster.nodes()[0].freeze().await.unwrap();
    run.ends("node frozen").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_majority_everything_waits_and_goes_on_by_itself() {
    let run = Run::start("minority").await;
    run.until_a_third().await;
    let nodes = run.cluster.nodes();
    nodes[0].kill().await.unwrap();
    nodes[1].kill().await.unwrap();
    let told = "select count(distinct reason) from report.waiting where reason = 'queue_away'";
    run.world.until(told, 1).await;
    let sent = run.world.ledger().summary().requests;
    assert!(sent < u64::from(RECIPIENTS), "everything was sent before");
    nodes[1].start().await.unwrap();
    run.ends("two of three nodes killed").await;
}
