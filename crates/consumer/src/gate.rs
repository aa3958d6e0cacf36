//! What this worker knows of closed gates, and closing them for everybody.
//!
//! The gate itself is in Postgres and every claim asks it. This knowledge only spares the requests that were claimed
//! before the stop and have not left yet. It is kept by opening (epoch), so it ends by itself when a gate reopens.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use campaign::{CampaignId, Reason, SenderId, Stop, StopScope};
use store::{Claim, StopCause, Store};
use tokio_util::sync::CancellationToken;

use crate::waiting::Waiting;

/// The stops of one sender and its campaigns that this worker met.
pub(crate) struct Gate {
    store: Store,
    sender: SenderId,
    worker: String,
    stops: Mutex<HashMap<Option<CampaignId>, (i64, Stop, Reason)>>,
    closing: tokio::sync::Mutex<()>,
}

impl Gate {
    pub(crate) fn new(store: Store, sender: SenderId, worker: String) -> Self {
        Self { store, sender, worker, stops: Mutex::default(), closing: tokio::sync::Mutex::default() }
    }

    /// The stop that covers this claim, if this worker met one.
    pub(crate) fn stop_for(&self, campaign: CampaignId, claim: &Claim) -> Option<(Stop, Reason)> {
        let stops = self.stops.lock().unwrap_or_else(PoisonError::into_inner);
        let covers = |key, epoch| {
            stops
                .get(&key)
                .filter(|(closed, ..)| *closed >= epoch)
                .map(|(_, stop, reason)| (*stop, reason.clone()))
        };
        covers(None, claim.gate_epoch).or_else(|| covers(Some(campaign), claim.campaign_epoch))
    }

    /// Closes the gate for every worker, once an opening. It is closed in Postgres when this returns, or the worker is
    /// told to stop.
    pub(crate) async fn close(
        &self,
        (stop, reason): (Stop, &Reason),
        campaign: CampaignId,
        claim: &Claim,
        shutdown: &CancellationToken,
    ) {
        let _one_at_a_time = self.closing.lock().await;
        if self.stop_for(campaign, claim).is_some() {
            return;
        }
        let (key, epoch) = match stop.scope {
            StopScope::Sender => (None, claim.gate_epoch),
            StopScope::Campaign => (Some(campaign), claim.campaign_epoch),
        };
        self.remember(key, epoch, stop, reason);
        let by = &self.worker;
        let cause = StopCause { reason: stop.reason, refusal: Some(reason), by };
        let mut waiting = Waiting::new(shutdown, "closing a gate");
        let closed = loop {
            let closed = match stop.scope {
                StopScope::Sender => self.store.stop_sender(self.sender, Some(epoch), &cause).await,
                StopScope::Campaign => self.store.pause_campaign(campaign, Some(epoch), &cause).await,
            };
            if let Err(error) = &closed
                && waiting.again(error).await
            {
                continue;
            }
            break closed;
        };
        match closed {
            Ok(true) => tracing::warn!(
                sender.id = %self.sender, campaign.id = %campaign, reason = %stop.reason,
                "{} stopped: {}", if key.is_none() { "sender" } else { "campaign" }, reason.text
            ),
            Ok(false) => {}
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error, sender.id = %self.sender, "a gate could not be closed: {error}"
            ),
        }
    }

    fn remember(&self, key: Option<CampaignId>, epoch: i64, stop: Stop, reason: &Reason) {
        let mut stops = self.stops.lock().unwrap_or_else(PoisonError::into_inner);
        stops.insert(key, (epoch, stop, reason.clone()));
    }
}
