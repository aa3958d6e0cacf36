//! Sending hours of campaigns: when the hours of a campaign have ended, the producer stores the next ones in its row.

use campaign::{CampaignId, Opening, Schedule};
use jiff::Timestamp;
use tokio_postgres::types::Json;

use crate::db::connection::Store;
use crate::db::error::Error;

impl Store {
    /// The database time, which decides about deadlines and sending hours.
    pub async fn now(&self) -> Result<Timestamp, Error> {
        Ok(self.client().await?.query_one("select clock_timestamp()", &[]).await?.get(0))
    }

    /// Campaigns that have not ended and whose sending hours are over, with their current or next hours.
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

    /// Sets the next sending hours of a campaign whose hours are over, and begins a new epoch, so that the feed goes back to
    /// recipients that were not sent to. Returns whether this call changed the campaign.
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

/// The values of the columns `opens_at` and `closes_at`; null for hours without an end.
pub(crate) fn columns(opening: Option<Opening>) -> (Option<Timestamp>, Option<Timestamp>) {
    let closes_at = opening.map(|opening| opening.until).filter(|until| *until < Timestamp::MAX);
    (opening.map(|opening| opening.from), closes_at)
}
