//! What the page of a campaign shows, in six statements.

use campaign::{CampaignId, Definition, Rate};
use jiff::Timestamp;
use serde_json::Value;
use store::{AuditFilter, CampaignReport, ErrorReport, MinuteReport, ProviderNotice};

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::Error;
use crate::reports::CampaignEvent;
use crate::sender_stops::PastStop;
use crate::waiting::Waiting;

/// The most minutes of a chart: two days.
const MOST_MINUTES: u32 = 2_880;
/// The most events and the most stops that are read.
const MOST: u32 = 50;

/// What is known of a campaign.
#[derive(Clone, Debug)]
pub struct CampaignPage {
    /// The numbers of the campaign.
    pub report: CampaignReport,
    /// The definition.
    pub definition: Definition,
    /// Counts the edits of the draft, from 1.
    pub version: i32,
    /// The rate of the sender; `None`: no limit.
    pub sender_rate: Option<Rate>,
    /// The latest notice of the provider about the template or flow.
    pub notice: Option<ProviderNotice>,
    /// Why recipients wait.
    pub waiting: Vec<Waiting>,
    /// Why messages failed, the most frequent reason first.
    pub errors: Vec<ErrorReport>,
    /// The newest minutes in which something happened, the oldest first.
    pub minutes: Vec<MinuteReport>,
    /// What people and programs did, the newest first.
    pub events: Vec<CampaignEvent>,
    /// Stops of the sender and its campaigns, the newest first.
    pub stops: Vec<PastStop>,
}

impl CampaignPage {
    /// The rate of the campaign or of its sender, whichever is lower.
    pub fn allowed_rate(&self) -> Option<Rate> {
        let rates = [self.sender_rate, self.definition.policy.rate];
        rates.into_iter().flatten().min_by(|one, other| one.per_second().total_cmp(&other.per_second()))
    }
}

impl Control {
    /// The same control plane, whose reading actions use one connection and one snapshot. It cannot change anything. Dropping it
    /// returns the connection.
    pub async fn reader(&self) -> Result<Self, Error> {
        Ok(Self { store: Box::pin(self.store.begin_reading()).await?, ..self.clone() })
    }

    /// What the page of a campaign shows, with the minutes of the chart after this time.
    pub async fn campaign_page(
        &self,
        caller: &Caller,
        id: CampaignId,
        after: Option<Timestamp>,
    ) -> Result<CampaignPage, Error> {
        let attempt = Attempt::new(caller, Action::View, Object::Campaign(id));
        self.act(attempt, async {
            let head = self.store.campaign_head(id).await?;
            let waiting = self.store.waiting(Some(id)).await?;
            let errors = self.store.errors(id).await?;
            let minutes = self.store.newest_minutes(id, after, MOST_MINUTES).await?;
            let object = id.to_string();
            let filter = AuditFilter {
                object_kind: Some("campaign"),
                object: Some(&object),
                ..AuditFilter::default()
            };
            let events = self.store.audit(filter, MOST).await?;
            let stops = self.store.hold_page(head.sender, None, MOST).await?;
            let page = CampaignPage {
                report: head.report,
                definition: head.definition,
                version: head.version,
                sender_rate: head.rate,
                notice: head.notice,
                waiting: waiting.into_iter().map(Waiting::from).collect(),
                errors,
                minutes,
                events: events.into_iter().map(CampaignEvent::of).collect(),
                stops: stops.into_iter().map(PastStop::of).collect(),
            };
            Ok((page, Value::Null))
        })
        .await
    }
}
