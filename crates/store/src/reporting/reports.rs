//! Reads the report views for commands.

use campaign::CampaignId;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::reporting::view_row::view_row;

view_row! {
    /// One row of `report.campaign`: the number of recipients in each state.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    #[expect(missing_docs, reason = "the fields are the columns of the view, documented there")]
    pub struct CampaignReport {
        pub campaign_id: i64,
        pub name: String,
        pub sender: String,
        pub provider: String,
        pub state: String,
        pub started_at: Option<Timestamp>,
        pub finished_at: Option<Timestamp>,
        pub uploaded: i64,
        pub rejected: i64,
        pub duplicates: i64,
        pub suppressed: i64,
        pub excluded: i64,
        pub pending: i64,
        pub sending: i64,
        pub retry: i64,
        pub accepted: i64,
        pub failed: i64,
        pub unknown: i64,
        pub skipped: i64,
        pub expired: i64,
        pub cancelled: i64,
        pub attempts: i64,
        pub first_sent_at: Option<Timestamp>,
        pub last_sent_at: Option<Timestamp>,
        pub last_recorded_at: Option<Timestamp>,
        pub delivered: i64,
        pub read: i64,
        pub undelivered: i64,
        pub answers: i64,
        pub answered: i64,
        pub billable: i64,
        pub not_billable: i64,
        pub currency: Option<String>,
        pub cost_estimated: Option<Decimal>,
        pub cost_billed: Option<Decimal>,
        pub unpriced: i64,
        /// The column `difference` of `report.conservation`: always 0.
        pub difference: i64,
    }
}

view_row! {
    /// One row of `report.error`.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct ErrorReport {
        /// The stage: `request` or `receipt`.
        pub stage: String,
        /// The outcome of the requests, or the consequence of the receipts.
        pub class: String,
        /// The code.
        pub code: Option<String>,
        /// The explanation of the code.
        pub reason: Option<String>,
        /// Number of requests; `None` for receipts.
        pub attempts: Option<i64>,
        /// Number of recipients.
        pub recipients: i64,
    }
}

/// The columns of [`CampaignReport`] in `report.campaign r`.
pub(crate) const COLUMNS: &str = "
    r.*, uploaded - rejected - duplicates - suppressed - excluded - pending - sending - retry - accepted
        - failed - unknown - skipped - expired - cancelled as difference";

/// Which campaigns are listed; an empty member selects all.
#[derive(Clone, Debug, Default)]
pub struct CampaignFilter {
    /// In one of these states, such as `running`.
    pub states: Option<Vec<String>>,
    /// Of one of these senders.
    pub senders: Option<Vec<String>>,
    /// With this text in the name, in upper or lower case.
    pub text: Option<String>,
}

impl CampaignReport {
    /// Number of imported recipients.
    pub fn recipients(&self) -> i64 {
        self.uploaded - self.rejected - self.duplicates - self.suppressed - self.excluded
    }
}

impl Store {
    /// The report of this campaign.
    pub async fn report(&self, campaign: CampaignId) -> Result<CampaignReport, Error> {
        let mut reports = self.reports("where r.campaign_id = $1", &[&campaign.0]).await?;
        reports.pop().ok_or_else(|| Error::no_campaign(campaign))
    }

    /// The reports of these campaigns; those that do not exist are left out.
    pub async fn reports_of(&self, campaigns: &[CampaignId]) -> Result<Vec<CampaignReport>, Error> {
        let ids: Vec<i64> = campaigns.iter().map(|campaign| campaign.0).collect();
        self.reports("where r.campaign_id = any($1)", &[&ids]).await
    }

    /// A page of the reports of the campaigns that a filter selects, newest first: at most `limit`, only campaigns older than
    /// `before` if it is given.
    pub async fn report_page(
        &self,
        filter: &CampaignFilter,
        before: Option<CampaignId>,
        limit: u32,
    ) -> Result<Vec<CampaignReport>, Error> {
        let which = "
            where r.campaign_id < $1 and ($3::text[] is null or r.state = any($3))
                and ($4::text[] is null or r.sender = any($4))
                and ($5::text is null or strpos(lower(r.name), lower($5)) > 0)
            order by r.campaign_id desc limit $2";
        let before = before.map_or(i64::MAX, |campaign| campaign.0);
        let CampaignFilter { states, senders, text } = filter;
        self.reports(which, &[&before, &i64::from(limit), states, senders, text]).await
    }

    /// Messages that providers accepted in the last hour, by campaign and minutes ago, from 0 to 59.
    pub async fn last_hour(&self, campaigns: &[i64]) -> Result<Vec<(i64, i32, i64)>, Error> {
        let select = "
            select campaign_id, (extract(epoch from date_trunc('minute', now()) - minute) / 60)::integer, accepted
            from report.timeline
            where campaign_id = any($1) and minute > date_trunc('minute', now()) - interval '1 hour' and minute <= now()";
        let rows = self.client().await?.query(select, &[&campaigns]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
    }

    async fn reports(
        &self,
        which: &str,
        parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
    ) -> Result<Vec<CampaignReport>, Error> {
        let select = format!("select {COLUMNS} from report.campaign r {which}");
        let rows = self.reading_client().await?.query(&select, parameters).await?;
        Ok(rows.iter().map(CampaignReport::read).collect())
    }

    /// The errors of this campaign, most frequent first.
    pub async fn errors(&self, campaign: CampaignId) -> Result<Vec<ErrorReport>, Error> {
        let select = "select * from report.error where campaign_id = $1 order by recipients desc, code";
        let rows = self.reading_client().await?.query(select, &[&campaign.0]).await?;
        Ok(rows.iter().map(ErrorReport::read).collect())
    }
}
