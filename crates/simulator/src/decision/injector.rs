//! The active faults, and which of them apply to a request.
//!
//! Invariant: with the same seed and the same requests in the same order, the same faults apply. A fault counts only the requests
//! it was applied to.

use std::time::Duration;

use crate::providers::outcome::{OutcomeId, Outcomes};
use crate::random::Random;
use crate::settings::fault::{ArmedFault, Effect, Fault, Stage};
use crate::{Error, Latency, Msisdn};

/// The active faults, each with its own random numbers.
pub(crate) struct Injector {
    armed: Vec<Armed>,
    last_id: u64,
    seed: u64,
}

pub(crate) struct Armed {
    pub(crate) public: ArmedFault,
    /// The outcome of an [`Effect::Refuse`].
    pub(crate) outcome: OutcomeId,
    random: Random,
}

impl Injector {
    pub(crate) fn new(seed: u64) -> Self {
        Self { armed: Vec::new(), last_id: 0, seed }
    }

    pub(crate) fn add(&mut self, fault: Fault, outcomes: &Outcomes) -> Result<ArmedFault, Error> {
        let outcome = check(&fault, outcomes)?;
        self.last_id += 1;
        let public = ArmedFault { id: self.last_id, hits: 0, remaining: fault.scope.next, fault };
        let random = Random::new(self.seed.wrapping_add(self.last_id));
        self.armed.push(Armed { public: public.clone(), outcome, random });
        Ok(public)
    }

    pub(crate) fn remove(&mut self, id: u64) -> Result<(), Error> {
        let before = self.armed.len();
        self.armed.retain(|armed| armed.public.id != id);
        if self.armed.len() < before { Ok(()) } else { Err(Error::NotFound { id }) }
    }

    pub(crate) fn clear(&mut self) {
        self.armed.clear();
    }

    pub(crate) fn list(&self) -> Vec<ArmedFault> {
        self.armed.iter().map(|armed| armed.public.clone()).collect()
    }

    /// The first fault of this stage that applies to a request for `recipient`. The fault counts the request.
    pub(crate) fn apply(&mut self, stage: Stage, recipient: Option<Msisdn>) -> Option<&Armed> {
        let candidates = self.armed.iter_mut().filter(|armed| armed.public.fault.effect.stage() == stage);
        candidates.into_iter().find_map(|armed| armed.applies_to(recipient).then_some(&*armed))
    }

    /// The sum of the latencies that apply to a request for `recipient`.
    pub(crate) fn delay(&mut self, recipient: Option<Msisdn>) -> Duration {
        let mut delay = Duration::ZERO;
        for armed in &mut self.armed {
            if let Effect::Latency { fixed, jitter } = armed.public.fault.effect
                && armed.applies_to(recipient)
            {
                delay += Latency { fixed, jitter }.sample(armed.random.fraction());
            }
        }
        delay
    }
}

impl Armed {
    /// Whether the fault applies to a request for `recipient`; if so, the fault counts the request.
    fn applies_to(&mut self, recipient: Option<Msisdn>) -> bool {
        let scope = &self.public.fault.scope;
        let is_in_scope = match &scope.recipients {
            Some(recipients) => recipient.is_some_and(|recipient| recipients.contains(&recipient)),
            None => true,
        };
        let applies = is_in_scope
            && self.public.remaining != Some(0)
            && scope.probability.is_none_or(|probability| self.random.fraction() < probability);
        if applies {
            self.public.hits += 1;
            self.public.remaining = self.public.remaining.map(|remaining| remaining - 1);
        }
        applies
    }
}

fn check(fault: &Fault, outcomes: &Outcomes) -> Result<OutcomeId, Error> {
    if fault.scope.probability.is_some_and(|probability| !(0.0..=1.0).contains(&probability)) {
        return Err(Error::invalid("a probability must be between 0 and 1"));
    }
    match &fault.effect {
        Effect::Refuse { outcome, .. } => outcomes.refusal(outcome),
        Effect::Garbage { status, .. } if !(200..600).contains(status) => {
            Err(Error::invalid("the status of garbage must be between 200 and 599"))
        }
        Effect::Garbage { .. } => Ok(outcomes.garbled()),
        Effect::Redirect { location } if hyper::header::HeaderValue::from_str(location).is_err() => {
            Err(Error::invalid("the location of a redirect must be a valid header value"))
        }
        _ => Ok(outcomes.redirected()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::kaleyra;
    use crate::{Garbage, Scope};

    fn faults(scope: Scope) -> Injector {
        let mut faults = Injector::new(42);
        faults.add(Fault { effect: Effect::Hang {}, scope }, &Outcomes::new(kaleyra::outcomes())).unwrap();
        faults
    }

    #[test]
    fn a_probability_applies_as_often_as_it_says_and_the_same_with_the_same_seed() {
        let run = || {
            let mut faults = faults(Scope::probability(0.25));
            (0..10_000).map(|_| faults.apply(Stage::Delivery, None).is_some()).collect::<Vec<_>>()
        };
        let hits = run().into_iter().filter(|&hit| hit).count();
        assert!((2_300..=2_700).contains(&hits), "{hits} of 10000");
        assert_eq!(run(), run());
    }

    #[test]
    fn all_conditions_of_a_scope_must_hold() {
        let anna = Msisdn::parse("254700000001");
        let bela = Msisdn::parse("254700000002");
        let mut faults = faults(Scope { next: Some(1), ..Scope::recipients(anna) });
        assert!(faults.apply(Stage::Delivery, bela).is_none());
        assert!(faults.apply(Stage::Refusal, anna).is_none());
        assert!(faults.apply(Stage::Delivery, anna).is_some());
        assert!(faults.apply(Stage::Delivery, anna).is_none());
        assert_eq!(faults.list().first().map(|fault| (fault.hits, fault.remaining)), Some((1, Some(0))));
    }

    #[test]
    fn refuses_a_fault_that_can_never_apply() {
        let outcomes = Outcomes::new(kaleyra::outcomes());
        let refuse =
            |outcome: &str| Effect::Refuse { outcome: outcome.into(), retry_after_s: None, accepted: false };
        let wrong = [
            (refuse("WA-401"), Scope::default()),
            (refuse("WA202"), Scope::default()),
            (refuse("accepted"), Scope::default()),
            (Effect::Hang {}, Scope::probability(1.5)),
            (Effect::Hang {}, Scope::probability(f64::NAN)),
            (Effect::Garbage { body: Garbage::Text, status: 99 }, Scope::default()),
        ];
        for (effect, scope) in wrong {
            let fault = Fault { effect, scope };
            assert!(Injector::new(1).add(fault.clone(), &outcomes).is_err(), "{fault:?}");
        }
        assert!(
            Injector::new(1)
                .add(Fault { effect: refuse("E110"), scope: Scope::default() }, &outcomes)
                .is_ok()
        );
    }
}
