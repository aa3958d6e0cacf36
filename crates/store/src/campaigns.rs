//! Campaigns: their definition and the steps of their life.

use campaign::{CampaignId, CampaignState, Definition, SenderId};
use jiff::Timestamp;
use tokio_postgres::types::Json;

use crate::connection::Store;
use crate::error::Error;

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
    /// Stores a campaign as a draft, with its partitions.
    pub async fn create_campaign(&self, definition: &Definition) -> Result<CampaignId, Error> {
        let sender = self.sender(&definition.sender).await?.id;
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let insert = "insert into campaign (name, sender_id, definition) values ($1, $2, $3) returning id";
        let id: i64 = tx.query_one(insert, &[&definition.name, &sender.0, &Json(definition)]).await?.get(0);
        tx.execute("insert into campaign_feed (campaign_id) values ($1)", &[&id]).await?;
        tx.execute("select create_campaign_partitions($1)", &[&id]).await?;
        tx.commit().await?;
        Ok(CampaignId(id))
    }

    /// The campaign of this id.
    pub async fn campaign(&self, id: CampaignId) -> Result<CampaignRow, Error> {
        let select = "
            select sender_id, name, definition, state, epoch, recipients, started_at from campaign where id = $1";
        let row = self.client().await?.query_opt(select, &[&id.0]).await?.ok_or_else(|| missing(id))?;
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

    /// Starts a draft, or continues a paused campaign: a new epoch begins and its hold ends.
    pub async fn start_campaign(&self, id: CampaignId, started_by: &str) -> Result<(), Error> {
        let statement = "
            with started as (
                update campaign set state = 'running', epoch = epoch + 1, started_at = coalesce(started_at, now())
                where id = $1 and state in ('draft', 'paused') returning id
            ), ended as (
                update hold h set ended_at = now(), ended_by = $2 from started
                where h.campaign_id = started.id and h.ended_at is null
            )
            select count(*) from started";
        let started: i64 = self.client().await?.query_one(statement, &[&id.0, &started_by]).await?.get(0);
        if started == 0 {
            let state = self.campaign(id).await?.state;
            return Err(Error::Conflict(format!(
                "campaign {id} is {state}; only a draft or paused one can be started"
            )));
        }
        Ok(())
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
        self.cancel_rest(id).await
    }

    /// In steps, so that no lock is held long. Rows being sent are left to their worker; when it gives one back, the
    /// next call takes it.
    async fn cancel_rest(&self, id: CampaignId) -> Result<u64, Error> {
        let step = "
            with rest as (
                select seq from recipient where campaign_id = $1 and seq > $2 order by seq limit 10000
            ), open as (
                select r.seq from recipient r join rest using (seq)
                where r.campaign_id = $1 and r.state in ('pending', 'retry') order by r.seq for update of r
            ), gone as (
                delete from due d using open where d.campaign_id = $1 and d.seq = open.seq
            ), done as (
                update recipient r set state = 'cancelled', reason_code = 'campaign_cancelled', changed_at = now()
                from open where r.campaign_id = $1 and r.seq = open.seq returning 1
            )
            select (select max(seq) from rest), (select count(*) from done)";
        let client = self.own_client().await?;
        let (mut after, mut total) = (0, 0);
        loop {
            let row = client.query_one(step, &[&id.0, &after]).await?;
            total += u64::try_from(row.get::<_, i64>(1)).unwrap_or(0);
            match row.get::<_, Option<i32>>(0) {
                Some(last) => after = last,
                None => return Ok(total),
            }
        }
    }
}

pub(crate) fn missing(id: CampaignId) -> Error {
    Error::NotFound(format!("campaign {id}; see 'flowcast campaign list'"))
}
