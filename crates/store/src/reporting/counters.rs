//! Counters of reports: triggers add the changes of each statement as deltas, in the same transaction, and this module folds the
//! deltas. The two statements that write past the triggers (`claim_pending.rs`, `record_final.rs`) add the deltas themselves.
//!
//! The sum of counters and deltas is exact at every moment. So folding late, twice or from several processes changes no report
//! (docs/adr/0011).

use campaign::CampaignId;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::metrics;

/// Maximum number of deltas per fold; the same as in the database function.
const MOST: i64 = 20_000;

/// A counter that differs from a full count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miscount {
    /// The campaign.
    pub campaign: CampaignId,
    /// The kind of the counter.
    pub kind: String,
    /// The result of the full count.
    pub counted: i64,
    /// The value in reports.
    pub kept: i64,
}

impl Store {
    /// Folds the existing deltas; to be called about once a second.
    pub async fn fold_counters(&self) -> Result<(), Error> {
        let client = self.client().await?;
        let fold = client.prepare_cached("select fold_counters()").await?;
        while metrics::FOLD_COUNTERS.time(client.query_one(&fold, &[])).await?.get::<_, i64>(0) == MOST {}
        Ok(())
    }

    /// Campaigns whose counters can be checked: campaigns that are not archived.
    pub async fn countable_campaigns(&self) -> Result<Vec<CampaignId>, Error> {
        let select = "select id from campaign where archived_at is null order by id";
        Ok(self
            .own_client()
            .await?
            .query(select, &[])
            .await?
            .iter()
            .map(|row| CampaignId(row.get(0)))
            .collect())
    }

    /// Counts all rows of these campaigns and returns the counters that differ. Each campaign is one statement, so memory and
    /// locks do not grow with the number of campaigns. `progress` is called after each campaign.
    pub async fn check_counters(
        &self,
        campaigns: &[CampaignId],
        mut progress: impl FnMut(CampaignId),
    ) -> Result<Vec<Miscount>, Error> {
        let select = "select kind, counted, kept from miscount_of($1) order by kind";
        let client = self.own_client().await?;
        let statement = client.prepare(select).await?;
        let mut miscounts = Vec::new();
        for campaign in campaigns {
            let rows = client.query(&statement, &[&campaign.0]).await?;
            miscounts.extend(rows.iter().map(|row| Miscount {
                campaign: *campaign,
                kind: row.get(0),
                counted: row.get(1),
                kept: row.get(2),
            }));
            progress(*campaign);
        }
        Ok(miscounts)
    }
}
