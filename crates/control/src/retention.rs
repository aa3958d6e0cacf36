//! Deletes data that is no longer needed: personal data of old campaigns, one number everywhere, the rows of a campaign.

use std::time::Duration;

use campaign::{CampaignId, Msisdn};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::{Error, Problem};

/// The campaigns whose personal data was erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErasedCampaigns {
    /// Ids of the campaigns.
    pub campaigns: Vec<i64>,
}

/// The result of erasing a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErasedNumber {
    /// In how many campaigns the number was a recipient.
    pub campaigns: usize,
}

impl Control {
    /// Erases the personal data of campaigns that ended at least `older_than` ago; counters are kept.
    pub async fn run_retention(
        &self,
        caller: &Caller,
        older_than: Duration,
    ) -> Result<ErasedCampaigns, Error> {
        let attempt = Attempt::new(caller, Action::RunRetention, Object::Installation)
            .with("older_than_seconds", older_than.as_secs());
        self.act(attempt, async {
            let erased = self.store.erase_campaigns(older_than).await?;
            let erased =
                ErasedCampaigns { campaigns: erased.into_iter().map(|campaign| campaign.0).collect() };
            let details = json!({ "campaigns": erased.campaigns.len() });
            Ok((erased, details))
        })
        .await
    }

    /// Erases a number and all data that belongs to it; a suppressed number stays suppressed. A second call finishes an
    /// interrupted call.
    pub async fn erase_number(&self, caller: &Caller, number: &str) -> Result<ErasedNumber, Error> {
        let attempt = Attempt::new(caller, Action::EraseNumber, Object::Installation);
        self.act(attempt, async {
            let msisdn = Msisdn::parse(number, None).map_err(|_| {
                Error::refused(
                    Problem::InvalidBody,
                    "this is not a number with its country code, nothing was erased; write it with + and all digits",
                )
            })?;
            let campaigns = self.store.erase_number(msisdn).await?;
            Ok((ErasedNumber { campaigns }, json!({ "campaigns": campaigns })))
        })
        .await
    }

    /// Deletes recipients, attempts, receipts and answers of an ended campaign, and keeps its counters. `progress` gets the
    /// number of processed recipients and of all recipients. A second call finishes an interrupted call.
    pub async fn archive_campaign(
        &self,
        caller: &Caller,
        id: CampaignId,
        progress: impl FnMut(i32, i32),
    ) -> Result<(), Error> {
        let attempt = Attempt::new(caller, Action::ArchiveCampaign, Object::Campaign(id));
        self.act(attempt, async { Ok((self.store.archive_campaign(id, progress).await?, Value::Null)) }).await
    }
}
