//! Campaigns and their reports are read.

use campaign::{CampaignId, Definition};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{CampaignReport, ErrorReport, ImportRow};
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::Error;
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

impl Control {
    /// A campaign with its definition.
    pub async fn campaign(&self, caller: &Caller, id: CampaignId) -> Result<Campaign, Error> {
        self.view(caller, id, async {
            let row = self.store.campaign(id).await?;
            Ok(Campaign {
                campaign_id: id.0,
                state: row.state.to_string(),
                version: row.version,
                recipients: row.recipients,
                started_at: row.started_at,
                definition: row.definition,
            })
        })
        .await
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
            let senders: Option<Vec<String>> =
                caller.senders.as_ref().map(|senders| senders.iter().cloned().collect());
            Ok((self.store.report_page(before, senders.as_deref(), limit).await?, json!({})))
        })
        .await
    }

    /// The report of a campaign.
    pub async fn report(&self, caller: &Caller, id: CampaignId) -> Result<CampaignReport, Error> {
        self.view(caller, id, async { Ok(self.store.report(id).await?) }).await
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
