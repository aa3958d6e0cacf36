//! Which producer feeds a sender.
//!
//! Producers that are alive share the senders: the feed of a sender belongs to the producer with the highest score, a hash of both
//! ids, so only the feeds of a producer that comes or goes move. The lease of a feed makes sure that there is one producer at a
//! time: a feed is passed on by the producer that has it, or taken after its lease.

use std::time::Duration;

use campaign::SenderId;
use uuid::Uuid;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::metrics;

/// Who feeds a sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedHolder {
    /// The sender.
    pub sender: SenderId,
    /// Its name.
    pub name: String,
    /// Whether a producer feeds it.
    pub has_producer: bool,
    /// What stops that producer.
    pub trouble: Option<String>,
}

impl Store {
    /// Notes that this producer is alive, renews its leases, takes feeds of its share that are free, and passes on feeds that belong to
    /// another producer now.
    pub async fn take_feeds(&self, producer: Uuid, lease: Duration) -> Result<(), Error> {
        let take = "
            with gone as (
                delete from live_producer where seen_at < clock_timestamp() - interval '1 hour'
            ), this as (
                insert into live_producer (producer) values ($1)
                on conflict (producer) do update set seen_at = clock_timestamp()
            ), alive as materialized (
                select $1::uuid as producer
                union select producer from live_producer
                where seen_at > clock_timestamp() - $2 * interval '1 millisecond'
            ), share as (
                select f.sender_id, (
                        select a.producer from alive a
                        order by sha256(uuid_send(a.producer) || int8send(f.sender_id)) desc limit 1) as producer
                from sender_feed f where f.producer = $1 or f.lease_until < clock_timestamp()
            )
            update sender_feed f
            set producer = share.producer, lease_until = clock_timestamp() + $2 * interval '1 millisecond'
            from share
            where f.sender_id = share.sender_id and (f.producer = $1 or f.lease_until < clock_timestamp())
                and (f.producer = $1 or share.producer = $1)";
        let client = self.client().await?;
        let lease_ms = f64::from(u32::try_from(lease.as_millis()).unwrap_or(u32::MAX));
        let take = client.prepare_cached(take).await?;
        metrics::TAKE_FEEDS.time(client.execute(&take, &[&producer, &lease_ms])).await?;
        Ok(())
    }

    /// Who feeds each sender, by name.
    pub async fn sender_feeds(&self) -> Result<Vec<FeedHolder>, Error> {
        let select = "
            select s.id, s.name, f.lease_until > clock_timestamp(), f.trouble
            from sender s join sender_feed f on f.sender_id = s.id order by s.name";
        let rows = self.client().await?.query(select, &[]).await?;
        let holder = |row: &tokio_postgres::Row| FeedHolder {
            sender: SenderId(row.get(0)),
            name: row.get(1),
            has_producer: row.get(2),
            trouble: row.get(3),
        };
        Ok(rows.iter().map(holder).collect())
    }

    /// The senders that this producer feeds, with their names.
    pub async fn fed_senders(&self, producer: Uuid) -> Result<Vec<(SenderId, String)>, Error> {
        let select = "
            select f.sender_id, s.name from sender_feed f join sender s on s.id = f.sender_id
            where f.producer = $1 and f.lease_until > clock_timestamp() order by 1";
        let client = self.client().await?;
        let rows = client.query(&client.prepare_cached(select).await?, &[&producer]).await?;
        Ok(rows.iter().map(|row| (SenderId(row.get(0)), row.get(1))).collect())
    }

    /// Releases the feeds of this producer, so that another producer need not wait for the end of the lease.
    pub async fn release_feeds(&self, producer: Uuid) -> Result<(), Error> {
        let release = "
            with gone as (delete from live_producer where producer = $1)
            update sender_feed set producer = null, lease_until = 'epoch' where producer = $1";
        self.client().await?.execute(release, &[&producer]).await?;
        Ok(())
    }
}
