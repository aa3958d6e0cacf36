//! One pass of a peer or of the prototype through the fair job: undisturbed and timed, or with one `kill -9` half-way.
//!
//! The rows and the full queue exist before the start. The clock runs from the first tenth, so that start-up and
//! warm-up do not count, to the last committed outcome. Whether everything was acknowledged is checked after the
//! contestant stopped.

use std::time::Duration;

use anyhow::Context;
use campaign::Provider;
use tokio::time::{Instant, sleep};

use crate::contestant::Contestant;
use crate::flowcast::Flowcast;
use crate::group::Group;
use crate::jobs::Jobs;
use crate::output::line;
use crate::services::Services;
use crate::stand::{ACCOUNT, Cpu, KEY, Stand, difference};

/// How long a contestant may take for its start, and for its next job.
const STUCK_AFTER: Duration = Duration::from_secs(40);
/// How long PostgreSQL may take to end the statements of a killed client, and a contestant to send its last
/// acknowledgements.
const SETTLED_AFTER: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// One in this many jobs is done before the clock starts.
pub(crate) const WARM_UP: u32 = 10;

/// The figures of an undisturbed pass.
pub(crate) struct Timed {
    pub(crate) per_second: f64,
    /// CPU time of each process, the contestant's first.
    pub(crate) cpu: Vec<Cpu>,
    /// The jobs they are for.
    pub(crate) jobs: u32,
}

/// The result of a pass with a `kill -9` half-way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Killed {
    /// Jobs that the provider never received, or that have no recorded outcome of any kind.
    pub(crate) lost: u32,
    /// Messages that the provider accepted again for the same recipient.
    pub(crate) doubled: u32,
    /// Jobs that are recorded as unknown.
    pub(crate) unknown: u32,
    /// Claims without an outcome at the time of the kill.
    pub(crate) open: u32,
}

/// A running contestant.
struct Pass {
    stand: Stand,
    jobs: Jobs,
    contestant: Contestant,
    group: Group,
    all: u32,
}

/// Runs `all` jobs, and checks that each was done once and the queue is empty.
pub(crate) async fn timed(
    (services, flowcast): (&Services, &Flowcast),
    contestant: Contestant,
    all: u32,
) -> anyhow::Result<Timed> {
    let mut pass = Pass::start((services, flowcast), contestant, all).await?;
    let warm = pass.wait_for(all / WARM_UP).await?;
    let (before, began) = (pass.cpu()?, Instant::now());
    pass.wait_for(all).await?;
    let left = pass.wait_for_records(STUCK_AFTER).await?;
    let (after, took) = (pass.cpu()?, began.elapsed());
    anyhow::ensure!(left == 0, "{left} outcomes were not recorded:\n{}", pass.group.last_words());
    let (stand, queued) = pass.stop().await?;
    stand.ledger.check(all).await?;
    anyhow::ensure!(queued == 0, "{queued} messages were not acknowledged");
    stand.stop().await?;
    let jobs = all - warm;
    let per_second = f64::from(jobs) / took.as_secs_f64();
    Ok(Timed { per_second, cpu: difference(&before, &after), jobs })
}

/// Runs `all` jobs, kills the contestant after half of them, and starts it again.
pub(crate) async fn killed(
    (services, flowcast): (&Services, &Flowcast),
    contestant: Contestant,
    all: u32,
) -> anyhow::Result<Killed> {
    let mut pass = Pass::start((services, flowcast), contestant, all).await?;
    let accepted = pass.wait_for(all / 2).await?;
    line(format!("  killed after {accepted}"));
    pass.group.kill().await?;
    sleep(SETTLED_AFTER).await;
    let open = pass.jobs.claimed().await?;
    pass.group = launch(contestant, &pass.stand, &pass.jobs)?;
    let left = pass.wait_for_records(STUCK_AFTER).await?;
    let (stand, queued) = pass.stop().await?;
    if queued > 0 {
        line(format!("  {queued} messages were still in the queue"));
    }
    let ledger = stand.ledger.summary().await?;
    stand.stop().await?;
    let unseen = all.saturating_sub(ledger.distinct_recipients);
    let doubled = ledger.accepted.saturating_sub(ledger.distinct_recipients);
    Ok(Killed { lost: left.max(unseen), doubled, unknown: 0, open })
}

impl Pass {
    async fn start(
        (services, flowcast): (&Services, &Flowcast),
        contestant: Contestant,
        all: u32,
    ) -> anyhow::Result<Self> {
        let stand = Stand::of_provider(services, flowcast, Provider::Meta).await?;
        let jobs = Jobs::prepare(&stand.scope, contestant.envelope(), all).await?;
        let group = launch(contestant, &stand, &jobs)?;
        Ok(Self { stand, jobs, contestant, group, all })
    }

    /// Waits until the provider has accepted `wanted` messages, and returns how many it has accepted.
    async fn wait_for(&mut self, wanted: u32) -> anyhow::Result<u32> {
        let mut accepted = 0;
        while accepted < wanted {
            let now = self.stand.ledger.wait_for(wanted.min(accepted + 1_000), STUCK_AFTER).await?;
            let name = self.contestant.name();
            let words = || format!("{name} is stuck at {accepted} of {wanted}:\n{}", self.group.last_words());
            anyhow::ensure!(now > accepted, words());
            accepted = now;
            self.group.is_alive()?;
        }
        Ok(accepted)
    }

    /// Waits until every outcome is committed or nothing changes any more, and returns how many are missing.
    async fn wait_for_records(&mut self, limit: Duration) -> anyhow::Result<u32> {
        let (mut moved, mut least) = (Instant::now(), self.all);
        loop {
            let left = self.jobs.left().await?;
            if left == 0 || moved.elapsed() > limit {
                return Ok(left);
            }
            if left < least {
                (moved, least) = (Instant::now(), left);
            }
            self.group.is_alive()?;
            sleep(LOOK_EVERY).await;
        }
    }

    fn cpu(&self) -> anyhow::Result<Vec<Cpu>> {
        let own = (self.contestant.name().to_owned(), self.group.cpu()?);
        Ok(std::iter::once(own).chain(self.stand.cpu()?).collect())
    }

    /// Lets the contestant acknowledge, stops it, and returns how many messages are in the queue.
    async fn stop(self) -> anyhow::Result<(Stand, u32)> {
        sleep(SETTLED_AFTER).await;
        self.group.stop().await?;
        let queued = self.jobs.queued().await.context("reading the queue")?;
        self.jobs.close().await?;
        Ok((self.stand, queued))
    }
}

fn launch(contestant: Contestant, stand: &Stand, jobs: &Jobs) -> anyhow::Result<Group> {
    let mut command = contestant.command()?;
    command
        .envs(stand.surroundings.environment.iter().map(|(name, value)| (name, value)))
        .env("PEER_QUEUE", &jobs.queue)
        .env("PEER_PROVIDER_URL", format!("{}/v23.0/{ACCOUNT}/messages", stand.base_url))
        .env("PEER_PROVIDER_KEY", KEY);
    Group::start(contestant.name(), command, &stand.surroundings.folder)
}
