//! Campaigns and their reports are read.

use campaign::{CampaignId, CampaignState, Definition};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{CampaignFilter, CampaignReport, ErrorReport, ImportRow};
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::Error;
use crate::running::fingerprint;
use crate::waiting::Waiting;

/// A campaign with its definition.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Campaign {
    /// The id.
    pub campaign_id: i64,
    /// `draft`, `running`, `paused`, `finished` or `cancelled`.
    pub state: String,
    /// Counts the edits of the draft, from 1.
    pub version: i32,
    /// Imported recipients.
    pub recipients: i32,
    /// The first start.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub started_at: Option<Timestamp>,
    /// The definition, as in the campaign file.
    #[schema(value_type = Object)]
    pub definition: Definition,
}

/// A line of a list of campaigns.
#[derive(Clone, Debug)]
pub struct CampaignLine {
    /// The report.
    pub report: CampaignReport,
    /// Messages that the provider accepted in each minute of the last hour, the oldest first; empty if there was none.
    pub last_hour: Vec<i64>,
}

/// What a person or program did to a campaign.
#[derive(Clone, Debug)]
pub struct CampaignEvent {
    /// The time.
    pub at: Timestamp,
    /// Who did it.
    pub actor: String,
    /// The action, such as `campaign.start`.
    pub action: String,
    /// `done`, `refused` or `failed`.
    pub outcome: String,
}

impl CampaignEvent {
    pub(crate) fn of(row: store::AuditRow) -> Self {
        Self { at: row.at, actor: row.actor, action: row.action, outcome: row.outcome }
    }
}

impl Campaign {
    /// Identifies the definition and the lists of a draft, as [`crate::Check::fingerprint`] does.
    pub fn fingerprint(&self) -> String {
        fingerprint(self.version, self.recipients)
    }

    /// Refuses to import a list unless the campaign is a draft.
    pub fn check_import(&self) -> Result<(), Error> {
        let Self { campaign_id: id, state, .. } = self;
        if *state == CampaignState::Draft.to_string() {
            return Ok(());
        }
        Err(Error::conflict(format!("campaign {id} is {state}; lists can be imported into a draft only")))
    }
}

impl Control {
    /// Campaigns that a filter selects, newest first: at most `limit`, only campaigns older than `before` if it is given.
    pub async fn campaign_lines(
        &self,
        caller: &Caller,
        filter: CampaignFilter,
        before: Option<CampaignId>,
        limit: u32,
    ) -> Result<Vec<CampaignLine>, Error> {
        let attempt = Attempt::new(caller, Action::View, Object::Installation);
        self.act(attempt, async {
            let filter = CampaignFilter { senders: seen(caller, filter.senders), ..filter };
            let reports = self.store.report_page(&filter, before, limit).await?;
            let ids: Vec<i64> = reports.iter().map(|report| report.campaign_id).collect();
            let minutes = self.store.last_hour(&ids).await?;
            let line = |report: CampaignReport| {
                let own: Vec<_> = minutes.iter().filter(|(id, ..)| *id == report.campaign_id).collect();
                let in_minute = |ago| own.iter().filter(|row| row.1 == ago).map(|row| row.2).sum();
                let last_hour =
                    if own.is_empty() { Vec::new() } else { (0..60).rev().map(in_minute).collect() };
                CampaignLine { report, last_hour }
            };
            Ok((reports.into_iter().map(line).collect(), json!({})))
        })
        .await
    }

    /// A campaign with its definition.
    pub async fn campaign(&self, caller: &Caller, id: CampaignId) -> Result<Campaign, Error> {
        // The future is large.
        let read = Box::pin(async {
            let row = self.store.campaign(id).await?;
            Ok(Campaign {
                campaign_id: id.0,
                state: row.state.to_string(),
                version: row.version,
                recipients: row.recipients,
                started_at: row.started_at,
                definition: row.definition,
            })
        });
        self.view(caller, id, read).await
    }

    /// Reports of campaigns, newest first: at most `limit`, only campaigns older than `before` if it is given. A caller who is
    /// limited to senders sees the campaigns of these senders only.
    pub async fn campaigns(
        &self,
        caller: &Caller,
        before: Option<CampaignId>,
        limit: u32,
    ) -> Result<Vec<CampaignReport>, Error> {
        let attempt = Attempt::new(caller, Action::View, Object::Installation);
        self.act(attempt, async {
            let filter = CampaignFilter { senders: seen(caller, None), ..CampaignFilter::default() };
            Ok((self.store.report_page(&filter, before, limit).await?, json!({})))
        })
        .await
    }

    /// The reports of these campaigns; those that do not exist are left out.
    pub async fn reports_of(
        &self,
        caller: &Caller,
        campaigns: &[CampaignId],
    ) -> Result<Vec<CampaignReport>, Error> {
        let attempt = Attempt::new(caller, Action::View, Object::Installation);
        self.act(attempt, async {
            let mut reports = self.store.reports_of(campaigns).await?;
            reports.retain(|report| caller.may_use(&report.sender));
            Ok((reports, json!({})))
        })
        .await
    }

    /// The report of a campaign.
    pub async fn report(&self, caller: &Caller, id: CampaignId) -> Result<CampaignReport, Error> {
        // The future is large.
        self.view(caller, id, Box::pin(async { Ok(self.store.report(id).await?) })).await
    }

    /// The errors of a campaign, most frequent first.
    pub async fn errors(&self, caller: &Caller, id: CampaignId) -> Result<Vec<ErrorReport>, Error> {
        self.view(caller, id, async { Ok(self.store.errors(id).await?) }).await
    }

    /// Why recipients of a campaign wait.
    pub async fn waiting_of(&self, caller: &Caller, id: CampaignId) -> Result<Vec<Waiting>, Error> {
        self.waiting(caller, Some(id)).await
    }

    /// The lists of a campaign, in the order in which they were imported.
    pub async fn lists(&self, caller: &Caller, id: CampaignId) -> Result<Vec<ImportRow>, Error> {
        self.view(caller, id, async { Ok(self.store.lists(id).await?) }).await
    }

    /// Reads something of a campaign.
    async fn view<T>(
        &self,
        caller: &Caller,
        id: CampaignId,
        read: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let attempt = Attempt::new(caller, Action::View, Object::Campaign(id));
        self.act(attempt, async { Ok((read.await?, json!({}))) }).await
    }
}

/// The senders that a filter selects and the caller may see; `None`: all.
fn seen(caller: &Caller, wanted: Option<Vec<String>>) -> Option<Vec<String>> {
    match (wanted, &caller.senders) {
        (Some(mut wanted), _) => {
            wanted.retain(|sender| caller.may_use(sender));
            Some(wanted)
        }
        (None, senders) => senders.as_ref().map(|senders| senders.iter().cloned().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_selects_no_sender_that_the_caller_may_not_see() {
        let all = Caller::command("ops");
        let limited = Caller { senders: Some(["ke".to_owned()].into()), ..all.clone() };
        let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(seen(&all, None), None);
        assert_eq!(seen(&all, names(&["tz"])), names(&["tz"]));
        assert_eq!(seen(&limited, None), names(&["ke"]));
        assert_eq!(seen(&limited, names(&["tz"])), names(&[]), "no sender, not all senders");
        assert_eq!(seen(&limited, names(&["tz", "ke"])), names(&["ke"]));
    }
}
