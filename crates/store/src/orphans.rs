//! What came back and could not be matched: looked up again until the message it is about is on record.
//!
//! A receipt that carries the provider's id only may be there before our own record of that message, and may as well be about
//! a message of another system that uses the number. So it is looked up again after growing pauses, and forgotten after
//! a week.

use std::collections::{BTreeMap, BTreeSet};

use campaign::{CampaignId, Consent, Msisdn, SenderId, Seq, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio_postgres::types::Json;
use uuid::Uuid;

use crate::closed::Closed;
use crate::connection::Store;
use crate::error::Error;
use crate::ingest::{Found, Ingest, store_rows};
use crate::ingest_apart::store_apart;
use crate::ingest_rows::{About, AnswerRow, ConsentRow, InboundRow, Person, ReceiptRow};
use crate::pool::Transaction;

/// Most orphans of one look.
const MOST: i64 = 1_000;

/// What is kept of one.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Event {
    Receipt {
        status: String,
        at: Option<Timestamp>,
        code: Option<String>,
        #[serde(default)]
        words: Option<String>,
        follow_up: Option<String>,
        #[serde(default)]
        billable: Option<bool>,
        #[serde(default)]
        user: Option<String>,
    },
    Answer {
        at: Option<Timestamp>,
        inbound_id: String,
        answer: Value,
        #[serde(default)]
        from: Option<Msisdn>,
    },
    Consent {
        /// `out` or `in`.
        consent: String,
        at: Option<Timestamp>,
        is_by_provider: bool,
        /// Whether it counts for a number already.
        is_matched: bool,
        from: Option<Msisdn>,
        user: Option<String>,
    },
    Inbound {
        at: Option<Timestamp>,
        user: Option<String>,
    },
}

/// Finds whose the campaigns are that references of a batch lead to, and the recipients that ids without a reference lead to.
pub(crate) async fn look_up(tx: &Transaction<'_>, batch: &Ingest) -> Result<Found, Error> {
    let receipts: Vec<&About> = batch.receipts.iter().map(|receipt| &receipt.about).collect();
    let answers = batch.answers.iter().map(|answer| &answer.about);
    let replies: Vec<&About> = answers.chain(batch.people().map(|who| &who.about)).collect();
    find(tx, &receipts, &replies).await
}

/// The id of the message is looked up for receipts without a reference, and for every reply: what it replies to says who wrote.
async fn find(tx: &Transaction<'_>, receipts: &[&About], replies: &[&About]) -> Result<Found, Error> {
    let about = || receipts.iter().chain(replies);
    let select_owned = "
        select sender_id, id, archived_at is not null as is_archived, erased_at is not null as is_erased
        from campaign where id = any($1)";
    let select_ids = "
        select m.sender_id, m.provider_message_id, m.campaign_id, m.seq
        from unnest($1::bigint[], $2::text[]) as a (sender_id, id)
        join sent_message m on m.sender_id = a.sender_id and m.message_hash = message_hash(a.id)
            and m.provider_message_id = a.id";
    let mut found = Found { owned: BTreeSet::new(), closed: BTreeMap::new(), by_id: BTreeMap::new() };
    let ids: BTreeSet<(i64, &str)> = receipts
        .iter()
        .filter(|about| about.recipient.is_none())
        .chain(replies)
        .filter_map(|about| Some((about.sender.0, about.message_id.as_deref()?)))
        .collect();
    if !ids.is_empty() {
        let (senders, ids): (Vec<i64>, Vec<&str>) = ids.into_iter().unzip();
        for row in tx.query(&tx.prepare_cached(select_ids).await?, &[&senders, &ids]).await? {
            let recipient = (CampaignId(row.get(2)), Seq(row.get(3)));
            found.by_id.insert((SenderId(row.get(0)), row.get(1)), recipient);
        }
    }
    let by_reference = about().filter_map(|about| about.recipient.map(|(campaign, _)| campaign.0));
    let by_id = found.by_id.values().map(|(campaign, _)| campaign.0);
    let campaigns: BTreeSet<i64> = by_reference.chain(by_id).collect();
    if !campaigns.is_empty() {
        let campaigns: Vec<i64> = campaigns.into_iter().collect();
        for row in tx.query(&tx.prepare_cached(select_owned).await?, &[&campaigns]).await? {
            let campaign = CampaignId(row.get(1));
            found.owned.insert((SenderId(row.get(0)), campaign));
            if row.get("is_archived") {
                found.closed.insert(campaign, Closed::Archived);
            } else if row.get("is_erased") {
                found.closed.insert(campaign, Closed::Erased);
            }
        }
    }
    Ok(found)
}

/// Keeps what could not be matched. What carries no id of a message cannot be matched ever, and is not kept.
pub(crate) async fn keep<'a>(
    tx: &Transaction<'_>,
    lost: impl Iterator<Item = (&'a About, Event)>,
) -> Result<u64, Error> {
    let insert = "
        insert into orphan (sender_id, digest, provider_message_id, event)
        select * from unnest($1::bigint[], $2::uuid[], $3::text[], $4::jsonb[]) order by 1, 2
        on conflict do nothing";
    let (mut senders, mut digests, mut ids, mut events) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (about, event) in lost {
        let Some(id) = about.message_id.as_deref() else { continue };
        let event = serde_json::to_value(&event).map_err(Error::unreadable)?;
        senders.push(about.sender.0);
        digests.push(digest(id, &event));
        ids.push(id);
        events.push(Json(event));
    }
    if ids.is_empty() {
        return Ok(0);
    }
    Ok(tx.execute(&tx.prepare_cached(insert).await?, &[&senders, &digests, &ids, &events]).await?)
}

fn digest(id: &str, event: &Value) -> Uuid {
    let hash = Sha256::new().chain_update(id).chain_update([0]).chain_update(event.to_string()).finalize();
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    Uuid::from_bytes(half)
}

impl Event {
    pub(crate) fn of_receipt(receipt: &ReceiptRow) -> Self {
        Self::Receipt {
            status: receipt.status.word().to_owned(),
            at: receipt.at,
            code: receipt.code.clone(),
            words: receipt.words.clone(),
            follow_up: receipt.follow_up.map(|follow_up| follow_up.word().to_owned()),
            billable: receipt.billable,
            user: receipt.user.as_ref().map(|user| user.as_str().to_owned()),
        }
    }

    pub(crate) fn of_answer(answer: &AnswerRow) -> Self {
        Self::Answer {
            at: answer.at,
            inbound_id: answer.inbound_id.clone(),
            answer: answer.answer.clone(),
            from: answer.from,
        }
    }

    pub(crate) fn of_consent(row: &ConsentRow, is_matched: bool) -> Self {
        let ConsentRow { inbound: InboundRow { who, at }, consent, is_by_provider } = row;
        Self::Consent {
            consent: if *consent == Consent::OptedOut { "out" } else { "in" }.to_owned(),
            at: *at,
            is_by_provider: *is_by_provider,
            is_matched,
            from: who.from,
            user: who.user.as_ref().map(|user| user.as_str().to_owned()),
        }
    }

    pub(crate) fn of_inbound(row: &InboundRow) -> Self {
        Self::Inbound { at: row.at, user: row.who.user.as_ref().map(|user| user.as_str().to_owned()) }
    }

    /// Puts it back where it came from. What has no time of its own happened when it came.
    fn put_back(self, about: About, came_at: Timestamp, batch: &mut Ingest) -> Result<(), Error> {
        match self {
            Self::Receipt { status, at, code, words, follow_up, billable, user } => {
                batch.receipts.push(ReceiptRow {
                    about,
                    status: status.parse().map_err(Error::unreadable)?,
                    at: at.or(Some(came_at)),
                    code,
                    words,
                    follow_up: follow_up.map(|word| word.parse().map_err(Error::unreadable)).transpose()?,
                    billable,
                    user: user.as_deref().and_then(UserId::new),
                });
            }
            Self::Answer { at, inbound_id, answer, from } => {
                batch.answers.push(AnswerRow { about, at: at.or(Some(came_at)), inbound_id, answer, from });
            }
            Self::Consent { consent, at, is_by_provider, from, user, .. } => {
                let who = Person { about, from, user: user.as_deref().and_then(UserId::new) };
                let inbound = InboundRow { who, at: at.or(Some(came_at)) };
                let consent = if consent == "out" { Consent::OptedOut } else { Consent::OptedIn };
                batch.consents.push(ConsentRow { inbound, consent, is_by_provider });
            }
            Self::Inbound { at, user } => {
                let who = Person { about, from: None, user: user.as_deref().and_then(UserId::new) };
                batch.inbounds.push(InboundRow { who, at: at.or(Some(came_at)) });
            }
        }
        Ok(())
    }
}

impl Store {
    /// Looks up again what could not be matched, if it is time for that. Returns how many were matched.
    pub async fn match_orphans(&self) -> Result<u64, Error> {
        let select = "
            select o.sender_id, o.digest, o.provider_message_id, o.event, o.received_at, m.campaign_id, m.seq
            from orphan o left join sent_message m
                on m.sender_id = o.sender_id and m.message_hash = message_hash(o.provider_message_id)
                    and m.provider_message_id = o.provider_message_id
            where o.next_at <= clock_timestamp() order by o.next_at limit $1 for update of o skip locked";
        let later = "
            update orphan o
            set tries = least(tries + 1, 30),
                next_at = clock_timestamp() + least(interval '1 second' * 2 ^ (tries + 1), interval '1 hour')
            from unnest($1::bigint[], $2::uuid[]) as l (sender_id, digest)
            where o.sender_id = l.sender_id and o.digest = l.digest";
        let matched = "
            delete from orphan o using unnest($1::bigint[], $2::uuid[]) as d (sender_id, digest)
            where o.sender_id = d.sender_id and o.digest = d.digest";
        let mut batch = Ingest::default();
        let (mut known, mut unknown) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
        let mut client = self.client().await?;
        let mut tx = client.transaction().await?;
        for row in tx.query(&tx.prepare_cached(select).await?, &[&MOST]).await? {
            let (sender, digest): (i64, Uuid) = (row.get(0), row.get(1));
            let Some(campaign) = row.get::<_, Option<i64>>(5) else {
                unknown.0.push(sender);
                unknown.1.push(digest);
                continue;
            };
            let about = About {
                sender: SenderId(sender),
                recipient: Some((CampaignId(campaign), Seq(row.get(6)))),
                message_id: Some(row.get(2)),
            };
            let event = row.try_get::<_, Json<Event>>(3).map_err(Error::unreadable)?.0;
            event.put_back(about, row.get(4), &mut batch)?;
            known.0.push(sender);
            known.1.push(digest);
        }
        tx.execute(&tx.prepare_cached(later).await?, &[&unknown.0, &unknown.1]).await?;
        tx.execute(&tx.prepare_cached(matched).await?, &[&known.0, &known.1]).await?;
        let savepoint = tx.savepoint("orphans").await?;
        match store_rows(&savepoint, &batch).await {
            Ok(_) => savepoint.commit().await?,
            Err(error) if error.is_of_a_row() => {
                savepoint.rollback().await?;
                store_apart(&mut tx, &batch).await?;
            }
            Err(error) => return Err(error),
        }
        tx.commit().await?;
        Ok(u64::try_from(known.0.len()).unwrap_or(u64::MAX))
    }
}
