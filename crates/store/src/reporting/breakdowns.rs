//! Reads a campaign by minute and by country.

use campaign::CampaignId;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::reporting::view_row::view_row;

view_row! {
    /// One row of `report.timeline`.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    #[expect(missing_docs, reason = "the fields are the columns of the view, documented there")]
    pub struct MinuteReport {
        pub minute: Timestamp,
        pub sent: i64,
        pub accepted: i64,
        pub failed: i64,
        pub retry: i64,
        pub throttled: i64,
        pub unknown: i64,
        pub held: i64,
        pub delivered: i64,
        pub read: i64,
        pub undelivered: i64,
        pub answers: i64,
    }
}

view_row! {
    /// One row of `report.country`.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    #[expect(missing_docs, reason = "the fields are the columns of the view, documented there")]
    pub struct CountryReport {
        pub calling_code: String,
        pub recipients: i64,
        pub accepted: i64,
        pub failed: i64,
        pub unknown: i64,
        pub skipped: i64,
        pub expired: i64,
        pub cancelled: i64,
        pub waiting: i64,
        pub billable: i64,
        pub not_billable: i64,
        pub currency: Option<String>,
        pub price: Option<Decimal>,
        pub cost_estimated: Option<Decimal>,
        pub cost_billed: Option<Decimal>,
    }
}

impl Store {
    /// Minutes of a campaign in which something happened, the oldest first: after this minute if it is given, at most `limit`.
    pub async fn timeline(
        &self,
        campaign: CampaignId,
        after: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<MinuteReport>, Error> {
        let select = "
            select * from report.timeline
            where campaign_id = $1 and minute > coalesce($2, '-infinity'::timestamptz) order by minute limit $3";
        let rows = self.client().await?.query(select, &[&campaign.0, &after, &i64::from(limit)]).await?;
        Ok(rows.iter().map(MinuteReport::read).collect())
    }

    /// Countries of a campaign, the largest first.
    pub async fn countries(&self, campaign: CampaignId) -> Result<Vec<CountryReport>, Error> {
        let select =
            "select * from report.country where campaign_id = $1 order by recipients desc, calling_code";
        let rows = self.client().await?.query(select, &[&campaign.0]).await?;
        Ok(rows.iter().map(CountryReport::read).collect())
    }
}
