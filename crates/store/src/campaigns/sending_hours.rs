//! Sending hours: campaigns whose hours are over get their next ones.

use campaign::{CampaignId, Opening, Schedule};
use jiff::Timestamp;
use tokio_postgres::types::Json;

use crate::db::connection::Store;
use crate::db::error::Error;

impl Store {
    /// The time of the database, by which deadlines and hours hold.
    pub async fn now(&self) -> Result<Timestamp, Error> {
        Ok(self.client().await?.query_one("select clock_timestamp()", &[]).await?.get(0))
    }

    /// Campaigns not ended whose sending hours are over, with the hours now or next.
    pub async fn campaigns_out_of_hours(&self) -> Result<Vec<(CampaignId, Option<Opening>)>, Error> {
        let select = "
            select id, definition -> 'schedule', clock_timestamp() from campaign
            where closes_at <= clock_timestamp() and state in ('running', 'paused')";
        let client = self.client().await?;
        let rows = client.query(&client.prepare_cached(select).await?, &[]).await?;
        rows.iter()
            .map(|row| {
                let schedule = row.try_get::<_, Json<Schedule>>(1).map_err(Error::unreadable)?.0;
                Ok((CampaignId(row.get(0)), schedule.opening(row.get(2))))
            })
            .collect()
    }

    /// Gives a campaign whose hours are over its next ones, and a new epoch, so that the feed goes back to whoever was
    /// not sent to. Returns whether this call did it.
    pub async fn open_next_hours(&self, id: CampaignId, next: Option<Opening>) -> Result<bool, Error> {
        let update = "
            update campaign set opens_at = $2, closes_at = $3, epoch = epoch + 1
            where id = $1 and closes_at <= clock_timestamp() and state in ('running', 'paused')";
        let (opens_at, closes_at) = columns(next);
        let client = self.client().await?;
        let statement = client.prepare_cached(update).await?;
        Ok(client.execute(&statement, &[&id.0, &opens_at, &closes_at]).await? > 0)
    }
}

/// As stored: an opening without an end has none there.
pub(crate) fn columns(opening: Option<Opening>) -> (Option<Timestamp>, Option<Timestamp>) {
    let closes_at = opening.map(|opening| opening.until).filter(|until| *until < Timestamp::MAX);
    (opening.map(|opening| opening.from), closes_at)
}
