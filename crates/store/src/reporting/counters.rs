//! Counts kept as the work goes: triggers add what each statement changes, in the same transaction, and this folds it. The
//! two statements that write past them (`claim_pending.rs`, `record_final.rs`) add it themselves.
//!
//! The sum of what is folded and what is not is exact at every moment, so folding late, twice or from several processes at
//! once changes no report (docs/adr/0011).

use campaign::CampaignId;

use crate::db::connection::Store;
use crate::db::error::Error;

/// Most deltas of one fold; the function of the database takes as many.
const MOST: i64 = 20_000;

/// A count that is not what a full count gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miscount {
    /// The campaign.
    pub campaign: CampaignId,
    /// What is counted.
    pub kind: String,
    /// How many there are.
    pub counted: i64,
    /// How many the reports say.
    pub kept: i64,
}

impl Store {
    /// Folds the deltas that are there; to be called about once a second.
    pub async fn fold_counters(&self) -> Result<(), Error> {
        let client = self.client().await?;
        let fold = client.prepare_cached("select fold_tallies()").await?;
        while client.query_one(&fold, &[]).await?.get::<_, i64>(0) == MOST {}
        Ok(())
    }

    /// Campaigns whose counters can be checked: those that are not archived.
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

    /// Counts all rows of these campaigns and returns the counters that differ. Each campaign is one statement, so memory and locks do
    /// not grow with the number of campaigns. `progress` gets each campaign that is done.
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
