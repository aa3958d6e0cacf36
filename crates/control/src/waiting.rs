//! Waiting recipients, with the reason.

use campaign::CampaignId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::WaitingRow;
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::Error;

/// Waiting recipients of one campaign with the reason; or a stopped sender without recipients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waiting {
    /// Name of the sender.
    pub sender: String,
    /// Id of the campaign; `null`: a stopped sender without waiting recipients.
    #[schema(required)]
    pub campaign_id: Option<i64>,
    /// The reason, such as `rate`, `sending_hours` or the reason of a stop.
    pub reason: String,
    /// The explanation.
    #[schema(required)]
    pub detail: Option<String>,
    /// Since when the recipients wait for this reason.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub since: Option<Timestamp>,
    /// The expected end; `null`: not known.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub until: Option<Timestamp>,
    /// The cause of a stop: a person, or the worker whose request was refused.
    #[schema(required)]
    pub caused_by: Option<String>,
    /// Number of waiting recipients.
    pub recipients: i64,
}

impl From<WaitingRow> for Waiting {
    fn from(row: WaitingRow) -> Self {
        let WaitingRow { sender, campaign_id, reason, detail, since, until, caused_by, recipients } = row;
        Self { sender, campaign_id, reason, detail, since, until, caused_by, recipients }
    }
}

impl Control {
    /// Waiting recipients of all campaigns, or of one campaign, with the reason.
    pub async fn waiting(
        &self,
        caller: &Caller,
        campaign: Option<CampaignId>,
    ) -> Result<Vec<Waiting>, Error> {
        let object = campaign.map_or(Object::Installation, Object::Campaign);
        self.act(Attempt::new(caller, Action::View, object), async {
            let rows = self.store.waiting(campaign).await?;
            let seen = rows.into_iter().filter(|row| caller.may_use(&row.sender));
            Ok((seen.map(Waiting::from).collect(), Value::Null))
        })
        .await
    }
}
