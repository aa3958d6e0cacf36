//! Campaigns: create, start, cancel, and checks of their lists.

use std::pin::pin;

use campaign::{
    CampaignId, CampaignState, Deadline, Definition, Opening, Rate, RecipientState, SenderId, Variables,
    WhenOver,
};
use futures::TryStreamExt;
use jiff::Timestamp;
use tokio_postgres::types::{Json, ToSql};

use crate::campaigns::finish_and_cancel::CANCELLED;
use crate::campaigns::sending_hours::columns;
use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::pool::Transaction;

/// A campaign with its current state.
#[derive(Clone, Debug)]
pub struct CampaignRow {
    /// Its id.
    pub id: CampaignId,
    /// Its sender.
    pub sender: SenderId,
    /// Its name.
    pub name: String,
    /// Its definition.
    pub definition: Definition,
    /// Its state.
    pub state: CampaignState,
    /// Counts starts and resumes.
    pub epoch: i64,
    /// Number of imported recipients.
    pub recipients: i32,
    /// Time of the first start.
    pub started_at: Option<Timestamp>,
    /// Counts the edits of the draft, from 1.
    pub version: i32,
}

/// Sets or removes the rate that a campaign has besides the rate of its sender.
pub(crate) async fn set_campaign_rate(
    tx: &Transaction<'_>,
    id: CampaignId,
    rate: Option<Rate>,
) -> Result<(), Error> {
    let set = "
        insert into campaign_gate (campaign_id, permits, per_us) values ($1, $2, $3)
        on conflict (campaign_id) do update set permits = excluded.permits, per_us = excluded.per_us";
    let Some(rate) = rate else {
        tx.execute("delete from campaign_gate where campaign_id = $1", &[&id.0]).await?;
        return Ok(());
    };
    let permits = i32::try_from(rate.permits()).unwrap_or(i32::MAX);
    let per_us = i64::try_from(rate.per().as_micros()).unwrap_or(i64::MAX);
    tx.execute(set, &[&id.0, &permits, &per_us]).await?;
    Ok(())
}

impl Store {
    /// Stores a campaign as a draft. `created_by` is the name of the actor, if there is one.
    pub async fn create_campaign(
        &self,
        definition: &Definition,
        created_by: Option<&str>,
    ) -> Result<CampaignId, Error> {
        let sender = self.sender(&definition.sender).await?.id;
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let insert = "
            insert into campaign (name, sender_id, definition, unknown_rule, unknown_after, created_by)
            values ($1, $2, $3, $4, $5 * interval '1 second', $6) returning id";
        let (rule, after) = (definition.policy.unknown.word(), definition.policy.unknown_after.as_secs_f64());
        let parameters: [&(dyn ToSql + Sync); 6] =
            [&definition.name, &sender.0, &Json(definition), &rule, &after, &created_by];
        let id: i64 = tx.query_one(insert, &parameters).await?.get(0);
        tx.execute("insert into campaign_feed (campaign_id) values ($1)", &[&id]).await?;
        set_campaign_rate(&tx, CampaignId(id), definition.policy.rate).await?;
        // The volume exists already, unless all ids of the previous volume were used within an hour.
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
            select sender_id, name, definition, state, epoch, recipients, started_at, version from campaign where id = $1";
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
            version: row.get(7),
        })
    }

    /// Recipients without a value for one of these variables: the variable, the number of recipients, and the places of the
    /// first five.
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

    /// Calls `each` with the place and the variables of each `pending` recipient, in the order of the list.
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

    /// The number of `pending` recipients that are on the suppression list.
    pub async fn suppressed_recipients(&self, id: CampaignId) -> Result<i64, Error> {
        let select = "
            select count(*) from recipient r where campaign_id = $1 and state = 'pending' and exists (
                select from suppression p join campaign c on c.id = $1
                where p.msisdn = r.msisdn and (p.sender_id is null or p.sender_id = c.sender_id))";
        Ok(self.own_client().await?.query_one(select, &[&id.0]).await?.get(0))
    }

    /// Starts a draft, or resumes a paused campaign: a new epoch begins and the hold of the campaign ends. The first start sets
    /// the deadline and the prices. Returns the current or next sending hours, if the campaign has sending hours.
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

    /// Cancels a campaign: from the commit on no recipient of it is claimed. [`Store::end_cancelled`] ends its recipients.
    pub async fn cancel_campaign(&self, id: CampaignId, cancelled_by: &str) -> Result<(), Error> {
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
        Ok(())
    }

    /// Makes recipients of a cancelled campaign `cancelled` that are `pending` or `retry`. Recipients that are `sending` keep the
    /// outcome that their worker records; if the worker gives them back they are cancelled later ([`Store::end_stragglers`]).
    /// Returns the number of recipients that are `cancelled` now. Producers finish an interrupted call
    /// ([`Store::continue_cancellation`]).
    pub async fn end_cancelled(&self, id: CampaignId) -> Result<i64, Error> {
        let state = self.campaign(id).await?.state;
        if state != CampaignState::Cancelled {
            return Err(Error::Conflict(format!("campaign {id} is {state}, not cancelled")));
        }
        self.end_rest(id, RecipientState::Cancelled, CANCELLED).await?;
        // The counter also has recipients that a producer cancelled at the same time.
        let count = "select coalesce(sum(n), 0)::bigint from counter_now where campaign_id = $1 and kind = 'cancelled'";
        Ok(self.client().await?.query_one(count, &[&id.0]).await?.get(0))
    }
}
