//! Campaigns: their definition and the steps of their life.

use std::pin::pin;

use campaign::{
    CampaignId, CampaignState, Deadline, Definition, Opening, RecipientState, SenderId, Variables, WhenOver,
};
use futures::TryStreamExt;
use jiff::Timestamp;
use tokio_postgres::types::{Json, ToSql};

use crate::campaigns::finish_and_cancel::CANCELLED;
use crate::campaigns::sending_hours::columns;
use crate::db::connection::Store;
use crate::db::error::Error;

/// A campaign as it stands.
#[derive(Clone, Debug)]
pub struct CampaignRow {
    /// Its id.
    pub id: CampaignId,
    /// Its sender.
    pub sender: SenderId,
    /// Its name.
    pub name: String,
    /// Its file.
    pub definition: Definition,
    /// Where it stands.
    pub state: CampaignState,
    /// Counts starts and resumes.
    pub epoch: i64,
    /// How many recipients were imported.
    pub recipients: i32,
    /// When it was started first.
    pub started_at: Option<Timestamp>,
}

impl Store {
    /// Stores a campaign as a draft.
    pub async fn create_campaign(&self, definition: &Definition) -> Result<CampaignId, Error> {
        let sender = self.sender(&definition.sender).await?.id;
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let insert = "
            insert into campaign (name, sender_id, definition, unknown_rule, unknown_after)
            values ($1, $2, $3, $4, $5 * interval '1 second') returning id";
        let (rule, after) = (definition.policy.unknown.word(), definition.policy.unknown_after.as_secs_f64());
        let row =
            tx.query_one(insert, &[&definition.name, &sender.0, &Json(definition), &rule, &after]).await?;
        let id: i64 = row.get(0);
        tx.execute("insert into campaign_feed (campaign_id) values ($1)", &[&id]).await?;
        if let Some(rate) = definition.policy.rate {
            let gate = "insert into campaign_gate (campaign_id, permits, per_us) values ($1, $2, $3)";
            let permits = i32::try_from(rate.permits()).unwrap_or(i32::MAX);
            let per_us = i64::try_from(rate.per().as_micros()).unwrap_or(i64::MAX);
            tx.execute(gate, &[&id, &permits, &per_us]).await?;
        }
        // The volume exists, unless the ids of the volume before it were used up within an hour.
        tx.execute(
            "select create_volume(volume_of($1)) where to_regclass('flow_answer_v' || volume_of($1)) is null",
            &[&id],
        )
        .await?;
        tx.commit().await?;
        Ok(CampaignId(id))
    }

    /// The campaign of this id.
    pub async fn campaign(&self, id: CampaignId) -> Result<CampaignRow, Error> {
        let select = "
            select sender_id, name, definition, state, epoch, recipients, started_at from campaign where id = $1";
        let row =
            self.client().await?.query_opt(select, &[&id.0]).await?.ok_or_else(|| Error::no_campaign(id))?;
        Ok(CampaignRow {
            id,
            sender: SenderId(row.get(0)),
            name: row.get(1),
            definition: row.try_get::<_, Json<Definition>>(2).map_err(Error::unreadable)?.0,
            state: row.get::<_, &str>(3).parse().map_err(Error::unreadable)?,
            epoch: row.get(4),
            recipients: row.get(5),
            started_at: row.get(6),
        })
    }

    /// Recipients whose row lacks one of these variables, or has it empty: how many, and the places of the first five.
    pub async fn rows_lacking(
        &self,
        id: CampaignId,
        variables: &[&str],
    ) -> Result<Vec<(String, i64, Vec<i32>)>, Error> {
        let client = self.own_client().await?;
        let select = "
            select v.name, count(*), (array_agg(r.seq order by r.seq))[1:5]
            from recipient r cross join unnest($2::text[]) as v(name)
            where r.campaign_id = $1 and coalesce(btrim(r.variables ->> v.name), '') = ''
            group by v.name order by v.name";
        let rows = client.query(select, &[&id.0, &variables]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
    }

    /// Hands over the place and the variables of each recipient who was not sent to yet, in the order of the list.
    pub async fn each_recipient(
        &self,
        id: CampaignId,
        mut each: impl FnMut(i32, Variables),
    ) -> Result<(), Error> {
        let select =
            "select seq, variables from recipient where campaign_id = $1 and state = 'pending' order by seq";
        let client = self.own_client().await?;
        let mut rows = pin!(client.query_raw(select, [&id.0]).await?);
        while let Some(row) = rows.try_next().await? {
            each(row.get(0), row.try_get::<_, Json<Variables>>(1).map_err(Error::unreadable)?.0);
        }
        Ok(())
    }

    /// How many recipients who were not sent to yet are on the suppression list.
    pub async fn suppressed_recipients(&self, id: CampaignId) -> Result<i64, Error> {
        let select = "
            select count(*) from recipient r where campaign_id = $1 and state = 'pending' and exists (
                select from suppression p join campaign c on c.id = $1
                where p.msisdn = r.msisdn and (p.sender_id is null or p.sender_id = c.sender_id))";
        Ok(self.own_client().await?.query_one(select, &[&id.0]).await?.get(0))
    }

    /// Starts a draft, or continues a paused campaign: a new epoch begins and its hold ends. The first start fixes the
    /// deadline and the prices. Returns the sending hours now or next, if it has some.
    pub async fn start_campaign(&self, id: CampaignId, started_by: &str) -> Result<Option<Opening>, Error> {
        let statement = "
            with started as (
                update campaign
                set state = 'running', epoch = epoch + 1, started_at = coalesce(started_at, now()),
                    deadline_at = coalesce(deadline_at, least($7, $3, now() + $4 * interval '1 millisecond')),
                    opens_at = $5, closes_at = $6, price_list_id = coalesce(price_list_id, (
                        select max(l.id) from price_list l where l.sender_id = campaign.sender_id))
                where id = $1 and state in ('draft', 'paused')
                    and coalesce(coalesce(deadline_at, $3) > clock_timestamp(), true)
                returning id
            ), ended as (
                update hold h set ended_at = now(), ended_by = $2 from started
                where h.campaign_id = started.id and h.ended_at is null
            )
            select count(*) from started";
        let row = self.campaign(id).await?;
        let (at, after) = match row.definition.policy.deadline {
            Some(Deadline::At(at)) => (Some(at), None),
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of days")]
            Some(Deadline::After(after)) => (None, Some(after.as_millis() as f64)),
            None => (None, None),
        };
        let client = self.client().await?;
        let schedule = &row.definition.schedule;
        let now: Timestamp = client.query_one("select clock_timestamp()", &[]).await?.get(0);
        let opening = schedule.opening(now);
        let (opens_at, closes_at) = columns(opening);
        let ends_with_hours = closes_at.filter(|_| schedule.when_over == WhenOver::Expire);
        let values: [&(dyn ToSql + Sync); 7] =
            [&id.0, &started_by, &at, &after, &opens_at, &closes_at, &ends_with_hours];
        let started: i64 = client.query_one(statement, &values).await?.get(0);
        if started > 0 {
            return Ok(opening);
        }
        Err(Error::Conflict(match row.state {
            CampaignState::Draft | CampaignState::Paused => {
                format!("the deadline of campaign {id} has passed; create it again with a later one")
            }
            state => format!("campaign {id} is {state}; only a draft or paused one can be started"),
        }))
    }

    /// Ends a campaign before its time: nobody more is claimed from the moment of the commit. Everyone not sent to
    /// becomes `cancelled`; the number of them is returned.
    pub async fn cancel_campaign(&self, id: CampaignId, cancelled_by: &str) -> Result<u64, Error> {
        let statement = "
            with cancelled as (
                update campaign set state = 'cancelled', finished_at = now()
                where id = $1 and state in ('draft', 'running', 'paused', 'cancelled') returning id
            ), ended as (
                update hold h set ended_at = now(), ended_by = $2 from cancelled
                where h.campaign_id = cancelled.id and h.ended_at is null
            )
            select count(*) from cancelled";
        let cancelled: i64 = self.client().await?.query_one(statement, &[&id.0, &cancelled_by]).await?.get(0);
        if cancelled == 0 {
            let state = self.campaign(id).await?.state;
            return Err(Error::Conflict(format!("campaign {id} is {state}; there is nothing to cancel")));
        }
        self.end_rest(id, RecipientState::Cancelled, CANCELLED).await?;
        // Some of them a producer may have ended in the same instant.
        let count =
            "select coalesce(sum(n), 0)::bigint from tally_now where campaign_id = $1 and kind = 'cancelled'";
        let cancelled: i64 = self.client().await?.query_one(count, &[&id.0]).await?.get(0);
        Ok(u64::try_from(cancelled).unwrap_or(0))
    }
}
