//! The stops of one sender and its campaigns, as this worker knows them, and closing the gate for all workers.
//!
//! The gate itself is a row in PostgreSQL that every claim reads. This file holds back requests that were claimed before a stop
//! and have not left yet. A stop that this worker met applies at once; a stop of another worker or of an operator arrives through
//! the gate mirror. A stop belongs to one opening (epoch), so it ends when the gate reopens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use campaign::{CampaignId, Outcome, Reason, SenderId, Stop, StopScope, Troubles};
use store::{Backoff, Claim, Opened, StopCause, Store};
use tokio_util::sync::CancellationToken;

use crate::gate_mirror::{GateMirror, Opening};

/// The stops of one sender and its campaigns.
pub(crate) struct Gate {
    store: Store,
    sender: SenderId,
    worker: String,
    mirror: Arc<GateMirror>,
    /// The stops that this worker met, by campaign; `None` is the sender.
    stops: Mutex<HashMap<Option<CampaignId>, (i64, Stop, Reason)>>,
    troubles: Mutex<Troubles>,
    closing: tokio::sync::Mutex<()>,
    shutdown: CancellationToken,
}

impl Gate {
    pub(crate) fn new(
        (store, mirror): (Store, Arc<GateMirror>),
        sender: SenderId,
        worker: String,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            store,
            sender,
            worker,
            mirror,
            stops: Mutex::default(),
            troubles: Mutex::default(),
            closing: tokio::sync::Mutex::default(),
            shutdown,
        }
    }

    /// The stop for which a request of this claim may not leave. A probe passes the gate that it probes.
    pub(crate) fn stop_for(&self, campaign: CampaignId, claim: &Claim) -> Option<(Stop, Reason)> {
        let met = if claim.is_probe { None } else { self.met(campaign, claim) };
        met.or_else(|| self.mirror.stop_for(Opening::of(self.sender, campaign, claim)))
    }

    /// Waits until there is such a stop.
    pub(crate) async fn stopped(&self, campaign: CampaignId, claim: &Claim) -> (Stop, Reason) {
        let mut changes = self.mirror.changes();
        loop {
            if let Some(stop) = self.stop_for(campaign, claim) {
                return stop;
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// The stop for this claim that this worker met, if it met one.
    fn met(&self, campaign: CampaignId, claim: &Claim) -> Option<(Stop, Reason)> {
        let stops = self.stops.lock().unwrap_or_else(PoisonError::into_inner);
        let covers = |key, epoch| {
            stops
                .get(&key)
                .filter(|(closed, ..)| *closed >= epoch)
                .map(|(_, stop, reason)| (*stop, reason.clone()))
        };
        covers(None, claim.gate_epoch).or_else(|| covers(Some(campaign), claim.campaign_epoch))
    }

    /// Applies an outcome to the gate: a stop closes it for all workers, a throttle answer slows all workers down, and a probe
    /// that the provider answered with an acceptance or a permanent refusal opens it.
    pub(crate) async fn observe(
        &self,
        outcome: &Outcome,
        answered: bool,
        campaign: CampaignId,
        claim: &Claim,
    ) {
        match outcome {
            Outcome::Held { stop, reason } => self.close((*stop, reason), campaign, claim).await,
            Outcome::Throttled { after, reason } => self.slow(*after, reason).await,
            Outcome::Accepted { .. } | Outcome::FallBack { .. } | Outcome::Failed { .. }
                if opens(outcome, answered, claim.is_probe) =>
            {
                self.open(claim.gate_epoch).await;
            }
            Outcome::Accepted { .. }
            | Outcome::FallBack { .. }
            | Outcome::Retry { .. }
            | Outcome::Failed { .. }
            | Outcome::Unknown { .. } => {}
        }
        let troubles = self.note(outcome, answered, claim.gate_epoch);
        if let Some((stop, reason)) = troubles {
            self.close((stop, &reason), campaign, claim).await;
        }
    }

    /// A stop if the provider answered neither this request nor many before it.
    fn note(&self, outcome: &Outcome, answered: bool, epoch: i64) -> Option<(Stop, Reason)> {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let stop = troubles.note(epoch, outcome, answered)?;
        let last = outcome.reason()?;
        let text = format!(
            "the provider gave no clear answer to the last requests; the last one ended with: {}",
            last.text
        );
        Some((stop, Reason { code: last.code.clone(), text: text.into() }))
    }

    async fn slow(&self, pause: Duration, reason: &Reason) {
        match self.store.slow_sender(self.sender, pause).await {
            Ok(true) => {
                tracing::warn!(sender.id = %self.sender, code = %reason.code, "the provider asks for a lower rate; the sender slows down: {}", reason.text);
            }
            Ok(false) => {}
            // The next throttle answer slows the sender down again.
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the sender could not be slowed down: {error}"
            ),
        }
    }

    /// Opens the gate after a successful probe of this opening, unless it was opened or closed since.
    async fn open(&self, epoch: i64) {
        match self.store.open_after_probe(self.sender, epoch, &self.worker).await {
            Ok(Opened::Open) => {
                tracing::info!(sender.id = %self.sender, "the provider answered the probe; the sender sends again");
            }
            Ok(Opened::Capped { until, .. }) => {
                tracing::info!(
                    sender.id = %self.sender,
                    "the provider answered the probe; the sender stays stopped until {until:.0} because its daily cap is used up"
                );
            }
            Ok(Opened::Unchanged) => {
                tracing::info!(
                    sender.id = %self.sender,
                    "the provider answered the probe; the sender was resumed or held meanwhile and stays as it is"
                );
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the sender could not be opened after a probe; the next probe tries again: {error}"
                );
            }
        }
    }

    /// Closes the gate once per epoch. Returns when PostgreSQL has committed it, or when the worker shuts down.
    pub(crate) async fn close(&self, (stop, reason): (Stop, &Reason), campaign: CampaignId, claim: &Claim) {
        let _one_at_a_time = self.closing.lock().await;
        if self.met(campaign, claim).is_some() {
            return;
        }
        let (key, epoch) = match stop.scope {
            StopScope::Sender => (None, claim.gate_epoch),
            StopScope::Campaign => (Some(campaign), claim.campaign_epoch),
        };
        self.remember(key, epoch, stop, reason);
        let by = &self.worker;
        let cause = StopCause { reason: stop.reason, refusal: Some(reason), by };
        let mut retry = Backoff::new("closing a gate");
        let closed = loop {
            let closed = match stop.scope {
                StopScope::Sender => self.store.stop_sender(self.sender, Some(epoch), &cause).await,
                StopScope::Campaign => self.store.pause_campaign(campaign, Some(epoch), &cause).await,
            };
            if let Err(error) = &closed
                && retry.again(error, &self.shutdown).await
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
                error = &error as &dyn std::error::Error, sender.id = %self.sender, "the stop could not be stored: {error}"
            ),
        }
    }

    fn remember(&self, key: Option<CampaignId>, epoch: i64, stop: Stop, reason: &Reason) {
        let mut stops = self.stops.lock().unwrap_or_else(PoisonError::into_inner);
        stops.insert(key, (epoch, stop, reason.clone()));
        drop(stops);
        self.mirror.wake();
    }
}

/// Whether the outcome of a request proves that its sender can send again.
fn opens(outcome: &Outcome, answered: bool, is_probe: bool) -> bool {
    // A recipient without an attempt left, or too near its deadline, also fails without an answer of the provider.
    let is_proof =
        matches!(outcome, Outcome::Accepted { .. } | Outcome::FallBack { .. } | Outcome::Failed { .. });
    is_probe && answered && is_proof
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_probe_that_the_provider_answered_opens_its_sender() {
        let reason = || Reason { code: "x".into(), text: "x".into() };
        let after = Duration::ZERO;
        let proof = [
            Outcome::Accepted { provider_message_id: "1".into() },
            // Refused for this recipient: the provider took the request.
            Outcome::Failed { reason: reason() },
            Outcome::FallBack { counted: false, reason: reason() },
        ];
        let none = [
            Outcome::Retry { after, counted: true, reason: reason() },
            Outcome::Throttled { after, reason: reason() },
            Outcome::Unknown { reason: reason() },
        ];
        for outcome in &proof {
            assert!(opens(outcome, true, true), "{outcome:?}");
            assert!(!opens(outcome, false, true), "no answer: {outcome:?}");
            assert!(!opens(outcome, true, false), "no probe: {outcome:?}");
        }
        for outcome in &none {
            assert!(!opens(outcome, true, true), "{outcome:?}");
        }
    }
}
