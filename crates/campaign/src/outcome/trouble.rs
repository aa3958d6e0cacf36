//! Detects that a provider is down, before many recipients lose attempts or become `unknown`.

use crate::outcome::classify::{Outcome, Stop};
use crate::states::stop::{StopReason, StopScope};

/// A provider is down after this many requests in a row without an answer.
const TOO_MANY: u16 = 20;

/// Counts consecutive requests of one sender that the provider did not answer.
///
/// While a provider is down, every request uses up an attempt or makes a recipient `unknown`. A closed gate does
/// neither, and probes detect the end of the outage.
#[derive(Clone, Copy, Debug, Default)]
pub struct Troubles {
    epoch: i64,
    in_a_row: u16,
}

impl Troubles {
    /// Counts the end of a request. `epoch` is the epoch of the sender's gate in which the request was claimed.
    /// `answered` says whether any HTTP answer arrived. Returns a stop of the sender when the row reaches its limit.
    /// Requests of an earlier epoch are ignored, because they say nothing about the present.
    pub fn note(&mut self, epoch: i64, outcome: &Outcome, answered: bool) -> Option<Stop> {
        if epoch < self.epoch {
            return None;
        }
        if epoch > self.epoch || !is_trouble(outcome, answered) {
            *self = Self { epoch, in_a_row: 0 };
        }
        if is_trouble(outcome, answered) {
            self.in_a_row += 1;
        }
        if self.in_a_row < TOO_MANY {
            return None;
        }
        self.in_a_row = 0;
        Some(Stop { scope: StopScope::Sender, reason: StopReason::ProviderDown })
    }
}

/// Whether the request had no answer, or an answer that does not tell what became of the message.
fn is_trouble(outcome: &Outcome, answered: bool) -> bool {
    match outcome {
        Outcome::Unknown { .. } => true,
        Outcome::Retry { .. } | Outcome::Failed { .. } => !answered,
        Outcome::Accepted { .. }
        | Outcome::FallBack { .. }
        | Outcome::Throttled { .. }
        | Outcome::Held { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::outcome::verdict::Refusal;

    const LOST: Refusal = Refusal::new("connection_lost", "the connection broke");

    fn unknown() -> Outcome {
        Outcome::Unknown { reason: LOST.into() }
    }

    fn not_left() -> Outcome {
        Outcome::Retry { after: Duration::ZERO, counted: true, reason: LOST.into() }
    }

    /// The number of such requests after which the sender stops.
    fn stops_after(epoch: i64, troubles: &mut Troubles, outcome: &Outcome, answered: bool) -> Option<u16> {
        (1..=TOO_MANY * 2).find(|_| troubles.note(epoch, outcome, answered).is_some())
    }

    #[test]
    fn requests_without_an_answer_stop_the_sender_and_are_counted_from_zero_after_it() {
        let mut troubles = Troubles::default();
        assert_eq!(stops_after(1, &mut troubles, &unknown(), false), Some(TOO_MANY));
        assert_eq!(stops_after(1, &mut troubles, &not_left(), false), Some(TOO_MANY));
        let failed = Outcome::Failed { reason: LOST.into() };
        assert_eq!(stops_after(1, &mut troubles, &failed, false), Some(TOO_MANY));
    }

    #[test]
    fn an_unclear_answer_counts_and_a_clear_answer_does_not() {
        let mut troubles = Troubles::default();
        assert_eq!(stops_after(1, &mut troubles, &unknown(), true), Some(TOO_MANY));
        assert_eq!(stops_after(1, &mut troubles, &not_left(), true), None);
        let failed = Outcome::Failed { reason: LOST.into() };
        assert_eq!(stops_after(1, &mut troubles, &failed, true), None);
    }

    #[test]
    fn one_answer_ends_the_row() {
        let mut troubles = Troubles::default();
        let accepted = Outcome::Accepted { provider_message_id: "A".into() };
        for _ in 0..5 {
            for _ in 1..TOO_MANY {
                assert_eq!(troubles.note(1, &unknown(), false), None);
            }
            assert_eq!(troubles.note(1, &accepted, true), None);
        }
    }

    #[test]
    fn requests_claimed_before_the_stop_do_not_count_after_it() {
        let mut troubles = Troubles::default();
        for _ in 1..TOO_MANY {
            troubles.note(1, &unknown(), false);
        }
        assert_eq!(troubles.note(2, &unknown(), false), None);
        assert_eq!(stops_after(1, &mut troubles, &unknown(), false), None);
        assert_eq!(stops_after(2, &mut troubles, &unknown(), false), Some(TOO_MANY - 1));
    }
}
