//! A complete Flowcast on private services: simulator, one producer and some consumers, each in its own process.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use broker::Topology;
use campaign::{CampaignId, CampaignState, Definition, Provider, Rate, SenderId};
use devstack::Scope;
use secrecy::SecretString;
use store::{NewSender, Store};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::{Instant, sleep};

use crate::flowcast::{Flowcast, Role, Surroundings};
use crate::ledger::Ledger;
use crate::output::{line, thousands};
use crate::services::{self, Services};
use crate::{list, usage};

/// The environment variable of the key.
pub(crate) const KEY_NAME: &str = "BENCH_KEY";
/// The key, account and number that the simulator accepts.
pub(crate) const KEY: &str = "simulator-key";
pub(crate) const ACCOUNT: &str = "HXSIMULATOR00IN";
pub(crate) const NUMBER: &str = "919900000000";
/// The name of the sender.
pub(crate) const SENDER: &str = "bench";
/// The campaign file.
pub(crate) const CAMPAIGN: &str = include_str!("../../examples/campaign.toml");
/// Recipients of the first campaign, which makes connections and prepares statements and is not measured.
const WARM_UP: u32 = 4_000;
/// A campaign without progress for this time is an error.
const STUCK_AFTER: Duration = Duration::from_mins(1);
/// How often the progress is read from the ledger.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often the progress is printed.
const PRINT_EVERY: Duration = Duration::from_secs(5);

/// Everything that a measured campaign needs, running and idle.
pub(crate) struct Stand {
    pub(crate) store: Store,
    pub(crate) ledger: Ledger,
    pub(crate) surroundings: Surroundings,
    pub(crate) scope: Scope,
    pub(crate) sender: SenderId,
    pub(crate) provider: Provider,
    pub(crate) base_url: String,
    simulator: Role,
    producers: Vec<Role>,
    consumers: Vec<Role>,
    folder: TempDir,
}

/// CPU time of one process so far.
pub(crate) type Cpu = (String, Duration);

impl Stand {
    /// Starts the simulator, and creates a database with one sender without a rate.
    pub(crate) async fn without_roles(services: &Services, flowcast: &Flowcast) -> anyhow::Result<Self> {
        Self::of_provider(services, flowcast, Provider::Kaleyra).await
    }

    /// A stand without roles for this provider.
    pub(crate) async fn of_provider(
        services: &Services,
        flowcast: &Flowcast,
        provider: Provider,
    ) -> anyhow::Result<Self> {
        let scope = services.scope("bench").await?;
        let folder = tempfile::tempdir()?;
        let environment = vec![
            ("DATABASE_URL", scope.database_url().to_owned()),
            ("AMQP_URL", scope.amqp_url().to_owned()),
            ("FLOWCAST_BROKER_PREFIX", scope.queue_prefix().to_owned()),
            ("FLOWCAST_METRICS_LISTEN", "127.0.0.1:0".to_owned()),
            (KEY_NAME, KEY.to_owned()),
        ];
        let surroundings = Surroundings { folder: folder.path().to_owned(), environment };
        flowcast.run(&["migrate"], &surroundings, drop).await?;
        let store = Store::connect(&store::Config::new(SecretString::from(scope.database_url()))).await?;
        // Another executable than that of this source may have other tables.
        store.check_schema().await?;
        let (simulator, address) = start_simulator(flowcast, &surroundings, provider).await?;
        let base_url = format!("http://{address}");
        let sender = add_sender(&store, &base_url, provider).await?;
        let topology = Topology::new(scope.queue_prefix());
        scope.track_queue(topology.sender_queue(sender.0).as_str());
        // The exchange of dead letters has the same name as their queue.
        scope.track_queue(topology.dead_queue().as_str());
        scope.track_exchange(topology.dead_queue().as_str());
        Ok(Self {
            store,
            ledger: Ledger::new(address),
            surroundings,
            scope,
            sender,
            provider,
            base_url,
            simulator,
            producers: Vec::new(),
            consumers: Vec::new(),
            folder,
        })
    }

    /// Starts a stand with a producer and consumers, and sends a first campaign.
    pub(crate) async fn start(
        services: &Services,
        flowcast: &Flowcast,
        consumers: u32,
    ) -> anyhow::Result<Self> {
        Self::without_roles(services, flowcast).await?.with_roles(flowcast, consumers).await
    }

    /// Starts a producer and consumers on this stand, and sends a first campaign.
    pub(crate) async fn with_roles(self, flowcast: &Flowcast, consumers: u32) -> anyhow::Result<Self> {
        let mut stand = self;
        stand.add_producer(flowcast)?;
        for _ in 0..consumers {
            stand.add_consumer(flowcast)?;
        }
        let id = stand.campaign().await?;
        let list = stand.list(0..WARM_UP)?;
        stand.import(flowcast, id, &list).await?;
        stand.start_campaign(flowcast, id).await?;
        stand.wait_until_sent(id, WARM_UP).await?;
        stand.check(id, WARM_UP).await?;
        stand.ledger.reset().await?;
        Ok(stand)
    }

    /// The stand without its consumers.
    pub(crate) async fn without_consumers(mut self) -> anyhow::Result<Self> {
        for consumer in self.consumers.drain(..) {
            consumer.stop().await?;
        }
        Ok(self)
    }

    /// Kills the last consumer like `kill -9`.
    pub(crate) async fn kill_consumer(&mut self) -> anyhow::Result<()> {
        let consumer = self.consumers.pop().context("no consumer is running")?;
        consumer.kill().await
    }

    /// Starts one more producer.
    pub(crate) fn add_producer(&mut self, flowcast: &Flowcast) -> anyhow::Result<()> {
        let before = self.producers.len();
        let name = if before == 0 { "producer".to_owned() } else { format!("producer {}", before + 1) };
        self.producers.push(flowcast.start(name, &["producer"], &self.surroundings)?);
        Ok(())
    }

    /// Starts one more consumer.
    pub(crate) fn add_consumer(&mut self, flowcast: &Flowcast) -> anyhow::Result<()> {
        let name = format!("consumer {}", self.consumers.len() + 1);
        self.consumers.push(flowcast.start(name, &["consumer"], &self.surroundings)?);
        Ok(())
    }

    /// A new draft without a rate of its own.
    pub(crate) async fn campaign(&self) -> anyhow::Result<CampaignId> {
        self.campaign_at(None).await
    }

    /// A new draft with this rate.
    pub(crate) async fn campaign_at(&self, rate: Option<Rate>) -> anyhow::Result<CampaignId> {
        let mut definition = Definition::parse(CAMPAIGN).context("examples/campaign.toml")?;
        definition.policy.rate = rate;
        SENDER.clone_into(&mut definition.sender);
        Ok(self.store.create_campaign(&definition, None).await?)
    }

    /// A list of these rows.
    pub(crate) fn list(&self, rows: std::ops::Range<u32>) -> anyhow::Result<PathBuf> {
        let path = self.folder.path().join(format!("list-{}.csv", rows.start));
        list::write(&path, rows).context("writing a list")?;
        Ok(path)
    }

    /// Imports a list into a draft.
    pub(crate) async fn import(
        &self,
        flowcast: &Flowcast,
        id: CampaignId,
        list: &std::path::Path,
    ) -> anyhow::Result<()> {
        let (id, list) = (id.to_string(), list.display().to_string());
        flowcast.run(&["campaign", "import", &id, &list], &self.surroundings, drop).await.map(drop)
    }

    /// Checks and starts a campaign with the `flowcast` command.
    pub(crate) async fn start_campaign(&self, flowcast: &Flowcast, id: CampaignId) -> anyhow::Result<()> {
        let id = id.to_string();
        flowcast.run(&["campaign", "start", &id], &self.surroundings, drop).await.map(drop)
    }

    /// Waits until all recipients were sent to and every outcome is committed, and returns that time.
    ///
    /// The statement that records the last outcome of a claim deletes the claim. So when the ledger has all recipients
    /// and no claim is open, the last outcome is committed.
    pub(crate) async fn wait_until_sent(&mut self, id: CampaignId, all: u32) -> anyhow::Result<Instant> {
        let (mut moved, mut printed) = ((Instant::now(), 0), Instant::now());
        loop {
            let accepted = self.ledger.summary().await?.accepted;
            if accepted >= all {
                break;
            }
            if accepted != moved.1 {
                moved = (Instant::now(), accepted);
            }
            self.are_alive()?;
            let words = || self.consumers.iter().map(Role::last_words).collect::<Vec<_>>().join("\n");
            anyhow::ensure!(moved.0.elapsed() < STUCK_AFTER, "stuck at {accepted} of {all}:\n{}", words());
            if printed.elapsed() >= PRINT_EVERY {
                printed = Instant::now();
                line(format!("  {} of {} sent", thousands(accepted), thousands(all)));
            }
            sleep(LOOK_EVERY).await;
        }
        let began = Instant::now();
        while self.store.open_claims(id).await? > 0 {
            anyhow::ensure!(began.elapsed() < STUCK_AFTER, "some outcomes are not recorded");
            sleep(Duration::from_millis(2)).await;
        }
        Ok(Instant::now())
    }

    /// Checks that each of `all` recipients was sent to exactly once, by the ledger and by the report, which adds up
    /// and is finished.
    pub(crate) async fn check(&mut self, id: CampaignId, all: u32) -> anyhow::Result<()> {
        let began = Instant::now();
        while self.store.campaign(id).await?.state != CampaignState::Finished {
            anyhow::ensure!(
                began.elapsed() < STUCK_AFTER,
                "all messages are sent but the campaign does not finish"
            );
            self.are_alive()?;
            sleep(LOOK_EVERY).await;
        }
        self.ledger.check(all).await?;
        let report = self.store.report(id).await?;
        let all = i64::from(all);
        anyhow::ensure!(
            report.difference == 0 && report.accepted == all && report.attempts == all,
            "the report does not add up: {} accepted and {} attempts of {all}, difference {}",
            report.accepted,
            report.attempts,
            report.difference
        );
        Ok(())
    }

    /// The roles: producers first, then the consumers.
    pub(crate) fn roles(&self) -> impl Iterator<Item = &Role> {
        self.producers.iter().chain(&self.consumers)
    }

    /// The consumers.
    pub(crate) fn consumers(&self) -> impl Iterator<Item = &Role> {
        self.consumers.iter()
    }

    /// The CPU time of each process so far, including the services.
    pub(crate) fn cpu(&self) -> anyhow::Result<Vec<Cpu>> {
        let mut all: Vec<Cpu> = self
            .roles()
            .chain([&self.simulator])
            .map(|role| Ok((role.name.clone(), role.cpu()?)))
            .collect::<anyhow::Result<_>>()?;
        let services = services::cpu();
        all.extend(services.rabbitmq.map(|cpu| ("RabbitMQ".to_owned(), cpu)));
        all.extend(services.postgres.map(|cpu| ("Postgres".to_owned(), cpu)));
        Ok(all)
    }

    /// The CPU time of this process so far, for measurements without a role.
    pub(crate) fn own_cpu() -> anyhow::Result<Duration> {
        Ok(usage::stat(std::process::id())?.own)
    }

    /// Stops and removes everything.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        for role in self.producers.into_iter().chain(self.consumers).chain([self.simulator]) {
            role.stop().await?;
        }
        drop(self.store);
        self.scope.close().await?;
        Ok(())
    }

    /// An error if a process has ended.
    pub(crate) fn are_alive(&mut self) -> anyhow::Result<()> {
        let mut roles = self.producers.iter_mut().chain(&mut self.consumers).chain([&mut self.simulator]);
        roles.try_for_each(Role::is_alive)
    }
}

/// A sender without a rate.
async fn add_sender(store: &Store, base_url: &str, provider: Provider) -> anyhow::Result<SenderId> {
    let sender = NewSender {
        name: SENDER.into(),
        provider,
        base_url: base_url.to_owned(),
        account: Some(ACCOUNT.into()),
        number: NUMBER.into(),
        api_key_ref: format!("env:{KEY_NAME}"),
        rate: None,
        daily_cap: None,
    };
    Ok(store.add_sender(&sender).await?)
}

/// The CPU time of each process between two readings.
pub(crate) fn difference(before: &[Cpu], after: &[Cpu]) -> Vec<Cpu> {
    let then = |name: &str| before.iter().find(|(known, _)| known == name).map(|(_, cpu)| *cpu);
    let took = after.iter().map(|(name, cpu)| Some((name.clone(), cpu.saturating_sub(then(name)?))));
    took.flatten().collect()
}

/// The simulator and its address, `host:port`, which is in its first line of output.
async fn start_simulator(
    flowcast: &Flowcast,
    surroundings: &Surroundings,
    provider: Provider,
) -> anyhow::Result<(Role, String)> {
    let arguments = ["simulator", "--listen", "127.0.0.1:0", "--provider", provider.word()];
    let mut role = flowcast.start("simulator", &arguments, surroundings)?;
    let output = role.output().context("the simulator has no output")?;
    let first_line = BufReader::new(output).lines().next_line().await?.unwrap_or_default();
    let address = first_line.split_once("http://").and_then(|(_, rest)| rest.split([';', ' ', '/']).next());
    let address = address.with_context(|| format!("the simulator did not start:\n{}", role.last_words()))?;
    Ok((role, address.to_owned()))
}
