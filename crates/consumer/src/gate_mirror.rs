//! A copy of the gates that changed, one for all senders of this process.
//!
//! The gates are rows in PostgreSQL that every claim reads. A gate may close between the claim and the request; without a rate this
//! time is as long as the provider takes to answer some hundred requests. So each request is compared with the mirror before
//! it leaves: it leaves only in the opening (epoch) in which its recipient was claimed.
//!
//! The mirror is read on each notification from PostgreSQL, and every [`READ_EVERY`] while a recipient is claimed. If the mirror
//! was not read for [`FRESH_FOR`], no request leaves until it is read again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use campaign::{CampaignId, Rate, Reason, SenderId, Stop, StopReason, StopScope, own_code};
use store::{Claim, GateOf, GateState, GateWatch, TimedLease};
use tokio::sync::watch;
use tokio::time::Instant;

/// How often the mirror is read without a notification.
const READ_EVERY: Duration = Duration::from_millis(250);
/// Oldest reading with which a request may leave. The rest of a second is for the way to the wire.
const FRESH_FOR: Duration = Duration::from_millis(750);
/// How long a change is kept: longer than any lease of a claim lasts.
const KEPT: Duration = Duration::from_hours(24);

/// Reason code of recipients whose gate was closed and opened again after the claim.
const REOPENED: &str = own_code("opened_again");

/// The gates that changed, as of the last reading.
pub(crate) struct GateMirror {
    known: Mutex<Known>,
    /// How many batches are claimed or about to be claimed.
    watching: watch::Sender<usize>,
    /// Notified of each reading.
    readings: watch::Sender<()>,
    /// Notified of each reading with changes.
    changes: watch::Sender<()>,
}

/// The opening in which a request was claimed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) sender: SenderId,
    pub(crate) campaign: CampaignId,
    pub(crate) gate_epoch: i64,
    pub(crate) campaign_epoch: i64,
    /// Whether the request may pass a closed gate of the sender.
    pub(crate) is_probe: bool,
}

impl Opening {
    pub(crate) fn of(sender: SenderId, campaign: CampaignId, claim: &Claim) -> Self {
        let Claim { gate_epoch, campaign_epoch, is_probe, .. } = *claim;
        Self { sender, campaign, gate_epoch, campaign_epoch, is_probe }
    }
}

#[derive(Default)]
struct Known {
    /// When the last reading began: it shows all changes that were committed by then.
    as_of: Option<Instant>,
    senders: HashMap<SenderId, Seen>,
    campaigns: HashMap<CampaignId, Seen>,
}

/// A gate, and when it was read.
struct Seen {
    state: GateState,
    read_at: Instant,
}

/// While a value of this type exists, the mirror is read every [`READ_EVERY`].
pub(crate) struct Watching(Arc<GateMirror>);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.watching.send_modify(|watching| *watching = watching.saturating_sub(1));
    }
}

impl GateMirror {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            known: Mutex::default(),
            watching: watch::Sender::new(0),
            readings: watch::Sender::new(()),
            changes: watch::Sender::new(()),
        })
    }

    /// Reads changes of gates until it is dropped.
    pub(crate) async fn follow(self: Arc<Self>, mut gates: GateWatch) {
        let mut is_away = false;
        let mut watching = self.watching.subscribe();
        while watching.wait_for(|watching| *watching > 0).await.is_ok() {
            let asked = Instant::now();
            match gates.read().await {
                Ok(states) => {
                    self.note(asked, Instant::now(), states);
                    if std::mem::take(&mut is_away) {
                        tracing::info!("gates can be read again; requests may leave");
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_away, true) {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(
                            error,
                            "gates cannot be read from PostgreSQL; no request leaves until they can: {error}"
                        );
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep_until(asked + READ_EVERY) => {}
                () = gates.notified(), if !is_away => {}
            }
        }
    }

    fn note(&self, asked: Instant, read_at: Instant, states: Vec<GateState>) {
        let has_changes = !states.is_empty();
        self.known().note(asked, read_at, states);
        self.readings.send_replace(());
        if has_changes {
            self.wake();
        }
    }

    /// Wakes all tasks that wait for a change.
    pub(crate) fn wake(&self) {
        self.changes.send_replace(());
    }

    /// Keeps the mirror being read until the returned value is dropped.
    pub(crate) fn watch(self: &Arc<Self>) -> Watching {
        self.watching.send_modify(|watching| *watching += 1);
        Watching(Arc::clone(self))
    }

    /// Whether the mirror is fresh enough for a request that has been ready since `since`. A reading that began after `since`
    /// always is, however long PostgreSQL took for it.
    pub(crate) fn is_fresh(&self, since: Instant) -> bool {
        self.known().is_fresh(since, Instant::now())
    }

    /// Waits until the mirror is fresh enough for a request that has been ready since `since`.
    pub(crate) async fn fresh(&self, since: Instant) {
        if self.is_fresh(since) {
            return;
        }
        let mut readings = self.readings.subscribe();
        while !self.is_fresh(since) {
            if readings.changed().await.is_err() {
                return;
            }
        }
    }

    /// A receiver of changes; changes before the next wait are included.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// The stop for which a request of this claim may not leave.
    pub(crate) fn stop_for(&self, opening: Opening) -> Option<(Stop, Reason)> {
        self.known().stop_for(opening)
    }

    /// Whether the slots are faster than the sender's present rate.
    pub(crate) fn is_outdated(&self, sender: SenderId, slots: &TimedLease) -> bool {
        self.known().is_outdated(sender, slots.lease.rate(), slots.at)
    }

    /// Waits until a reading after `since` shows a change of the sender or the campaign.
    pub(crate) async fn changed(&self, sender: SenderId, campaign: CampaignId, since: Instant) {
        let mut changes = self.changes();
        while !self.known().has_changed(sender, campaign, since) && changes.changed().await.is_ok() {}
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn note(&mut self, asked: Instant, read_at: Instant, states: Vec<GateState>) {
        self.as_of = Some(asked);
        if states.is_empty() {
            return;
        }
        let is_kept = |seen: &Seen| read_at.saturating_duration_since(seen.read_at) < KEPT;
        self.senders.retain(|_, seen| is_kept(seen));
        self.campaigns.retain(|_, seen| is_kept(seen));
        for state in states {
            let seen = Seen { state, read_at };
            match seen.state.of {
                GateOf::Sender(id) => drop(self.senders.insert(id, seen)),
                GateOf::Campaign(id) => drop(self.campaigns.insert(id, seen)),
            }
        }
    }

    fn is_fresh(&self, since: Instant, now: Instant) -> bool {
        self.as_of.is_some_and(|as_of| as_of >= since || now.saturating_duration_since(as_of) <= FRESH_FOR)
    }

    fn stop_for(&self, opening: Opening) -> Option<(Stop, Reason)> {
        let Opening { sender, campaign, gate_epoch, campaign_epoch, is_probe } = opening;
        let of_sender = self
            .senders
            .get(&sender)
            .and_then(|seen| stop(&seen.state, gate_epoch, is_probe, StopScope::Sender));
        of_sender.or_else(|| {
            let seen = self.campaigns.get(&campaign)?;
            stop(&seen.state, campaign_epoch, false, StopScope::Campaign)
        })
    }

    fn is_outdated(&self, sender: SenderId, leased: Option<Rate>, at: Instant) -> bool {
        self.senders.get(&sender).is_some_and(|Seen { state, read_at }| {
            *read_at > at && (state.is_paused || is_faster(leased, state.limit))
        })
    }

    fn has_changed(&self, sender: SenderId, campaign: CampaignId, since: Instant) -> bool {
        let seen = [self.senders.get(&sender), self.campaigns.get(&campaign)];
        seen.into_iter().flatten().any(|seen| seen.read_at >= since)
    }
}

/// The stop for a claim of this epoch, if the gate is closed or was closed since.
fn stop(state: &GateState, epoch: i64, passes: bool, scope: StopScope) -> Option<(Stop, Reason)> {
    let reopened = || (StopReason::Operator, REOPENED.to_owned());
    let (reason, code) = match &state.closed {
        _ if state.epoch < epoch => return None,
        closed if state.epoch > epoch => closed.clone().unwrap_or_else(reopened),
        Some(closed) if !passes => closed.clone(),
        Some(_) | None => return None,
    };
    let text = "stopped before the message was sent";
    Some((Stop { scope, reason }, Reason { code: code.into(), text: text.into() }))
}

/// Whether slots leased at the first rate may be too fast for the second.
fn is_faster(leased: Option<Rate>, limit: Option<Rate>) -> bool {
    match (leased, limit) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(leased), Some(limit)) => leased.time_of(1) < limit.time_of(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDER: SenderId = SenderId(1);
    const CAMPAIGN: CampaignId = CampaignId(7);

    fn sender(epoch: i64, is_open: bool) -> GateState {
        let closed = (!is_open).then(|| (StopReason::LowBalance, "E110".to_owned()));
        GateState { of: GateOf::Sender(SENDER), epoch, closed, limit: None, is_paused: false }
    }

    fn campaign(epoch: i64, is_open: bool) -> GateState {
        let closed = (!is_open).then(|| (StopReason::Operator, "operator".to_owned()));
        GateState { of: GateOf::Campaign(CAMPAIGN), epoch, closed, limit: None, is_paused: false }
    }

    fn known(states: Vec<GateState>) -> Known {
        let mut known = Known::default();
        known.note(Instant::now(), Instant::now(), states);
        known
    }

    /// The code with which a claim of these epochs is held back.
    fn code(known: &Known, gate_epoch: i64, campaign_epoch: i64, is_probe: bool) -> Option<String> {
        let opening = Opening { sender: SENDER, campaign: CAMPAIGN, gate_epoch, campaign_epoch, is_probe };
        known.stop_for(opening).map(|(_, reason)| reason.code.into_owned())
    }

    #[test]
    fn a_request_leaves_only_in_the_opening_it_was_claimed_in() {
        let closed = known(vec![sender(3, false)]);
        assert_eq!(code(&closed, 3, 1, false).as_deref(), Some("E110"));
        assert_eq!(code(&closed, 2, 1, false).as_deref(), Some("E110"));
        assert_eq!(code(&closed, 4, 1, false), None, "the claim knows more than the mirror");
        let open = known(vec![sender(3, true)]);
        assert_eq!(code(&open, 3, 1, false), None);
        assert_eq!(code(&open, 2, 1, false).as_deref(), Some(REOPENED));
        assert_eq!(code(&known(vec![]), 2, 1, false), None);
    }

    #[test]
    fn a_probe_passes_the_gate_it_probes_and_no_other() {
        let closed = known(vec![sender(3, false)]);
        assert_eq!(code(&closed, 3, 1, true), None);
        assert_eq!(code(&closed, 2, 1, true).as_deref(), Some("E110"), "an operator replaced the stop since");
        let paused = known(vec![sender(3, false), campaign(1, false)]);
        assert_eq!(code(&paused, 3, 1, true).as_deref(), Some("operator"));
    }

    #[test]
    fn a_campaign_is_compared_as_its_sender_is() {
        let paused = known(vec![campaign(5, false)]);
        assert_eq!(code(&paused, 1, 5, false).as_deref(), Some("operator"));
        assert_eq!(code(&paused, 1, 6, false), None);
        assert_eq!(code(&known(vec![campaign(5, true)]), 1, 4, false).as_deref(), Some(REOPENED));
    }

    #[test]
    fn no_request_leaves_with_an_old_mirror() {
        let start = Instant::now();
        let ms = |ms| start + Duration::from_millis(ms);
        let mut known = Known::default();
        assert!(!known.is_fresh(ms(0), ms(0)), "it was never read");
        known.note(ms(100), ms(101), Vec::new());
        assert!(known.is_fresh(ms(800), ms(850)));
        assert!(!known.is_fresh(ms(800), ms(851)));
        // A reading that took two seconds is fresh for a request that was ready before the reading began.
        known.note(ms(900), ms(2_900), Vec::new());
        assert!(known.is_fresh(ms(850), ms(2_900)));
        assert!(!known.is_fresh(ms(901), ms(2_900)));
    }

    #[test]
    fn slots_are_outdated_when_the_rate_became_lower_or_a_pause_began_after_their_lease() {
        let start = Instant::now();
        let later = start + Duration::from_millis(5);
        let rate = |text: &str| Some(text.parse::<Rate>().unwrap());
        let read = |limit, is_paused| {
            let mut known = Known::default();
            known.note(start, start, vec![GateState { limit, is_paused, ..sender(1, true) }]);
            known
        };
        let before = start.checked_sub(Duration::from_millis(5)).unwrap();
        let lowered = read(rate("20/s"), false);
        assert!(lowered.is_outdated(SENDER, rate("80/s"), before));
        assert!(lowered.is_outdated(SENDER, None, before));
        assert!(!lowered.is_outdated(SENDER, rate("20/s"), before));
        assert!(!lowered.is_outdated(SENDER, rate("80/s"), later), "leased after the reading");
        assert!(!lowered.is_outdated(SenderId(2), None, before));
        assert!(!read(None, false).is_outdated(SENDER, rate("80/s"), before));
        assert!(read(None, true).is_outdated(SENDER, None, before));
    }

    #[tokio::test]
    async fn a_task_is_woken_by_a_change_of_its_own_gates_also_by_an_earlier_one() {
        let mirror = GateMirror::new();
        let since = Instant::now();
        let waits = mirror.changed(SENDER, CAMPAIGN, since);
        tokio::pin!(waits);
        let other = GateState { of: GateOf::Sender(SenderId(2)), ..sender(1, false) };
        mirror.note(since, Instant::now(), vec![other]);
        assert!(futures::poll!(&mut waits).is_pending());
        mirror.note(since, Instant::now(), vec![campaign(1, false)]);
        waits.await;
        mirror.changed(SENDER, CAMPAIGN, since).await;
    }
}
