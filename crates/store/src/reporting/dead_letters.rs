//! Dead-lettered messages: kept for operators, and redriven if their recipient is still waiting.

use campaign::{Block, Seq};
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::reporting::view_row::view_row;

/// A message of the dead-letter queue. Its body is kept only if it is a block, and is never shown.
#[derive(Clone, Copy)]
pub struct DeadLetter<'a> {
    /// The queue in which it was dead-lettered; `None`: not a queue of Flowcast.
    pub queue: Option<&'a str>,
    /// The reason, as RabbitMQ names it.
    pub reason: &'a str,
    /// The body.
    pub body: &'a [u8],
    /// How often it was dead-lettered.
    pub deaths: u64,
    /// Time of dead-lettering, if it is known.
    pub died_at: Option<Timestamp>,
    /// Whether it may have been kept before: then its count is not added again.
    pub redelivered: bool,
}

view_row! {
    /// One row of `report.dead_letter`.
    #[derive(Clone, Debug, Serialize)]
    #[expect(missing_docs, reason = "the fields are the columns of the view, documented there")]
    pub struct DeadLetterRow {
        pub dead_letter_id: i64,
        pub queue: String,
        pub reason: String,
        pub body: Option<String>,
        pub campaign_id: Option<i64>,
        pub seq: Option<i32>,
        pub body_bytes: i64,
        pub body_sha256: String,
        pub deaths: i64,
        pub first_died_at: Timestamp,
        pub last_died_at: Timestamp,
        pub drained_at: Timestamp,
        pub redriven_at: Option<Timestamp>,
        pub recipients: i32,
    }
}

/// The result of redriving messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redriven {
    /// Recipients of the messages.
    pub recipients: u64,
    /// Those of them that are still waiting and are published again.
    pub waiting: u64,
}

impl Store {
    /// Keeps a dead-lettered message.
    pub async fn keep_dead_letter(&self, letter: &DeadLetter<'_>) -> Result<(), Error> {
        let upsert = "
            insert into dead_letter (queue, reason, body, campaign_id, seqs, seq, body_bytes, body_sha256, deaths,
                first_died_at, last_died_at)
            values ($1, case when $2 in ('rejected', 'delivery_limit', 'expired', 'maxlen') then $2 else 'other' end,
                $3, $4, $5::int[], ($5::int[])[1], $6, $7, $8, coalesce($9, clock_timestamp()), coalesce($9, clock_timestamp()))
            on conflict (queue, reason, body_sha256) do update
            set deaths = dead_letter.deaths + case when $10 then 0 else excluded.deaths end,
                first_died_at = least(dead_letter.first_died_at, excluded.first_died_at),
                last_died_at = greatest(dead_letter.last_died_at, excluded.last_died_at),
                redriven_at = case when $10 then dead_letter.redriven_at end";
        // Serialized again, so that the text contains numbers and nothing else.
        let block = Block::decode(letter.body).ok();
        let body = block.as_ref().and_then(|block| String::from_utf8(block.encode()).ok());
        let seqs: Option<Vec<i32>> =
            block.as_ref().map(|block| block.seqs().into_iter().map(|Seq(seq)| seq).collect());
        let bytes = i64::try_from(letter.body.len()).unwrap_or(i64::MAX);
        let deaths = i64::try_from(letter.deaths).unwrap_or(i64::MAX);
        let hash = Sha256::digest(letter.body).to_vec();
        let client = self.client().await?;
        let prepared = client.prepare_cached(upsert).await?;
        client
            .execute(
                &prepared,
                &[
                    &letter.queue.unwrap_or("other"),
                    &letter.reason,
                    &body,
                    &block.map(|block| block.campaign().0),
                    &seqs,
                    &bytes,
                    &hash,
                    &deaths,
                    &letter.died_at,
                    &letter.redelivered,
                ],
            )
            .await?;
        Ok(())
    }

    /// The newest dead-lettered messages, at most `limit`.
    pub async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetterRow>, Error> {
        let select =
            "select * from report.dead_letter order by last_died_at desc, dead_letter_id desc limit $1";
        let rows = self.report_client().await?.query(select, &[&i64::from(limit)]).await?;
        Ok(rows.iter().map(DeadLetterRow::read).collect())
    }

    /// Dead-lettered messages with a lower id than `before`, the highest id first, at most `limit`.
    pub async fn dead_letter_page(
        &self,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<DeadLetterRow>, Error> {
        let select = "
            select * from report.dead_letter where dead_letter_id < $1 order by dead_letter_id desc limit $2";
        let before = before.unwrap_or(i64::MAX);
        let rows = self.client().await?.query(select, &[&before, &i64::from(limit)]).await?;
        Ok(rows.iter().map(DeadLetterRow::read).collect())
    }

    /// Redrives these messages, or all that were not redriven yet: publishes recipients again that are still waiting in a
    /// campaign that has not ended; recipients that wait for a retry, at the time of the retry.
    pub async fn redrive(&self, ids: Option<&[i64]>) -> Result<Redriven, Error> {
        let redrive = "
            with chosen as (
                select id, campaign_id, coalesce(seqs, array[seq]) as seqs from dead_letter
                where body is not null and (id = any($1) or ($1::bigint[] is null and redriven_at is null)) for update
            ), named as (
                select distinct campaign_id, seq from chosen, unnest(seqs) seq
            ), waiting as (
                select r.campaign_id, r.seq, c.sender_id
                from recipient r join campaign c on c.id = r.campaign_id
                where (r.campaign_id, r.seq) in (select campaign_id, seq from named)
                    and r.state in ('pending', 'retry') and c.state in ('running', 'paused')
                for update of r
            ), due_now as (
                insert into due (campaign_id, seq, sender_id, due_at, publish_at)
                select campaign_id, seq, sender_id, clock_timestamp(), clock_timestamp() from waiting
                on conflict (campaign_id, seq) do update set publish_at = due.due_at
            ), redriven as (
                update dead_letter d set redriven_at = clock_timestamp() from chosen where d.id = chosen.id
            )
            select (select count(*) from named), (select count(*) from waiting)";
        let row = self.client().await?.query_one(redrive, &[&ids]).await?;
        let count = |column| u64::try_from(row.get::<_, i64>(column)).unwrap_or(0);
        Ok(Redriven { recipients: count(0), waiting: count(1) })
    }
}
