//! Campaigns are started, paused, resumed and ended.

use campaign::{CampaignId, CampaignState, Opening};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{CampaignRow, HoldResult, Store};
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control, Done};
use crate::error::{Error, Problem};

/// A campaign that was started or resumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Started {
    /// The id of the campaign.
    pub campaign_id: i64,
    /// Imported recipients.
    pub recipients: i32,
    /// The beginning of its current or next sending hours, if it has any.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub opens_at: Option<Timestamp>,
}

/// A campaign that was paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Paused {
    /// The id of the campaign.
    pub campaign_id: i64,
    /// The reason for which it was paused before, if the pause replaces another one.
    #[schema(required)]
    pub replaced: Option<String>,
}

/// A campaign that was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ended {
    /// The id of the campaign.
    pub campaign_id: i64,
    /// Recipients that were not sent to.
    pub cancelled: i64,
}

impl Control {
    /// Starts a draft, after the same checks as [`Control::check_campaign`]. With a fingerprint of a check, the start is refused
    /// if the campaign or its lists were changed since. A large campaign needs a request of another person: [`Control::request_start`].
    pub async fn start_campaign(
        &self,
        caller: &Caller,
        id: CampaignId,
        checked: Option<&str>,
    ) -> Result<Done<Started>, Error> {
        let attempt = Attempt::new(caller, Action::StartCampaign, Object::Campaign(id));
        let ready = self.ready(&attempt, id, checked).await;
        self.change(attempt, |store| async move {
            let campaign = ready_draft(&store, id, &ready?).await?;
            let requested_by = self.second_person(&store, caller, &campaign).await?;
            let opening = store.start_campaign(id, caller.name()).await?;
            let started = started(id, campaign.recipients, opening);
            let details = json!({
                "recipients": campaign.recipients, "version": campaign.version, "requested_by": requested_by,
            });
            Ok((started, details))
        })
        .await
    }

    /// The fingerprint of a draft that can be started; empty if the campaign is no draft. The whole list is read, so this comes before
    /// the transaction, which compares the fingerprint: [`ready_draft`].
    pub(crate) async fn ready(
        &self,
        attempt: &Attempt<'_>,
        id: CampaignId,
        checked: Option<&str>,
    ) -> Result<String, Error> {
        self.allow(attempt.caller, attempt.action, &attempt.object).await?;
        let campaign = self.store.campaign(id).await?;
        // The transaction refuses it, unless the request is a repeated one whose result is stored.
        if campaign.state != CampaignState::Draft {
            return Ok(String::new());
        }
        let fingerprint = fingerprint_of(&campaign);
        if checked.is_some_and(|checked| checked != fingerprint) {
            return Err(check_outdated(id));
        }
        self.refuse_unready(id).await?;
        Ok(fingerprint)
    }

    /// Pauses a running campaign until it is resumed, also if it is paused for another reason.
    pub async fn pause_campaign(&self, caller: &Caller, id: CampaignId) -> Result<Done<Paused>, Error> {
        let attempt = Attempt::new(caller, Action::PauseCampaign, Object::Campaign(id));
        self.change(attempt, |store| async move {
            let replaced = match store.hold_campaign(id, caller.name()).await? {
                HoldResult::Now => None,
                HoldResult::TakenOver(reason) => Some(reason.to_string()),
                HoldResult::Already => {
                    let text = format!("campaign {id} is paused; only a running one can be paused");
                    return Err(Error::conflict(text));
                }
            };
            let details = json!({ "replaced": replaced });
            Ok((Paused { campaign_id: id.0, replaced }, details))
        })
        .await
    }

    /// Resumes a paused campaign.
    pub async fn resume_campaign(&self, caller: &Caller, id: CampaignId) -> Result<Done<Started>, Error> {
        let attempt = Attempt::new(caller, Action::ResumeCampaign, Object::Campaign(id));
        self.change(attempt, |store| async move {
            store.lock_campaign(id).await?;
            let campaign = store.campaign(id).await?;
            if campaign.state != CampaignState::Paused {
                let text = format!("campaign {id} is {}; only a paused one can be resumed", campaign.state);
                return Err(Error::conflict(text));
            }
            let opening = store.start_campaign(id, caller.name()).await?;
            Ok((started(id, campaign.recipients, opening), json!({})))
        })
        .await
    }

    /// Ends a campaign for good: recipients that were not sent to are cancelled.
    pub async fn end_campaign(&self, caller: &Caller, id: CampaignId) -> Result<Done<Ended>, Error> {
        let attempt = Attempt::new(caller, Action::EndCampaign, Object::Campaign(id));
        let done = self
            .change(attempt, |store| async move {
                store.cancel_campaign(id, caller.name()).await?;
                Ok((Ended { campaign_id: id.0, cancelled: 0 }, json!({})))
            })
            .await?;
        // From the commit on nothing is claimed. The recipients are ended in batches, so that no lock is held for long.
        let cancelled = self.store.end_cancelled(id).await?;
        Ok(Done { result: Ended { campaign_id: id.0, cancelled }, ..done })
    }
}

fn started(id: CampaignId, recipients: i32, opening: Option<Opening>) -> Started {
    Started { campaign_id: id.0, recipients, opens_at: opening.map(|opening| opening.from) }
}

/// The draft that had this fingerprint when it was checked. Its row stays locked, so that no import or edit comes between the comparison
/// and the change.
pub(crate) async fn ready_draft(
    store: &Store,
    id: CampaignId,
    fingerprint: &str,
) -> Result<CampaignRow, Error> {
    store.lock_campaign(id).await?;
    let campaign = store.campaign(id).await?;
    if campaign.state != CampaignState::Draft {
        return Err(no_draft(id, campaign.state));
    }
    if fingerprint != fingerprint_of(&campaign) {
        return Err(check_outdated(id));
    }
    Ok(campaign)
}

fn no_draft(id: CampaignId, state: CampaignState) -> Error {
    let hint = match state {
        CampaignState::Paused => "; continue it with 'flowcast campaign resume'",
        _ => "",
    };
    Error::conflict(format!("campaign {id} is {state}; only a draft can be started{hint}"))
}

fn check_outdated(id: CampaignId) -> Error {
    let text = format!("campaign {id} was changed since its check; check it again before you start it");
    Error::refused(Problem::CheckOutdated, text)
}

/// Identifies the definition and the lists of a draft: its version and its number of recipients.
pub(crate) fn fingerprint_of(campaign: &CampaignRow) -> String {
    fingerprint(campaign.version, campaign.recipients)
}

/// The same of these values.
pub(crate) fn fingerprint(version: i32, recipients: i32) -> String {
    format!("{version}-{recipients}")
}
