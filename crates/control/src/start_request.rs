//! Starts of large campaigns need two people: one requests the start, and another one starts the campaign.

use std::collections::BTreeSet;

use campaign::CampaignId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{CampaignRow, Store};
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::{ActorKind, Caller};
use crate::control::{Attempt, Control, Done};
use crate::error::{Error, Problem};
use crate::running::{fingerprint_of, ready_draft};

/// Whether the start of a campaign needs a second person, and who requested it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StartApproval {
    /// The id of the campaign.
    pub campaign_id: i64,
    /// A start of more recipients than this needs a second person; null: no start does.
    #[schema(required)]
    pub approval_above: Option<i32>,
    /// Whether the start of this campaign needs a second person.
    pub is_needed: bool,
    /// The actor that requested the start of the campaign as it is now.
    #[schema(required)]
    pub requested_by: Option<String>,
    /// When the start was requested.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub requested_at: Option<Timestamp>,
    /// Whether the caller requested it, and so another person has to start the campaign.
    pub is_own: bool,
}

/// A start that was requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StartRequested {
    /// The id of the campaign.
    pub campaign_id: i64,
    /// Its recipients.
    pub recipients: i32,
}

impl Control {
    /// The same, with starts of more recipients than this by two people only.
    #[must_use]
    pub fn with_approval_above(self, recipients: Option<u32>) -> Self {
        let approval_above = recipients.map(|recipients| i32::try_from(recipients).unwrap_or(i32::MAX));
        Self { approval_above, ..self }
    }

    /// Whether the start of a campaign needs a second person, and who requested it.
    pub async fn start_approval(&self, caller: &Caller, id: CampaignId) -> Result<StartApproval, Error> {
        self.allow(caller, Action::View, &Object::Campaign(id)).await?;
        let campaign = self.store.campaign(id).await?;
        let fingerprint = fingerprint_of(&campaign);
        let request =
            self.store.start_request(id).await?.filter(|request| request.fingerprint == fingerprint);
        let person = person(&self.store, caller).await?;
        Ok(StartApproval {
            campaign_id: id.0,
            approval_above: self.approval_above,
            is_needed: self.needs_approval(campaign.recipients),
            is_own: request.as_ref().is_some_and(|request| request.person == person),
            requested_at: request.as_ref().map(|request| request.requested_at),
            requested_by: request.map(|request| request.requested_by),
        })
    }

    /// The drafts among these that wait for a second person; each with its recipients.
    pub async fn requested_starts(
        &self,
        caller: &Caller,
        drafts: &[(CampaignId, i64)],
    ) -> Result<BTreeSet<CampaignId>, Error> {
        let mut requested = BTreeSet::new();
        let above = self.approval_above.map_or(i64::MAX, i64::from);
        for (id, recipients) in drafts {
            if *recipients > above && self.start_approval(caller, *id).await?.requested_by.is_some() {
                requested.insert(*id);
            }
        }
        Ok(requested)
    }

    /// Requests the start of a draft that can be started and whose start needs a second person. The request is void when the
    /// campaign or its lists are changed.
    pub async fn request_start(
        &self,
        caller: &Caller,
        id: CampaignId,
        checked: Option<&str>,
    ) -> Result<Done<StartRequested>, Error> {
        let attempt = Attempt::new(caller, Action::RequestStart, Object::Campaign(id));
        let ready = self.ready(&attempt, id, checked).await;
        self.change(attempt, |store| async move {
            let fingerprint = ready?;
            let campaign = ready_draft(&store, id, &fingerprint).await?;
            if !self.needs_approval(campaign.recipients) {
                let text = format!("the start of campaign {id} needs no second person; start it");
                return Err(Error::conflict(text));
            }
            let person = person(&store, caller).await?;
            store.request_start(id, &fingerprint, (caller.name(), &person)).await?;
            let requested = StartRequested { campaign_id: id.0, recipients: campaign.recipients };
            Ok((requested, json!({ "recipients": campaign.recipients, "version": campaign.version })))
        })
        .await
    }

    /// Refuses a start that needs a second person and has none. Returns who requested it.
    pub(crate) async fn second_person(
        &self,
        store: &Store,
        caller: &Caller,
        campaign: &CampaignRow,
    ) -> Result<Option<String>, Error> {
        if !self.needs_approval(campaign.recipients) {
            return Ok(None);
        }
        let (id, recipients) = (campaign.id, campaign.recipients);
        let above = self.approval_above.unwrap_or_default();
        let refused = |what: &str| {
            let text = format!(
                "campaign {id} has {recipients} recipients, and a start of more than {above} needs two people; {what}"
            );
            Err(Error::refused(Problem::ApprovalNeeded, text))
        };
        let fingerprint = fingerprint_of(campaign);
        let request = store.start_request(id).await?.filter(|request| request.fingerprint == fingerprint);
        match request {
            None => refused(&format!(
                "request the start with 'flowcast campaign request-start {id}' or in the console, and let another person start it"
            )),
            Some(request) if request.person == person(store, caller).await? => {
                refused("you requested the start, so another person has to start it")
            }
            Some(request) => Ok(Some(request.requested_by)),
        }
    }

    fn needs_approval(&self, recipients: i32) -> bool {
        self.approval_above.is_some_and(|above| recipients > above)
    }
}

/// The person behind a caller: an API key acts for the account that it belongs to.
async fn person(store: &Store, caller: &Caller) -> Result<String, Error> {
    let name = caller.name();
    let account = match caller.actor.kind {
        ActorKind::Account => Some(name.to_owned()),
        ActorKind::ApiKey => store.account_of_key(name).await?,
        ActorKind::Command => None,
    };
    Ok(match account {
        Some(account) => format!("account {}", account.to_lowercase()),
        None => format!("{} {name}", caller.actor.kind.word()),
    })
}
