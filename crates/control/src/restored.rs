//! Prepares a restored database before the first message is sent.

use std::time::Duration;

use campaign::CampaignId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Gap, GapCampaign};
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::{Error, Problem};

/// The time between a backup and the loss of the database.
#[derive(Clone, Debug)]
pub struct LostTime {
    /// When the backup was made.
    pub backup_at: Timestamp,
    /// When the last consumer used the lost database.
    pub lost_at: Timestamp,
    /// Campaigns that are drafts in the backup and were started after it.
    pub started: Vec<CampaignId>,
    /// Whether a rate was raised or removed between the two times.
    pub rate_was_raised: bool,
}

/// What the restored database does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LostSends {
    /// Drafts with recipients that are not listed as started.
    pub drafts: Vec<i64>,
    /// Campaigns with recipients that may have been sent to.
    pub campaigns: Vec<LostCampaign>,
}

/// A campaign with recipients that may have been sent to after the backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LostCampaign {
    /// Id of the campaign.
    pub campaign_id: i64,
    /// Name of the campaign.
    pub name: String,
    /// Name of the sender.
    pub sender: String,
    /// The last position in the list that may have been sent to.
    pub up_to: i32,
    /// Recipients that become `unknown`.
    pub recipients: i64,
}

/// Clocks differ, and a backup contains the beginning of its snapshot.
const MARGIN: Duration = Duration::from_mins(1);

impl LostTime {
    fn gap(&self) -> Result<Gap, Error> {
        let length = Duration::try_from(self.lost_at.duration_since(self.backup_at)).map_err(|_| {
            let text = "--lost-at is before --backup-at; nothing was changed";
            Error::refused(Problem::InvalidBody, text)
        })?;
        let length = length + MARGIN;
        Ok(Gap { length, started: self.started.clone(), rate_is_unknown: self.rate_was_raised })
    }
}

impl LostCampaign {
    fn of(campaign: &GapCampaign) -> Self {
        let GapCampaign { id, name, sender, up_to, recipients } = campaign;
        let (name, sender) = (name.clone(), sender.clone());
        Self { campaign_id: id.0, name, sender, up_to: *up_to, recipients: *recipients }
    }
}

impl Control {
    /// The campaigns with recipients that may have been sent to in the lost time.
    pub async fn lost_sends(&self, caller: &Caller, lost: &LostTime) -> Result<LostSends, Error> {
        let attempt = Attempt::new(caller, Action::ViewSystem, Object::Installation);
        self.act(attempt, async {
            let gap = lost.gap()?;
            let drafts = self.store.drafts_with_recipients().await?;
            let drafts = drafts.iter().filter(|draft| !lost.started.contains(draft));
            let drafts = drafts.map(|draft| draft.0).collect();
            let campaigns = self.store.gap_campaigns(&gap).await?;
            Ok((
                LostSends { drafts, campaigns: campaigns.iter().map(LostCampaign::of).collect() },
                Value::Null,
            ))
        })
        .await
    }

    /// Stops all senders, makes recipients `unknown` that may have been sent to in the lost time, and then confirms the database.
    /// Returns the number of recipients. A second call finishes an interrupted call.
    pub async fn prepare_restored(&self, caller: &Caller, lost: &LostTime) -> Result<u64, Error> {
        let attempt = Attempt::new(caller, Action::PrepareRestored, Object::Installation)
            .with("backup_at", lost.backup_at.to_string())
            .with("lost_at", lost.lost_at.to_string());
        self.act(attempt, async {
            let campaigns = self.store.gap_campaigns(&lost.gap()?).await?;
            self.store.begin_after_restore(caller.name()).await?;
            let marked = self.store.mark_gaps(&campaigns).await?;
            // Last, so that nothing is sent from a database that is prepared by halves.
            self.store.confirm_database(caller.name()).await?;
            Ok((marked, json!({ "campaigns": campaigns.len(), "recipients": marked })))
        })
        .await
    }
}
