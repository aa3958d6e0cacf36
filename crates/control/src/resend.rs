//! Recipients are sent to again: failed and undelivered ones, and unconfirmed ones after a decision.

use std::time::Duration;

use campaign::{CampaignId, Resolution, Seq};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{ResendClass, ResendCount, Resolved};

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::Error;

/// Which recipients are sent to again, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Failed or undelivered recipients.
    pub class: ResendClass,
    /// Only recipients with this code.
    pub code: Option<String>,
    /// The reason, kept with each recipient.
    pub reason: String,
}

/// A decision about unconfirmed recipients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolve {
    /// Send again or give up.
    pub resolution: Resolution,
    /// Only these recipients; empty: all unconfirmed ones.
    pub seqs: Vec<Seq>,
    /// The reason, kept with each recipient.
    pub reason: String,
}

/// Recipients that were sent to again or given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resent {
    /// Recipients that are due again.
    pub resent: u64,
    /// Recipients that failed: given up, or without an attempt left.
    pub failed: u64,
}

impl Resent {
    /// The result of sending again to failed or undelivered recipients; refused if there were none.
    pub fn of_retry(id: CampaignId, resent: u64) -> Result<Self, Error> {
        if resent == 0 {
            return Err(Error::conflict(format!(
                "campaign {id}: no recipient is of this class; see 'flowcast campaign report {id}'"
            )));
        }
        Ok(Self { resent, failed: 0 })
    }

    /// The result of resolving unconfirmed recipients, all or `some` of them; refused if there were none.
    pub fn of_resolve(id: CampaignId, some: bool, resent: u64, failed: u64) -> Result<Self, Error> {
        if resent + failed == 0 {
            let which = if some { "none of these recipients is unknown" } else { "no recipient is unknown" };
            return Err(Error::conflict(format!("campaign {id}: {which}; there is nothing to resolve")));
        }
        Ok(Self { resent, failed })
    }
}

impl Control {
    /// Makes failed or undelivered recipients due again, as new attempts. A finished campaign runs again.
    pub async fn retry_recipients(
        &self,
        caller: &Caller,
        id: CampaignId,
        retry: &Retry,
    ) -> Result<Resent, Error> {
        let attempt = Attempt::new(caller, Action::RetryRecipients, Object::Campaign(id))
            .with("class", retry.class.word())
            .with("code", retry.code.clone())
            .with("reason", retry.reason.as_str());
        self.act(attempt, async {
            let why = (caller.name(), retry.reason.as_str());
            let resent = self.store.resend(id, (retry.class, retry.code.as_deref()), why, None).await?;
            Ok((Resent::of_retry(id, resent)?, json!({ "resent": resent })))
        })
        .await
    }

    /// The recipients that [`Control::retry_recipients`] would send to, by class and code.
    pub async fn resend_counts(&self, caller: &Caller, id: CampaignId) -> Result<Vec<ResendCount>, Error> {
        let attempt = Attempt::new(caller, Action::View, Object::Campaign(id));
        self.act(attempt, async { Ok((self.store.resend_counts(id).await?, json!({}))) }).await
    }

    /// Resolves unconfirmed recipients: those that the provider may or may not have accepted.
    pub async fn resolve_recipients(
        &self,
        caller: &Caller,
        id: CampaignId,
        resolve: &Resolve,
    ) -> Result<Resent, Error> {
        let attempt = Attempt::new(caller, Action::ResolveRecipients, Object::Campaign(id))
            .with("resolution", resolve.resolution.word())
            .with("recipients", resolve.seqs.len())
            .with("reason", resolve.reason.as_str());
        self.act(attempt, async {
            let only = (!resolve.seqs.is_empty()).then_some(resolve.seqs.as_slice());
            let why = (caller.name(), resolve.reason.as_str());
            let Resolved { resent, failed } =
                self.store.resolve_by_operator(id, resolve.resolution, why, (only, Duration::ZERO)).await?;
            let done = Resent::of_resolve(id, only.is_some(), resent, failed)?;
            Ok((done, json!({ "resent": resent, "failed": failed })))
        })
        .await
    }
}
