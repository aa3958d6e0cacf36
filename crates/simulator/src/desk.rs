//! Where one request is decided: rate, faults, balance, verdict and ledger, in this order and under one lock.
//!
//! Invariant: the sequence is the order of the decisions, and the balance sinks by one with each accepted message and with nothing else.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::book::{Book, Entered};
use crate::connection::Link;
use crate::dice::Dice;
use crate::fault::{Effect, ResetPoint, Stage};
use crate::injector::Injector;
use crate::news::Message;
use crate::outcome::{ACCEPTED, LOW_BALANCE, OutcomeId, Outcomes, RATE_LIMITED};
use crate::postman::Postman;
use crate::provider::{Accepted, Examined, Finding, Rules, rules};
use crate::window::Gauge;
use crate::{Config, Error, Latency, Msisdn, Returned, Webhook};

/// All there is of a running simulator besides its connections.
pub(crate) struct Desk {
    pub(crate) config: Config,
    pub(crate) rules: Box<dyn Rules>,
    pub(crate) outcomes: Outcomes,
    pub(crate) in_flight: AtomicU64,
    start: Instant,
    state: Mutex<State>,
    postman: Mutex<Option<Postman>>,
    stop: CancellationToken,
}

/// What changes from request to request.
pub(crate) struct State {
    pub(crate) book: Book,
    pub(crate) balance: Option<u64>,
    pub(crate) gauge: Option<Gauge>,
    pub(crate) latency: Latency,
    pub(crate) faults: Injector,
    /// Makes the message ids of this run differ from those of any other.
    pub(crate) salt: u32,
    dice: Dice,
}

/// What was decided about one request.
pub(crate) struct Decision {
    /// The outcome that the client is told, and its status.
    pub(crate) told: OutcomeId,
    /// Nothing if no head of an answer is sent.
    pub(crate) status: Option<u16>,
    /// The body, if it is not the fixed one of `told`.
    pub(crate) accepted_body: Option<Bytes>,
    pub(crate) effect: Option<Effect>,
    pub(crate) delay: Duration,
    pub(crate) close_idle_after: Option<Duration>,
}

impl Desk {
    pub(crate) fn new(config: Config, stop: CancellationToken) -> Result<Self, Error> {
        let postman = config.webhook.clone().map(|webhook| Postman::new(&config, webhook, stop.clone()));
        let postman = Mutex::new(postman.transpose()?);
        let rules = rules(&config);
        let outcomes = Outcomes::new(rules.outcomes());
        let state = Mutex::new(State::new(&config, &outcomes)?);
        let (in_flight, start) = (AtomicU64::new(0), Instant::now());
        Ok(Self { config, rules, outcomes, in_flight, start, state, postman, stop })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything as it was at the start; the clock goes on.
    pub(crate) fn reset(&self) -> Result<(), Error> {
        *self.state() = State::new(&self.config, &self.outcomes)?;
        Ok(())
    }

    /// Posts what becomes of messages to another address from now on, or nowhere.
    pub(crate) fn set_webhook(&self, webhook: Option<Webhook>) -> Result<(), Error> {
        let postman =
            webhook.map(|webhook| Postman::new(&self.config, webhook, self.stop.clone())).transpose()?;
        *self.postman() = postman;
        Ok(())
    }

    /// What was posted so far to the present address.
    pub(crate) fn returned(&self) -> Returned {
        self.postman().as_ref().map(Postman::returned).unwrap_or_default()
    }

    fn postman(&self) -> MutexGuard<'_, Option<Postman>> {
        self.postman.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// A moment on the clock of arrivals, in microseconds since the start.
    pub(crate) fn since_start_us(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.start).as_micros()).unwrap_or(u64::MAX)
    }

    /// Decides about a request and enters it in the ledger.
    pub(crate) fn decide(&self, examined: Examined, link: &Link) -> Decision {
        let (peer_port, arrival_us) = (link.peer_port, self.since_start_us(link.received_at()));
        let mut state = self.state();
        let sound = examined.finding == Finding::Sound;
        let recipient = examined.recipient;
        let verdict = state.verdict(examined.finding, recipient, arrival_us);
        let delay = state.delay(sound, recipient);
        let close_idle_after = if sound { state.close_idle_after(recipient) } else { None };
        let status = self.status(&verdict);
        let fault = verdict.effect.as_ref().and_then(Effect::kind);
        let entered =
            Entered { arrival_us, peer_port, status: status.unwrap_or(0), outcome: verdict.outcome, fault };
        let echo = if verdict.told == ACCEPTED { self.rules.echo(&examined) } else { None };
        let (reference, flow_token) = (examined.reference.clone(), examined.flow_token.clone());
        state.book.enter(examined, entered);
        let (salt, sequence) = (state.salt, state.book.len());
        drop(state);
        if let (ACCEPTED, Some(postman)) = (verdict.outcome, &*self.postman()) {
            let id = self.rules.message_id(salt, sequence);
            postman.tell(&Message { id, recipient, reference, flow_token });
        }

        let accepted_body = (verdict.told == ACCEPTED)
            .then(|| Accepted { message_id: self.rules.message_id(salt, sequence), recipient, echo })
            .map(|accepted| self.rules.accepted_body(&accepted));
        Decision {
            told: verdict.told,
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
            _ => self.outcomes.get(verdict.told).map(|outcome| outcome.status.as_u16()),
        }
    }
}

/// What the simulator does with a request, and what it says it does.
struct Verdict {
    outcome: OutcomeId,
    told: OutcomeId,
    effect: Option<Effect>,
}

impl State {
    fn new(config: &Config, outcomes: &Outcomes) -> Result<Self, Error> {
        let mut faults = Injector::new(config.seed);
        for fault in &config.faults {
            faults.add(fault.clone(), outcomes)?;
        }
        Ok(Self {
            book: Book::default(),
            balance: config.balance,
            gauge: config.rate_limit.map(Gauge::new),
            latency: config.latency,
            faults,
            salt: random_salt(),
            dice: Dice::new(config.seed),
        })
    }

    fn verdict(&mut self, finding: Finding, recipient: Option<Msisdn>, arrival_us: u64) -> Verdict {
        let plain = |outcome| Verdict { outcome, told: outcome, effect: None };
        if let Finding::Stranger(outcome) = finding {
            return plain(outcome);
        }
        if self.gauge.as_mut().is_some_and(|gauge| !gauge.admit(arrival_us)) {
            return plain(RATE_LIMITED);
        }
        if let Finding::Faulty(outcome) = finding {
            return plain(outcome);
        }
        if let Some(armed) = self.faults.strike(Stage::Refusal, recipient) {
            let effect = Some(armed.public.fault.effect.clone());
            return Verdict { outcome: armed.outcome, told: armed.outcome, effect };
        }
        match &mut self.balance {
            Some(0) => return plain(LOW_BALANCE),
            Some(balance) => *balance -= 1,
            None => {}
        }
        let Some(armed) = self.faults.strike(Stage::Delivery, recipient) else { return plain(ACCEPTED) };
        let effect = armed.public.fault.effect.clone();
        let told = if matches!(effect, Effect::Refuse { .. }) { armed.outcome } else { ACCEPTED };
        Verdict { outcome: ACCEPTED, told, effect: Some(effect) }
    }

    fn delay(&mut self, sound: bool, recipient: Option<Msisdn>) -> Duration {
        let jitter = if self.latency.jitter.is_zero() { 0.0 } else { self.dice.fraction() };
        let faults = if sound { self.faults.delay(recipient) } else { Duration::ZERO };
        self.latency.sample(jitter) + faults
    }

    fn close_idle_after(&mut self, recipient: Option<Msisdn>) -> Option<Duration> {
        match self.faults.strike(Stage::Idle, recipient)?.public.fault.effect {
            Effect::CloseIdle { after } => Some(after),
            _ => None,
        }
    }
}

fn random_salt() -> u32 {
    let random = RandomState::new().build_hasher().finish();
    u32::try_from(random >> 32).unwrap_or(u32::MAX)
}
