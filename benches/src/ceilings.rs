//! The speed of each step of the pipeline alone: the same services and crates, without other work at the same time.
//!
//! None of these steps keeps the promises of a campaign. They are the ceilings for the figures of the pipeline.

use std::time::Duration;

use anyhow::Context;
use broker::{Acknowledgement, Connection, Consumer, Publisher, Topology};
use campaign::{Block, CampaignId, Definition, Message, Outcome, Provider, Seq, Verdict, Window};
use futures::stream::{self, StreamExt, TryStreamExt};
use secrecy::SecretString;
use store::{Claim, ClaimAnswer, LeftOut, ListOrigin, RecordedOutcome, RequestRecord};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use whatsapp::{Account, Channel, Client, Outgoing};

use crate::figures::{CPU_MICROS, Figures};
use crate::flowcast::Flowcast;
use crate::list;
use crate::output::{line, number};
use crate::services::Services;
use crate::stand::{KEY, Stand, difference};

/// As in the producer: the ids of one publishing, and how many of them wait for confirms at once.
const STRIDE: usize = 2_000;
const PUBLISHING: usize = 4;
/// As in the consumer: unacknowledged messages, and recipients of one claim.
const PREFETCH: u16 = 1_000;
const BATCH: usize = 200;
/// As in the consumer: requests in flight, here shared by several tasks.
const IN_FLIGHT: usize = 512;
const SENDING_TASKS: usize = 4;
/// How many tasks claim and record at the same time.
const CONCURRENT_CLAIMS: [usize; 2] = [1, 4];
const LEASE: Duration = Duration::from_mins(1);

/// The steps of one run.
struct Ceilings {
    stand: Stand,
    recipients: u32,
}

/// Measures every step with as many messages, rows or requests as a campaign has recipients.
pub(crate) async fn run(
    services: &Services,
    flowcast: &Flowcast,
    recipients: u32,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let stand = Stand::without_roles(services, flowcast).await?;
    let steps = Ceilings { stand, recipients };
    steps.publish(figures).await?;
    steps.consume(figures).await?;
    for tasks in CONCURRENT_CLAIMS {
        let id = steps.stand.campaign().await?;
        steps.copy(id, figures).await?;
        steps.claim_and_record(id, tasks, figures).await?;
    }
    steps.post(figures).await?;
    steps.stand.stop().await
}

impl Ceilings {
    async fn publish(&self, figures: &mut Figures) -> anyhow::Result<()> {
        let closing = CancellationToken::new();
        let (publisher, publishing) = Publisher::start(self.broker(), closing.clone());
        let queue = self.topology().sender_queue(self.stand.sender.0);
        publisher.declare(&queue).await?;
        let tasks: Vec<Vec<u8>> = (1..=i32::try_from(self.recipients)?)
            .map(|seq| Block::one(CampaignId(1), Seq(seq)).encode())
            .collect();
        let strides: Vec<Vec<Vec<u8>>> = tasks.chunks(STRIDE).map(<[_]>::to_vec).collect();
        self.time(figures, ("publish and confirm", &["RabbitMQ"]), async {
            stream::iter(strides)
                .map(|bodies| publisher.publish(&queue, bodies))
                .buffer_unordered(PUBLISHING)
                .try_collect::<Vec<()>>()
                .await?;
            Ok(())
        })
        .await?;
        closing.cancel();
        publishing.await.context("closing the publisher")
    }

    async fn consume(&self, figures: &mut Figures) -> anyhow::Result<()> {
        let queue = self.topology().sender_queue(self.stand.sender.0);
        self.time(figures, ("consume and acknowledge", &["RabbitMQ"]), async {
            let mut consumer = Consumer::start(
                &Connection::new(self.broker(), "bench"),
                queue,
                PREFETCH,
                &CancellationToken::new(),
            );
            let acknowledger = consumer.acknowledger();
            let (mut deliveries, mut left) = (Vec::new(), usize::try_from(self.recipients)?);
            while left > 0 {
                let taken = consumer.recv_many(&mut deliveries, BATCH).await;
                anyhow::ensure!(taken > 0, "the consumer stopped too early");
                left = left.saturating_sub(taken);
                let done = deliveries.drain(..).map(|delivery| (delivery.tag, Acknowledgement::Ack));
                acknowledger.acknowledge_many(done.collect());
            }
            anyhow::ensure!(consumer.close(LEASE).await, "some acknowledgements were not sent");
            Ok(())
        })
        .await
    }

    /// Stores rows that are already read and checked.
    async fn copy(&self, id: CampaignId, figures: &mut Figures) -> anyhow::Result<()> {
        let rows: Vec<_> = (0..self.recipients).filter_map(list::row).collect();
        let batches: Vec<_> = rows.chunks(1_000).map(<[_]>::to_vec).collect();
        let (sender, batches_in) = mpsc::channel(8);
        self.time(figures, ("copy into Postgres, without a file", &["Postgres"]), async {
            let mut import = self.stand.store.begin_import(id).await?;
            let feed = async move {
                for batch in batches {
                    sender.send(batch).await.context("the import stopped too early")?;
                }
                anyhow::Ok(())
            };
            let (fed, copied) = tokio::join!(feed, import.copy(batches_in));
            fed.and(copied.map_err(anyhow::Error::new))?;
            let origin = ListOrigin {
                source: "bench".into(),
                form: "none".into(),
                sha256: [0; 32],
                ..ListOrigin::default()
            };
            let counts = import.finish(&origin, LeftOut::default(), std::iter::empty(), None).await?;
            anyhow::ensure!(u32::try_from(counts.imported)? == self.recipients, "rows are missing");
            Ok(())
        })
        .await
    }

    async fn claim_and_record(
        &self,
        id: CampaignId,
        tasks: usize,
        figures: &mut Figures,
    ) -> anyhow::Result<()> {
        self.stand.store.start_campaign(id, "bench").await?;
        let seqs: Vec<Seq> = (1..=i32::try_from(self.recipients)?).map(Seq).collect();
        let what = format!("claim and record, {tasks} at once");
        self.time(figures, (&what, &["Postgres"]), async {
            stream::iter(seqs.chunks(BATCH))
                .map(|batch| self.claim_and_record_batch(id, batch))
                .buffer_unordered(tasks)
                .try_collect::<Vec<()>>()
                .await?;
            Ok(())
        })
        .await?;
        let accepted = self.stand.store.report(id).await?.accepted;
        anyhow::ensure!(accepted == i64::from(self.recipients), "{accepted} are recorded, not all");
        Ok(())
    }

    async fn claim_and_record_batch(&self, id: CampaignId, batch: &[Seq]) -> anyhow::Result<()> {
        let Stand { store, sender, .. } = &self.stand;
        let claim = match store.claim(*sender, id, batch, (Uuid::nil(), LEASE)).await? {
            ClaimAnswer::Granted(claim) => claim,
            ClaimAnswer::Refused(refused) => anyhow::bail!("a claim was refused: {refused:?}"),
        };
        let outcomes: Vec<RecordedOutcome> = claim.rows.iter().map(|row| accepted(&claim, row.seq)).collect();
        let changed = store.record(*sender, id, &outcomes, &[claim.id]).await?.changed;
        anyhow::ensure!(usize::try_from(changed)? == batch.len(), "an outcome was not recorded");
        Ok(())
    }

    /// Posts requests with one rendered message to the simulator.
    async fn post(&self, figures: &mut Figures) -> anyhow::Result<()> {
        let channel = self.channel()?;
        let message = example_message()?;
        let references = self.stand.store.reference_key().await?;
        let send = |index: u32| {
            let (channel, references, message) = (&channel, &references, &message);
            async move {
                let (to, _) = list::row(index).context("an invalid number")?;
                let seq = Seq(i32::try_from(index)?);
                let reference = references.seal(CampaignId(1), seq);
                let outgoing = Outgoing { to, message, reference, campaign: CampaignId(1), attempt: 1 };
                let answer = channel.send(&outgoing).await;
                let accepted = matches!(answer.verdict, Verdict::Accepted { .. });
                anyhow::ensure!(accepted, "a request ended with {:?}", answer.verdict);
                anyhow::Ok(())
            }
        };
        self.time(figures, ("post to the simulator", &["simulator"]), async {
            let share = self.recipients.div_ceil(u32::try_from(SENDING_TASKS)?);
            let tasks = (0..self.recipients).step_by(usize::try_from(share)?).map(|first| {
                stream::iter(first..(first + share).min(self.recipients))
                    .map(send)
                    .buffer_unordered(IN_FLIGHT / SENDING_TASKS)
                    .try_for_each(|()| std::future::ready(Ok(())))
            });
            futures::future::try_join_all(tasks).await.map(drop)
        })
        .await?;
        self.stand.ledger.check(self.recipients).await
    }

    /// Does the work, and adds its speed and its CPU time in this and the given processes.
    async fn time(
        &self,
        figures: &mut Figures,
        (what, others): (&str, &[&str]),
        work: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<()> {
        let all = f64::from(self.recipients);
        let (own, cpu) = (Stand::own_cpu()?, self.stand.cpu()?);
        let began = Instant::now();
        work.await.context(what.to_owned())?;
        let per_second = all / began.elapsed().as_secs_f64();
        let own = Stand::own_cpu()?.saturating_sub(own);
        let cpu = difference(&cpu, &self.stand.cpu()?);
        figures.add_ceiling(what, per_second);
        let others = cpu.iter().filter(|(name, _)| others.contains(&name.as_str()));
        let mut costs = Vec::new();
        for (name, cpu) in std::iter::once((&"client".to_owned(), &own)).chain(others.map(|(n, c)| (n, c))) {
            let micros = cpu.as_secs_f64() * 1e6 / all;
            figures.add(format!("{what}: {name}"), CPU_MICROS, micros);
            costs.push(format!("{name} {} µs", number(micros)));
        }
        line(format!("  {what} {}/s, CPU each: {}", number(per_second), costs.join(", ")));
        Ok(())
    }

    fn broker(&self) -> broker::Config {
        let mut config = broker::Config::new(SecretString::from(self.stand.scope.amqp_url()));
        self.stand.scope.queue_prefix().clone_into(&mut config.prefix);
        config
    }

    fn topology(&self) -> Topology {
        Topology::new(self.stand.scope.queue_prefix())
    }

    fn channel(&self) -> anyhow::Result<Channel> {
        let account = Account {
            provider: Provider::Kaleyra,
            base_url: self.stand.base_url.parse()?,
            account: Some(crate::stand::ACCOUNT.to_owned()),
            number: crate::stand::NUMBER.to_owned(),
            api_key: SecretString::from(KEY),
            plus_in_path: true,
            api_version: None,
        };
        Ok(Channel::new(Client::new(&whatsapp::Config::default())?, &account)?)
    }
}

fn accepted(claim: &Claim, seq: Seq) -> RecordedOutcome {
    RecordedOutcome {
        claim: claim.id,
        seq,
        outcome: Outcome::Accepted { provider_message_id: Uuid::now_v7().to_string() },
        request: Some(RequestRecord {
            sent_at: claim.at,
            latency: Duration::from_millis(1),
            http_status: Some(202),
            wa_id: None,
            window_closed: false,
        }),
    }
}

/// The rendered message of the example campaign.
pub(crate) fn example_message() -> anyhow::Result<Message> {
    let definition = Definition::parse(crate::stand::CAMPAIGN)?;
    let (_, variables) = list::row(0).context("an invalid number")?;
    Ok(definition.compile()?.render(&variables, Window::Unheard)?)
}
