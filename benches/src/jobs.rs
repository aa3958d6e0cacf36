//! The jobs of the fair job: N rows in PostgreSQL, and N persistent messages with their ids in one durable quorum
//! queue.

use anyhow::Context;
use broker::Topology;
use devstack::Scope;
use futures::future::try_join_all;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Confirmation, Connection, ConnectionProperties};
use tokio_postgres::NoTls;

use crate::envelope::Envelope;

/// Messages that wait for confirms at once.
const CHUNK: usize = 1_000;
/// The id of the sender that owns the queue; only the prototype uses it.
pub(crate) const SENDER: i64 = 1;

const TABLE: &str = "
create table jobs (
    id integer primary key, msisdn text not null, first_name text not null, state text not null default 'new',
    claimed_at timestamptz, recorded_at timestamptz, provider_message_id text
) with (fillfactor = 45)";
/// Valid Kenyan numbers without duplicates.
const ROWS: &str = "
insert into jobs (id, msisdn, first_name)
select i, (254700000000 + i::bigint * 61803399 % 100000000)::text,
    (array['Achieng', 'Baraka', 'Chebet', 'Dalila', 'Ekai'])[i % 5 + 1]
from generate_series(1, $1::integer) i";

/// The rows and the queue of one pass.
pub(crate) struct Jobs {
    pub(crate) queue: String,
    database: tokio_postgres::Client,
    broker: Connection,
}

impl Jobs {
    /// Creates the table with `all` rows, and the queue with their ids.
    pub(crate) async fn prepare(scope: &Scope, envelope: Envelope, all: u32) -> anyhow::Result<Self> {
        let (database, connection) = tokio_postgres::connect(scope.database_url(), NoTls).await?;
        tokio::spawn(connection);
        database.batch_execute(TABLE).await?;
        database.execute(ROWS, &[&i32::try_from(all)?]).await?;
        database.batch_execute("vacuum analyze jobs").await?;
        let broker = Connection::connect(scope.amqp_url(), ConnectionProperties::default()).await?;
        let queue = Topology::new(scope.queue_prefix()).sender_queue(SENDER).as_str().to_owned();
        scope.track_queue(&queue);
        let (queues, exchanges) = envelope.company(&queue);
        for name in queues {
            scope.track_queue(name);
        }
        for name in exchanges {
            scope.track_exchange(name);
        }
        let jobs = Self { queue, database, broker };
        jobs.publish(envelope, all).await.context("filling the queue")?;
        Ok(jobs)
    }

    /// The number of rows that are not accepted yet.
    pub(crate) async fn left(&self) -> anyhow::Result<u32> {
        self.count("state <> 'accepted'").await
    }

    /// The number of claims without an outcome.
    pub(crate) async fn claimed(&self) -> anyhow::Result<u32> {
        self.count("state = 'sending'").await
    }

    /// The number of messages in the queue, without those that a consumer holds.
    pub(crate) async fn queued(&self) -> anyhow::Result<u32> {
        let channel = self.broker.create_channel().await?;
        let look = QueueDeclareOptions { passive: true, durable: true, ..QueueDeclareOptions::default() };
        let queue = channel
            .queue_declare(self.queue.as_str().into(), look, FieldTable::default())
            .await?
            .message_count();
        channel.close(200, "done".into()).await?;
        Ok(queue)
    }

    /// Closes its connections.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        Ok(self.broker.close(200, "done".into()).await?)
    }

    async fn count(&self, condition: &str) -> anyhow::Result<u32> {
        let statement = format!("select count(*) from jobs where {condition}");
        let row = self.database.query_one(&statement, &[]).await?;
        Ok(u32::try_from(row.get::<_, i64>(0))?)
    }

    async fn publish(&self, envelope: Envelope, all: u32) -> anyhow::Result<()> {
        let channel = self.broker.create_channel().await?;
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let arguments = envelope.arguments(&self.queue);
        channel.queue_declare(self.queue.as_str().into(), durable, arguments).await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let ids: Vec<i32> = (1..=i32::try_from(all)?).collect();
        for chunk in ids.chunks(CHUNK) {
            let sent = chunk.iter().map(|id| self.publish_one(&channel, envelope, *id));
            for confirmation in try_join_all(try_join_all(sent).await?).await? {
                anyhow::ensure!(matches!(confirmation, Confirmation::Ack(None)), "a message was refused");
            }
        }
        channel.close(200, "done".into()).await?;
        Ok(())
    }

    async fn publish_one(
        &self,
        channel: &Channel,
        envelope: Envelope,
        id: i32,
    ) -> lapin::Result<lapin::PublisherConfirm> {
        let (body, properties) = envelope.seal(&self.queue, id);
        let options = BasicPublishOptions::default();
        channel.basic_publish("".into(), self.queue.as_str().into(), options, &body, properties).await
    }
}
