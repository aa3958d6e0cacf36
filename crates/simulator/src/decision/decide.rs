//! The decision about one request: rate limit, faults, balance, outcome and ledger record, in this order and under one lock.
//!
//! Invariant: the sequence is the order of the decisions. The balance decreases by one with each accepted message and never
//! otherwise.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::decision::injector::Injector;
use crate::decision::sliding_window::SlidingWindow;
use crate::ledger::ledger_store::{DecisionRecord, LedgerStore};
use crate::providers::api::{Acceptance, Examination, Finding, ProviderApi};
use crate::providers::api_of;
use crate::providers::events::AcceptedMessage;
use crate::providers::outcome::{ACCEPTED, LOW_BALANCE, OutcomeId, Outcomes, RATE_LIMITED};
use crate::random::Random;
use crate::settings::fault::{Effect, ResetPoint, Stage};
use crate::webhooks::webhook_sender::WebhookSender;
use crate::{Config, Error, Latency, Msisdn, Webhook, WebhookCounts, WindowReport};

/// A running simulator without its connections.
pub(crate) struct SimulatedProvider {
    pub(crate) config: Config,
    pub(crate) api: Box<dyn ProviderApi>,
    pub(crate) outcomes: Outcomes,
    pub(crate) in_flight: AtomicU64,
    start: Instant,
    state: Mutex<State>,
    webhook_sender: Mutex<Option<WebhookSender>>,
    stop: CancellationToken,
}

/// The state that requests and controls change.
pub(crate) struct State {
    pub(crate) ledger: LedgerStore,
    pub(crate) balance: Option<u64>,
    pub(crate) window: Option<SlidingWindow>,
    pub(crate) latency: Latency,
    pub(crate) faults: Injector,
    /// Makes the message ids of this run differ from those of other runs.
    pub(crate) salt: u32,
    random: Random,
}

/// The decision about one request: how to answer it.
pub(crate) struct Decision {
    /// The outcome that the client is answered.
    pub(crate) reported: OutcomeId,
    /// The HTTP status of the answer; `None` if no answer is sent.
    pub(crate) status: Option<u16>,
    /// The body, if the reported outcome has no fixed body.
    pub(crate) accepted_body: Option<Bytes>,
    pub(crate) effect: Option<Effect>,
    pub(crate) delay: Duration,
    pub(crate) close_idle_after: Option<Duration>,
}

impl SimulatedProvider {
    pub(crate) fn new(config: Config, stop: CancellationToken) -> Result<Self, Error> {
        let webhook_sender =
            config.webhook.clone().map(|webhook| WebhookSender::new(&config, webhook, stop.clone()));
        let webhook_sender = Mutex::new(webhook_sender.transpose()?);
        let api = api_of(&config);
        let outcomes = Outcomes::new(api.outcomes());
        let state = Mutex::new(State::new(&config, &outcomes)?);
        let (in_flight, start) = (AtomicU64::new(0), Instant::now());
        Ok(Self { config, api, outcomes, in_flight, start, state, webhook_sender, stop })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resets everything to the configuration; the clock is not reset.
    pub(crate) fn reset(&self) -> Result<(), Error> {
        *self.state() = State::new(&self.config, &self.outcomes)?;
        Ok(())
    }

    /// Posts the events of messages to another webhook from now on, or to none.
    pub(crate) fn set_webhook(&self, webhook: Option<Webhook>) -> Result<(), Error> {
        let webhook_sender = webhook
            .map(|webhook| WebhookSender::new(&self.config, webhook, self.stop.clone()))
            .transpose()?;
        *self.webhook_sender() = webhook_sender;
        Ok(())
    }

    /// The number of posts to the current webhook so far.
    pub(crate) fn webhook_counts(&self) -> WebhookCounts {
        self.webhook_sender().as_ref().map(WebhookSender::counts).unwrap_or_default()
    }

    fn webhook_sender(&self) -> MutexGuard<'_, Option<WebhookSender>> {
        self.webhook_sender.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// The time `at` on the arrival clock, in microseconds since the start.
    pub(crate) fn since_start_us(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.start).as_micros()).unwrap_or(u64::MAX)
    }

    /// Decides about a request that arrived at `received_at`, and appends it to the ledger.
    pub(crate) fn decide(&self, examined: Examination, peer_port: u16, received_at: Instant) -> Decision {
        let arrival_us = self.since_start_us(received_at);
        let mut state = self.state();
        let is_valid = examined.finding == Finding::Valid;
        let recipient = examined.recipient;
        let meets_closed_window = examined.is_free_form
            && recipient.is_some_and(|recipient| self.config.closed_windows.recipients.contains(&recipient));
        let refused = match self.config.closed_windows.reported {
            WindowReport::Answer if meets_closed_window => self.outcomes.window_closed(),
            WindowReport::Answer | WindowReport::Receipt => None,
        };
        let verdict = state.verdict(examined.finding, recipient, refused, arrival_us);
        let delay = state.delay(is_valid, recipient);
        let close_idle_after = if is_valid { state.close_idle_after(recipient) } else { None };
        let status = self.status(&verdict);
        let fault = verdict.effect.as_ref().and_then(Effect::kind);
        let record = DecisionRecord {
            arrival_us,
            peer_port,
            status: status.unwrap_or(0),
            outcome: verdict.outcome,
            fault,
        };
        let echo = if verdict.reported == ACCEPTED { self.api.echo(&examined) } else { None };
        let (reference, flow_token) = (examined.reference.clone(), examined.flow_token.clone());
        state.ledger.append(examined, record);
        let (salt, sequence) = (state.salt, state.ledger.len());
        drop(state);
        if let (ACCEPTED, Some(webhook_sender)) = (verdict.outcome, &*self.webhook_sender()) {
            let id = self.api.message_id(salt, sequence);
            let message = AcceptedMessage { id, recipient, reference, flow_token };
            webhook_sender.schedule(&message, meets_closed_window);
        }

        let accepted_body = (verdict.reported == ACCEPTED)
            .then(|| Acceptance { message_id: self.api.message_id(salt, sequence), recipient, echo })
            .map(|accepted| self.api.accepted_body(&accepted));
        Decision {
            reported: verdict.reported,
            status,
            accepted_body,
            effect: verdict.effect,
            delay,
            close_idle_after,
        }
    }

    fn status(&self, verdict: &Verdict) -> Option<u16> {
        match verdict.effect {
            Some(Effect::Hang {} | Effect::Reset { at: ResetPoint::NoAnswer }) => None,
            Some(Effect::Garbage { status, .. }) => Some(status),
            _ => self.outcomes.get(verdict.reported).map(|outcome| outcome.status.as_u16()),
        }
    }
}

/// The outcome of a request. `reported` differs from `outcome` if a fault answers a refusal although the message was accepted.
struct Verdict {
    outcome: OutcomeId,
    reported: OutcomeId,
    effect: Option<Effect>,
}

impl State {
    fn new(config: &Config, outcomes: &Outcomes) -> Result<Self, Error> {
        let mut faults = Injector::new(config.seed);
        for fault in &config.faults {
            faults.add(fault.clone(), outcomes)?;
        }
        Ok(Self {
            ledger: LedgerStore::default(),
            balance: config.balance,
            window: config.rate_limit.map(SlidingWindow::new),
            latency: config.latency,
            faults,
            salt: random_salt(),
            random: Random::new(config.seed),
        })
    }

    /// `refused`: the refusal of a valid request because of a closed window.
    fn verdict(
        &mut self,
        finding: Finding,
        recipient: Option<Msisdn>,
        refused: Option<OutcomeId>,
        arrival_us: u64,
    ) -> Verdict {
        let without_fault = |outcome| Verdict { outcome, reported: outcome, effect: None };
        if let Finding::NotAdmitted(outcome) = finding {
            return without_fault(outcome);
        }
        if self.window.as_mut().is_some_and(|window| !window.admit(arrival_us)) {
            return without_fault(RATE_LIMITED);
        }
        if let Finding::Invalid(outcome) = finding {
            return without_fault(outcome);
        }
        if let Some(armed) = self.faults.apply(Stage::Refusal, recipient) {
            let effect = Some(armed.public.fault.effect.clone());
            return Verdict { outcome: armed.outcome, reported: armed.outcome, effect };
        }
        if let Some(outcome) = refused {
            return without_fault(outcome);
        }
        match &mut self.balance {
            Some(0) => return without_fault(LOW_BALANCE),
            Some(balance) => *balance -= 1,
            None => {}
        }
        let Some(armed) = self.faults.apply(Stage::Delivery, recipient) else {
            return without_fault(ACCEPTED);
        };
        let effect = armed.public.fault.effect.clone();
        let reported = if matches!(effect, Effect::Refuse { .. }) { armed.outcome } else { ACCEPTED };
        Verdict { outcome: ACCEPTED, reported, effect: Some(effect) }
    }

    fn delay(&mut self, is_valid: bool, recipient: Option<Msisdn>) -> Duration {
        let jitter = if self.latency.jitter.is_zero() { 0.0 } else { self.random.fraction() };
        let faults = if is_valid { self.faults.delay(recipient) } else { Duration::ZERO };
        self.latency.sample(jitter) + faults
    }

    fn close_idle_after(&mut self, recipient: Option<Msisdn>) -> Option<Duration> {
        match self.faults.apply(Stage::Idle, recipient)?.public.fault.effect {
            Effect::CloseIdle { after } => Some(after),
            _ => None,
        }
    }
}

fn random_salt() -> u32 {
    let random = RandomState::new().build_hasher().finish();
    u32::try_from(random >> 32).unwrap_or(u32::MAX)
}
