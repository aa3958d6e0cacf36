//! Counts kept as the work goes: triggers add what each statement changes, in the same transaction, and this folds it. The
//! two statements that write past them (`pending.rs`, `finals.rs`) add it themselves.
//!
//! The sum of what is folded and what is not is exact at every moment, so folding late, twice or from several processes at
//! once changes no report (docs/adr/0011).

use campaign::CampaignId;

use crate::connection::Store;
use crate::error::Error;

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
    pub async fn fold_tallies(&self) -> Result<(), Error> {
        let client = self.client().await?;
        let fold = client.prepare_cached("select fold_tallies()").await?;
        while client.query_one(&fold, &[]).await?.get::<_, i64>(0) == MOST {}
        Ok(())
    }

    /// Counts everything of every campaign, and says where the kept counts differ. It reads every table whole.
    pub async fn check_tallies(&self) -> Result<Vec<Miscount>, Error> {
        let select = "select campaign_id, kind, counted, kept from tally_check order by campaign_id, kind";
        let rows = self.own_client().await?.query(select, &[]).await?;
        Ok(rows
            .iter()
            .map(|row| Miscount {
                campaign: CampaignId(row.get(0)),
                kind: row.get(1),
                counted: row.get(2),
                kept: row.get(3),
            })
            .collect())
    }
}
