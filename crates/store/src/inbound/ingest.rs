//! Stores posts of providers: one transaction for a batch of posts, raw bodies first.
//!
//! Each event may arrive twice, in any order, and before the message it is about is recorded; the resulting tables are the same.
//! Rows are locked in one order (bodies, receipts by place, conversations by number), so that two servers wait for each other
//! and cannot deadlock.

use std::collections::BTreeMap;

use campaign::{CampaignId, SenderId, Seq};
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use crate::db::connection::Store;
use crate::db::error::{Error, cause};
use crate::db::metrics;
use crate::db::pool::Transaction;
use crate::inbound::answers::{self, Answered};
use crate::inbound::batch::{Ingest, Ingested};
use crate::inbound::fall_back;
use crate::inbound::matching::{Found, look_up};
use crate::inbound::number_changes;
use crate::inbound::people;
use crate::inbound::receipts::{self, Followed};
use crate::inbound::rows::{NoticeRow, RawBody, ReceiptRow, ReportedStop};
use crate::inbound::unmatched::{Event, keep};

/// The kind under which opt-outs without a recipient are counted.
const UNMATCHED: &str = "opt_out_unmatched";

impl Store {
    /// Stores a batch. If this succeeds, the batch is committed; if it fails, nothing is stored. If PostgreSQL refuses a row
    /// ([`Error::is_of_a_row`]), [`Store::ingest_apart`] stores the others.
    pub async fn ingest(&self, batch: &Ingest) -> Result<Ingested, Error> {
        let mut client = self.client().await?;
        let storing = async {
            let tx = client.transaction_with_kept_plans().await?;
            bodies(&tx, &batch.bodies).await?;
            let ingested = store_rows(&tx, batch).await?;
            counts(&tx, &batch.counts).await?;
            tx.commit().await?;
            Ok::<_, Error>(ingested)
        };
        let ingested = metrics::INGEST.time(storing).await?;
        if ingested.has_new_aliases {
            // The batch stays stored if this fails; maintenance of the server repeats it.
            drop(client);
            if let Err(error) = self.spread_aliases().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot copy data of new aliases, trying again later: {error}"
                );
            }
        }
        Ok(ingested)
    }

    /// Counts events that could not be used, if there is nothing else to store.
    pub async fn count_webhooks(&self, n: &BTreeMap<(SenderId, &'static str), i64>) -> Result<(), Error> {
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        counts(&tx, n).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Stores the rows of a batch, without bodies and counts.
pub(crate) async fn store_rows(tx: &Transaction<'_>, batch: &Ingest) -> Result<Ingested, Error> {
    let found = look_up(tx, batch).await?;
    let mut ingested = store_found(tx, batch, &found).await?;
    // After the consents, so that what the same post says of the old number counts for the new number too.
    number_changes::store(tx, &batch.changes).await?;
    let opt_outs = ingested.unmatched_opt_outs.iter().map(|(sender, n)| ((*sender, UNMATCHED), *n)).collect();
    counts(tx, &opt_outs).await?;
    ingested.new_notices = notices(tx, &batch.notices).await?;
    Ok(ingested)
}

/// Stores receipts and answers by campaign, then conversations and consents. Events without a known message are kept until they
/// can be matched. Events of archived or erased campaigns are only counted.
async fn store_found(tx: &Transaction<'_>, batch: &Ingest, found: &Found) -> Result<Ingested, Error> {
    let mut campaigns: BTreeMap<CampaignId, (Vec<_>, Vec<_>)> = BTreeMap::new();
    let (mut lost_receipts, mut lost_answers) = (Vec::new(), Vec::new());
    let mut too_late: BTreeMap<(SenderId, &'static str), i64> = BTreeMap::new();
    let mut stops = Vec::new();
    for receipt in &batch.receipts {
        let found_recipient = found.recipient(&receipt.about);
        stops.extend(ReportedStop::of(receipt, found_recipient.map(|(campaign, _)| campaign)));
        match found_recipient {
            Some((campaign, seq)) => match found.closed.get(&campaign) {
                None => campaigns.entry(campaign).or_default().0.push((seq, receipt)),
                Some(closed) => *too_late.entry((receipt.about.sender, closed.receipt())).or_default() += 1,
            },
            None => lost_receipts.push(receipt),
        }
    }
    for answer in &batch.answers {
        match found.recipient(&answer.about) {
            Some((campaign, seq)) => match found.closed.get(&campaign) {
                None => campaigns.entry(campaign).or_default().1.push((seq, answer)),
                Some(closed) => *too_late.entry((answer.about.sender, closed.answer())).or_default() += 1,
            },
            None => lost_answers.push(answer),
        }
    }
    let (mut ingested, mut followed) = (Ingested { stops, ..Ingested::default() }, Followed::default());
    for (campaign, (receipts, answers)) in &campaigns {
        // Before the receipts: `fall_back.sql` locks rows in this order.
        if fall_back::list(tx, *campaign, receipts).await? {
            ingested.to_fall_back.push(*campaign);
        }
        let answered: Vec<i32> = answers.iter().map(|(seq, _)| seq.0).collect();
        let current = without_earlier_flows(tx, *campaign, receipts).await?;
        if receipts::store(tx, *campaign, &current, &answered).await? {
            ingested.to_resolve.push(*campaign);
        }
        receipts::follow_up(tx, *campaign, receipts, &mut followed).await?;
        let answers: Vec<Answered<'_>> = answers
            .iter()
            .map(|(seq, answer)| (*seq, *answer, found.replied_to(&answer.about).is_some()))
            .collect();
        let of_erased = answers::store(tx, *campaign, &answers).await?;
        if let Some((_, answer, _)) = answers.first().filter(|_| of_erased > 0) {
            // A campaign has one sender.
            *too_late.entry((answer.about.sender, "answer_of_erased_recipient")).or_default() += of_erased;
        }
    }
    counts(tx, &too_late).await?;
    let lost_receipts = lost_receipts.into_iter().map(|row| (&row.about, Event::of_receipt(row)));
    let lost_answers = lost_answers.into_iter().map(|row| (&row.about, Event::of_answer(row)));
    ingested.unmatched_events = keep(tx, lost_receipts.chain(lost_answers)).await?;
    let Followed { mut stopped, quiet, closed } = followed;
    let stored = if stopped.is_empty() {
        people::store(tx, found, batch, (&quiet, &closed)).await?
    } else {
        stopped.extend_from_slice(&batch.consents);
        let with_stopped = Ingest { consents: stopped, ..batch.clone() };
        people::store(tx, found, &with_stopped, (&quiet, &closed)).await?
    };
    let people::StoredPeople { unmatched_opt_outs, has_new_aliases } = stored;
    Ok(Ingested { unmatched_opt_outs, has_new_aliases, ..ingested })
}

/// The receipts except failures of flows that a template follows.
async fn without_earlier_flows<'a>(
    tx: &Transaction<'_>,
    campaign: CampaignId,
    receipts: &[(Seq, &'a ReceiptRow)],
) -> Result<Vec<(Seq, &'a ReceiptRow)>, Error> {
    let places = fall_back::of_earlier_flows(tx, campaign, receipts).await?;
    let kept = receipts.iter().enumerate().filter(|(place, _)| !places.contains(place));
    Ok(kept.map(|(_, receipt)| *receipt).collect())
}

pub(crate) async fn bodies(tx: &Transaction<'_>, bodies: &[RawBody]) -> Result<(), Error> {
    let insert = "
        insert into webhook_body as b (received_on, digest, sender_id, times, body)
        select (clock_timestamp() at time zone 'utc')::date, n.digest, n.sender_id, n.times, n.body
        from unnest($1::uuid[], $2::bigint[], $3::int[], $4::bytea[]) as n (digest, sender_id, times, body)
        order by n.digest
        on conflict (received_on, digest) do update set times = b.times + excluded.times";
    if bodies.is_empty() {
        return Ok(());
    }
    let mut distinct: BTreeMap<Uuid, (i64, i32, &[u8])> = BTreeMap::new();
    for RawBody { sender, digest, body } in bodies {
        distinct.entry(*digest).or_insert((sender.0, 0, body)).1 += 1;
    }
    let digests: Vec<Uuid> = distinct.keys().copied().collect();
    let senders: Vec<i64> = distinct.values().map(|(sender, ..)| *sender).collect();
    let times: Vec<i32> = distinct.values().map(|(_, times, _)| *times).collect();
    let bytes: Vec<&[u8]> = distinct.values().map(|(.., body)| *body).collect();
    let stored = tx.execute(&tx.prepare_cached(insert).await?, &[&digests, &senders, &times, &bytes]).await;
    stored.map_err(|error| match error.code() {
        // No row is wrong: `make_webhook_days` (`retention/webhook_days.rs`) creates the table of the day, and runs again soon.
        Some(&SqlState::CHECK_VIOLATION) => Error::Unavailable {
            reason: "the table for today's posts does not exist yet; the server creates it, see its log"
                .into(),
            source: cause(error),
        },
        _ => error.into(),
    })?;
    Ok(())
}

/// Stores new states of templates and flows: a state that differs from the last one and is not older.
async fn notices(tx: &Transaction<'_>, notices: &[NoticeRow]) -> Result<Vec<NoticeRow>, Error> {
    let insert = "
        insert into provider_notice (sender_id, about, name, status, noticed_at, language)
        select $1, $2, $3, $4, least(coalesce($5, clock_timestamp()), clock_timestamp()), $6
        where not exists (
            select from (
                select status, noticed_at from provider_notice
                where sender_id = $1 and about = $2 and name = $3 and language = $6 order by noticed_at desc limit 1
            ) last where last.status = $4 or last.noticed_at > $5)
        on conflict do nothing";
    let mut new = Vec::new();
    for notice in notices {
        let NoticeRow { sender, about, name, language, status, at, .. } = notice;
        let language = language.as_deref().unwrap_or_default();
        let prepared = tx.prepare_cached(insert).await?;
        if tx.execute(&prepared, &[&sender.0, about, name, status, at, &language]).await? > 0 {
            new.push(notice.clone());
        }
    }
    Ok(new)
}

pub(crate) async fn counts(
    tx: &Transaction<'_>,
    n: &BTreeMap<(SenderId, &'static str), i64>,
) -> Result<(), Error> {
    let upsert = "
        insert into webhook_count as c (sender_id, kind, n)
        select n.sender_id, n.kind, n.n
        from unnest($1::bigint[], $2::text[], $3::bigint[]) as n (sender_id, kind, n)
        where exists (select from sender s where s.id = n.sender_id)
        order by n.sender_id, n.kind
        on conflict (sender_id, kind) do update set n = c.n + excluded.n, last_at = excluded.last_at";
    if n.is_empty() {
        return Ok(());
    }
    let senders: Vec<i64> = n.keys().map(|(sender, _)| sender.0).collect();
    let kinds: Vec<&str> = n.keys().map(|(_, kind)| *kind).collect();
    let n: Vec<i64> = n.values().copied().collect();
    tx.execute(&tx.prepare_cached(upsert).await?, &[&senders, &kinds, &n]).await?;
    Ok(())
}
