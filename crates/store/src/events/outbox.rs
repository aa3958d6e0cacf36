//! Events. Most are written by triggers, in the transaction of the change that they tell of.

use std::time::Duration;

use campaign::CampaignId;
use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::db::connection::Store;
use crate::db::error::Error;

/// Deliveries are created for at most this many events at once.
const BATCH: i64 = 500;

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRow {
    /// Its number: the order of events.
    pub id: i64,
    /// The id that receivers see.
    pub message_id: Uuid,
    /// The time.
    pub at: Timestamp,
    /// The kind, such as `campaign.started`.
    pub kind: String,
    /// The campaign, if it is about one.
    pub campaign: Option<CampaignId>,
    /// The name of the sender, if it is about one.
    pub sender: Option<String>,
    /// What happened; a JSON object without personal data.
    pub data: Value,
}

impl EventRow {
    pub(crate) fn read(row: &Row) -> Self {
        Self {
            id: row.get("event_id"),
            message_id: row.get("message_id"),
            at: row.get("at"),
            kind: row.get("kind"),
            campaign: row.get::<_, Option<i64>>("campaign_id").map(CampaignId),
            sender: row.get("sender"),
            data: row.get("data"),
        }
    }
}

impl Store {
    /// The events whose position is higher than `after`, each with its position, the lowest first, at most `limit`. An event has a
    /// position when [`dispatch_events`](Self::dispatch_events) saw it. Events of one endpoint (`test.ping`) are left out.
    pub async fn events(&self, after: i64, limit: u32) -> Result<Vec<(i64, EventRow)>, Error> {
        let select = "
            select position, id as event_id, message_id, at, kind, campaign_id, sender, data
            from event where position > $1 and endpoint_id is null order by position limit $2";
        let client = self.client().await?;
        let rows = client.query(&client.prepare_cached(select).await?, &[&after, &i64::from(limit)]).await?;
        Ok(rows.iter().map(|row| (row.get("position"), EventRow::read(row))).collect())
    }

    /// Writes the event `list.refused`. `problem` is a word, such as `bad-list`. A refused list changes nothing, so the event is a
    /// transaction of its own; without the campaign nothing is written.
    pub async fn tell_refused_list(&self, campaign: CampaignId, problem: &str) -> Result<(), Error> {
        let insert = "
            insert into event (kind, campaign_id, sender, data)
            select 'list.refused', c.id, s.name,
                jsonb_build_object('campaign_id', c.id, 'campaign', c.name, 'problem', $2::text)
            from campaign c join sender s on s.id = c.sender_id where c.id = $1";
        self.client().await?.execute(insert, &[&campaign.0, &problem]).await?;
        Ok(())
    }

    /// Writes an event `answers.received` for each campaign with more answers than the last event said, if that event is older
    /// than `pause`. Processes that call this at the same time write each event once.
    pub async fn tell_answers(&self, pause: Duration) -> Result<u64, Error> {
        let lock = "select pg_try_advisory_xact_lock(hashtextextended('events of answers', 0))";
        // A counter that fell, because answers were erased, is the new mark.
        let insert = "
            with counted as (
                select c.campaign_id, c.n, coalesce(t.answers, 0) as before
                from counter c left join answers_told t on t.campaign_id = c.campaign_id
                where c.kind = 'answer' and c.n <> coalesce(t.answers, 0)
                    and coalesce(t.told_at <= clock_timestamp() - make_interval(secs => $1), true)
            ), told as (
                insert into answers_told as t (campaign_id, answers) select campaign_id, n from counted
                on conflict (campaign_id) do update set answers = excluded.answers, told_at = clock_timestamp()
            )
            insert into event (kind, campaign_id, sender, data)
            select 'answers.received', c.id, s.name, jsonb_build_object(
                'campaign_id', c.id, 'campaign', c.name, 'sender', s.name, 'new', n.n - n.before, 'total', n.n)
            from counted n join campaign c on c.id = n.campaign_id join sender s on s.id = c.sender_id
            where n.n > n.before order by c.id";
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        if !tx.query_one(lock, &[]).await?.get::<_, bool>(0) {
            return Ok(0);
        }
        let written = tx.execute(insert, &[&pause.as_secs_f64()]).await?;
        tx.commit().await?;
        Ok(written)
    }

    /// Creates the deliveries of up to 500 new events, one for each enabled endpoint that receives the kind and existed before the
    /// event, and gives the events their positions. Returns the number of events; none while another process does it, so that
    /// positions are committed in their order.
    pub async fn dispatch_events(&self) -> Result<u64, Error> {
        let lock = "select pg_try_advisory_xact_lock(hashtextextended('positions of events', 0))";
        let statement = "
            with ready as materialized (
                select id, at, kind, endpoint_id, nextval('event_position') as position
                from (select id, at, kind, endpoint_id from event where position is null order by id limit $1) e
            ), dispatched as (
                update event e set position = r.position from ready r where e.id = r.id returning e.id
            ), due as (
                insert into webhook_delivery (endpoint_id, event_id)
                select w.id, r.id from ready r join webhook_endpoint w
                    on w.disabled_at is null and w.created_at <= r.at
                    and case when r.endpoint_id is null then coalesce(r.kind = any(w.events), true) else r.endpoint_id = w.id end
                order by w.id, r.id on conflict do nothing
            )
            select count(*) from dispatched";
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        if !tx.query_one(lock, &[]).await?.get::<_, bool>(0) {
            return Ok(0);
        }
        let row = tx.query_one(&tx.prepare_cached(statement).await?, &[&BATCH]).await?;
        tx.commit().await?;
        Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or(0))
    }

    /// Removes up to 10,000 events that are older than 30 days, with their deliveries. Returns their number.
    pub async fn forget_events(&self) -> Result<u64, Error> {
        let delete = "
            delete from event where id = any(array(
                select id from event where at < clock_timestamp() - interval '30 days' order by at limit 10000))";
        let client = self.client().await?;
        Ok(client.execute(&client.prepare_cached(delete).await?, &[]).await?)
    }
}
