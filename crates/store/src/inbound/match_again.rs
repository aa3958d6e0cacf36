//! Matches events again until the message they are about is recorded.

use campaign::{CampaignId, SenderId, Seq};
use tokio_postgres::types::Json;
use uuid::Uuid;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::inbound::batch::Ingest;
use crate::inbound::ingest::store_rows;
use crate::inbound::ingest_apart::store_apart;
use crate::inbound::rows::{MessageKey, ReportedStop};
use crate::inbound::unmatched::Event;

/// Events whose message was found.
#[derive(Debug)]
pub struct MatchedEvents {
    /// The number of events.
    pub events: usize,
    /// Stops of campaigns that receipts among them report.
    pub stops: Vec<ReportedStop>,
}

/// Maximum number of events per call.
const MOST: i64 = 1_000;

impl Store {
    /// Matches the unmatched events that are due.
    pub async fn match_again(&self) -> Result<MatchedEvents, Error> {
        let select = "
            select o.sender_id, o.digest, o.provider_message_id, o.event, o.received_at, m.campaign_id, m.seq
            from unmatched_status o left join sent_message m
                on m.sender_id = o.sender_id and m.message_hash = message_hash(o.provider_message_id)
                    and m.provider_message_id = o.provider_message_id
            where o.next_at <= clock_timestamp() order by o.next_at limit $1 for update of o skip locked";
        let later = "
            update unmatched_status o
            set tries = least(tries + 1, 30),
                next_at = clock_timestamp() + least(interval '1 second' * 2 ^ (tries + 1), interval '1 hour')
            from unnest($1::bigint[], $2::uuid[]) as l (sender_id, digest)
            where o.sender_id = l.sender_id and o.digest = l.digest";
        let matched = "
            delete from unmatched_status o using unnest($1::bigint[], $2::uuid[]) as d (sender_id, digest)
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
            let about = MessageKey {
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
        let savepoint = tx.savepoint("unmatched").await?;
        let stored = match store_rows(&savepoint, &batch).await {
            Ok(stored) => {
                savepoint.commit().await?;
                stored
            }
            Err(error) if error.is_of_a_row() => {
                savepoint.rollback().await?;
                store_apart(&mut tx, &batch).await?
            }
            Err(error) => return Err(error),
        };
        tx.commit().await?;
        Ok(MatchedEvents { events: known.0.len(), stops: stored.stops })
    }
}
