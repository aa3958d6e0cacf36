//! Why somebody waits: the rows of `report.waiting`.

use campaign::CampaignId;
use jiff::Timestamp;
use serde::Serialize;

use crate::connection::Store;
use crate::error::Error;

/// Some recipients of one campaign, or none of a stopped sender, and why they wait.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are the columns of the view, documented there")]
pub struct WaitRow {
    pub sender: String,
    pub campaign_id: Option<i64>,
    pub reason: String,
    pub detail: Option<String>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub caused_by: Option<String>,
    pub recipients: i64,
}

impl Store {
    /// Everything that waits, or only what waits in one campaign.
    pub async fn waits(&self, campaign: Option<CampaignId>) -> Result<Vec<WaitRow>, Error> {
        let select = "
            select sender, campaign_id, reason, detail, since, until, caused_by, recipients from report.waiting
            where $1::bigint is null or campaign_id = $1 order by sender, campaign_id nulls first, reason";
        let rows = self.own_client().await?.query(select, &[&campaign.map(|campaign| campaign.0)]).await?;
        Ok(rows
            .iter()
            .map(|row| WaitRow {
                sender: row.get(0),
                campaign_id: row.get(1),
                reason: row.get(2),
                detail: row.get(3),
                since: row.get(4),
                until: row.get(5),
                caused_by: row.get(6),
                recipients: row.get(7),
            })
            .collect())
    }
}
