//! The lists of a campaign are read: counts, and rejected rows.

use campaign::CampaignId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::ListReport;
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::{Error, Problem};
use crate::imported::RejectedRow;
use crate::page::{Page, PageRequest};

/// The rows of the lists of a campaign, and where each of them is now. `difference` is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Conservation {
    /// The campaign.
    pub campaign_id: i64,
    /// Rows of the lists.
    pub uploaded: i64,
    /// Rows that were rejected.
    pub rejected: i64,
    /// Rows whose number was there before.
    pub duplicates: i64,
    /// Rows whose number is on the suppression list.
    pub suppressed: i64,
    /// Rows whose number is in an excluded campaign.
    pub excluded: i64,
    /// Recipients that wait.
    pub pending: i64,
    /// Recipients that are being sent to.
    pub sending: i64,
    /// Recipients that are sent to again later.
    pub retry: i64,
    /// Recipients whose message the provider accepted.
    pub accepted: i64,
    /// Recipients that the provider refused, or that were given up.
    pub failed: i64,
    /// Recipients whose message the provider may have accepted.
    pub unknown: i64,
    /// Recipients that were not sent to, because they were suppressed or had no open window.
    pub skipped: i64,
    /// Recipients that were not sent to before the deadline.
    pub expired: i64,
    /// Recipients that were not sent to, because the campaign was ended.
    pub cancelled: i64,
    /// `uploaded` minus all others.
    pub difference: i64,
}

impl Control {
    /// The rows of the lists of a campaign, and where each of them is now.
    pub async fn conservation(&self, caller: &Caller, id: CampaignId) -> Result<Conservation, Error> {
        let report = self.report(caller, id).await?;
        Ok(Conservation {
            campaign_id: report.campaign_id,
            uploaded: report.uploaded,
            rejected: report.rejected,
            duplicates: report.duplicates,
            suppressed: report.suppressed,
            excluded: report.excluded,
            pending: report.pending,
            sending: report.sending,
            retry: report.retry,
            accepted: report.accepted,
            failed: report.failed,
            unknown: report.unknown,
            skipped: report.skipped,
            expired: report.expired,
            cancelled: report.cancelled,
            difference: report.difference,
        })
    }

    /// The lists of a campaign with their counts, in the order of their import.
    pub async fn list_reports(&self, caller: &Caller, id: CampaignId) -> Result<Vec<ListReport>, Error> {
        let attempt = Attempt::new(caller, Action::View, Object::Campaign(id));
        self.act(attempt, async {
            self.store.campaign(id).await?;
            Ok((self.store.list_reports(id).await?, Value::Null))
        })
        .await
    }

    /// One list of a campaign. The first has number 1.
    pub async fn list_report(&self, caller: &Caller, id: CampaignId, list: i64) -> Result<ListReport, Error> {
        let lists = self.list_reports(caller, id).await?;
        lists.into_iter().find(|found| found.list == list).ok_or_else(|| no_list(id, list))
    }

    /// The rejected rows of a list, in the order of their lines.
    pub async fn rejections(
        &self,
        caller: &Caller,
        id: CampaignId,
        list: i64,
        page: &PageRequest,
    ) -> Result<Page<RejectedRow>, Error> {
        let attempt = Attempt::new(caller, Action::ViewRecipients, Object::Campaign(id));
        self.act(
            attempt,
            Box::pin(async {
                self.list_report(caller, id, list).await?;
                let limit = page.limit()?;
                let after = i32::try_from(page.after_id()?.unwrap_or(0)).unwrap_or(i32::MAX);
                let rows = self.store.rejections(id, list, (after, limit + 1)).await?;
                let rows = rows.into_iter().map(|row| RejectedRow::read(row, caller)).collect();
                Ok((Page::of(rows, limit, |row: &RejectedRow| row.line.to_string()), Value::Null))
            }),
        )
        .await
    }
}

/// What is wrong with a rejected row and what to do, by the word of its reason; the word itself if this program does not know it.
pub fn rejection_sentence(reason: &str) -> &str {
    producer::Reason::of(reason).map_or(reason, |known| known.sentence())
}

fn no_list(id: CampaignId, list: i64) -> Error {
    Error::refused(Problem::NotFound, format!("campaign {id} has no list {list}; the first has number 1"))
}
