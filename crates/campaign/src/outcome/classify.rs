//! Turns a verdict into an outcome: the only place that decides about retries, stops and failures.

use std::borrow::Cow;
use std::time::Duration;

use crate::definition::policy::Policy;
use crate::outcome::retry::backoff;
use crate::outcome::verdict::{Refusal, Verdict};
use crate::states::stop::{StopReason, StopScope};

/// The attempt that is classified.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// The attempt's number for this recipient, from 1. Attempts that are not counted do not increase it.
    pub number: u16,
    /// A random number in `0.0..1.0`, for jitter.
    pub random: f64,
    /// Time until the campaign's deadline, if it has one.
    pub time_left: Option<Duration>,
    /// Whether the attempt probes a closed gate.
    pub is_probe: bool,
    /// Whether the campaign has a template that can be sent instead of the message of this attempt.
    pub has_fallback: bool,
}

/// Why a recipient is in its state, for tables and reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The provider's code or our own.
    pub code: Cow<'static, str>,
    /// The meaning of the code in words.
    pub text: Cow<'static, str>,
}

impl From<Refusal> for Reason {
    fn from(Refusal { code, text }: Refusal) -> Self {
        Self { code, text }
    }
}

/// The result of one attempt, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The provider accepted the message.
    Accepted {
        /// The provider's id of the message.
        provider_message_id: String,
    },
    /// The recipient is due again after this pause.
    Retry {
        /// The pause, from the recording on.
        after: Duration,
        /// Whether the attempt counts against the campaign's `max_attempts`.
        counted: bool,
        /// The reason.
        reason: Reason,
    },
    /// The 24-hour window is closed. The recipient is due again at once, and gets the template of the campaign.
    FallBack {
        /// Whether the attempt counts against the campaign's `max_attempts`.
        counted: bool,
        /// The reason.
        reason: Reason,
    },
    /// The provider answered "too fast". The sender slows down on all workers; the recipient is due again, not counted.
    Throttled {
        /// The pause, from the recording on.
        after: Duration,
        /// The reason.
        reason: Reason,
    },
    /// The recipient becomes `failed`.
    Failed {
        /// The reason.
        reason: Reason,
    },
    /// The provider may have accepted the message.
    Unknown {
        /// Why this is not known.
        reason: Reason,
    },
    /// A gate closes. The recipient becomes `pending` again, not counted.
    Held {
        /// The stop.
        stop: Stop,
        /// The reason.
        reason: Reason,
    },
}

impl Outcome {
    /// The reason for the recipient's state; `None` if the message was accepted.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Accepted { .. } => None,
            Self::Retry { reason, .. }
            | Self::FallBack { reason, .. }
            | Self::Throttled { reason, .. }
            | Self::Failed { reason }
            | Self::Unknown { reason }
            | Self::Held { reason, .. } => Some(reason),
        }
    }
}

/// An order to close a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The sender or the campaign.
    pub scope: StopScope,
    /// The reason of the stop.
    pub reason: StopReason,
}

/// The pause after a throttle answer that names none.
const THROTTLE_PAUSE: Duration = Duration::from_secs(1);

/// Classifies the verdict of an attempt.
pub fn classify(policy: &Policy, attempt: Attempt, verdict: Verdict) -> Outcome {
    match verdict {
        Verdict::Accepted { provider_message_id } => Outcome::Accepted { provider_message_id },
        Verdict::Throttled { refusal, retry_after } => {
            let after = retry_after.unwrap_or(THROTTLE_PAUSE).mul_f64(1.0 + attempt.random);
            Outcome::Throttled { after, reason: refusal.into() }
        }
        Verdict::Retry { refusal, schedule } => retry(policy, attempt, refusal, schedule),
        Verdict::Unknown { refusal } => Outcome::Unknown { reason: refusal.into() },
        Verdict::Rejected { refusal } => Outcome::Failed { reason: refusal.into() },
        Verdict::WindowClosed { refusal } => {
            let has_attempt = attempt.is_probe || attempt.number < policy.max_attempts;
            if attempt.has_fallback && has_attempt {
                Outcome::FallBack { counted: !attempt.is_probe, reason: refusal.into() }
            } else {
                Outcome::Failed { reason: refusal.into() }
            }
        }
        Verdict::StopCampaign { refusal, reason } => held(StopScope::Campaign, reason, refusal),
        Verdict::StopSender { refusal, reason } => held(StopScope::Sender, reason, refusal),
    }
}

/// Counts permanent refusals of one campaign in a row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Refusals {
    in_a_row: u16,
}

impl Refusals {
    /// Counts an outcome, and returns a stop of the campaign when the row reaches its limit. Outcomes that depend on
    /// other causes than the message (retries, closed windows with a template, stops, unknown) neither count nor end the row.
    pub fn note(&mut self, policy: &Policy, outcome: &Outcome) -> Option<Stop> {
        match outcome {
            Outcome::Accepted { .. } => self.in_a_row = 0,
            Outcome::Failed { .. } => self.in_a_row += 1,
            Outcome::Retry { .. }
            | Outcome::FallBack { .. }
            | Outcome::Throttled { .. }
            | Outcome::Unknown { .. }
            | Outcome::Held { .. } => {}
        }
        if self.in_a_row < policy.stop_after_refusals {
            return None;
        }
        self.in_a_row = 0;
        Some(Stop { scope: StopScope::Campaign, reason: StopReason::TooManyRefusals })
    }
}

fn retry(policy: &Policy, attempt: Attempt, refusal: Refusal, schedule: &[Duration]) -> Outcome {
    let used_up = !attempt.is_probe
        && (attempt.number >= policy.max_attempts
            || (!schedule.is_empty() && usize::from(attempt.number) > schedule.len()));
    if used_up {
        return Outcome::Failed { reason: refusal.into() };
    }
    let after = schedule
        .get(usize::from(attempt.number.saturating_sub(1)))
        .copied()
        .unwrap_or_else(|| backoff(policy.retry_base, policy.retry_cap, attempt.number, attempt.random));
    if attempt.time_left.is_some_and(|left| after >= left) {
        return Outcome::Failed { reason: refusal.into() };
    }
    // A probe serves all recipients of the sender, so it uses up no attempt of its own recipient.
    Outcome::Retry { after, counted: !attempt.is_probe, reason: refusal.into() }
}

fn held(scope: StopScope, reason: StopReason, refusal: Refusal) -> Outcome {
    Outcome::Held { stop: Stop { scope, reason }, reason: refusal.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: Refusal = Refusal::new("WA500", "internal error at the provider");
    const SCHEDULE: [Duration; 3] =
        [Duration::from_mins(5), Duration::from_mins(10), Duration::from_mins(15)];

    fn attempt(number: u16) -> Attempt {
        Attempt { number, random: 1.0, time_left: None, is_probe: false, has_fallback: false }
    }

    fn policy(max_attempts: u16) -> Policy {
        Policy { max_attempts, ..Policy::default() }
    }

    #[test]
    fn the_providers_schedule_has_precedence_and_ends_in_failed() {
        let judged: Vec<Outcome> = (1..=4)
            .map(|n| classify(&policy(10), attempt(n), Verdict::Retry { refusal: BUSY, schedule: &SCHEDULE }))
            .collect();
        let retry = |after| Outcome::Retry { after, counted: true, reason: BUSY.into() };
        assert_eq!(
            judged,
            [
                retry(SCHEDULE[0]),
                retry(SCHEDULE[1]),
                retry(SCHEDULE[2]),
                Outcome::Failed { reason: BUSY.into() },
            ]
        );
    }

    #[test]
    fn attempts_used_up_is_failed() {
        let verdict = Verdict::Retry { refusal: BUSY, schedule: &[] };
        assert!(matches!(classify(&policy(2), attempt(1), verdict.clone()), Outcome::Retry { .. }));
        assert!(matches!(classify(&policy(2), attempt(2), verdict), Outcome::Failed { .. }));
    }

    #[test]
    fn a_refused_probe_uses_up_no_attempt() {
        let verdict = Verdict::Retry { refusal: BUSY, schedule: &[] };
        let judged = classify(&policy(2), Attempt { is_probe: true, ..attempt(2) }, verdict);
        assert!(matches!(judged, Outcome::Retry { counted: false, .. }), "{judged:?}");
    }

    #[test]
    fn a_retry_that_would_come_after_the_deadline_is_failed() {
        let verdict = Verdict::Retry { refusal: BUSY, schedule: &SCHEDULE };
        let with = |left| Attempt { time_left: Some(left), ..attempt(1) };
        let judged = classify(&policy(9), with(SCHEDULE[0]), verdict.clone());
        assert_eq!(judged, Outcome::Failed { reason: BUSY.into() });
        let judged = classify(&policy(9), with(SCHEDULE[0] + Duration::from_secs(1)), verdict);
        assert!(matches!(judged, Outcome::Retry { .. }));
    }

    #[test]
    fn a_throttle_counts_no_attempt_and_honors_the_named_pause() {
        let verdict = Verdict::Throttled { refusal: BUSY, retry_after: Some(Duration::from_secs(7)) };
        let Outcome::Throttled { after, .. } = classify(&policy(1), attempt(9), verdict) else {
            panic!("a throttle slows the sender down")
        };
        assert!(after >= Duration::from_secs(7));
    }

    #[test]
    fn an_unknown_outcome_is_never_retried() {
        let outcome = classify(&policy(10), attempt(1), Verdict::Unknown { refusal: BUSY });
        assert_eq!(outcome, Outcome::Unknown { reason: BUSY.into() });
    }

    #[test]
    fn refusals_in_a_row_stop_the_campaign_and_are_counted_from_zero_after_it() {
        let policy = Policy { stop_after_refusals: 3, ..Policy::default() };
        let refused = Outcome::Failed { reason: BUSY.into() };
        let accepted = Outcome::Accepted { provider_message_id: "A".into() };
        let unknown = Outcome::Unknown { reason: BUSY.into() };
        let mut refusals = Refusals::default();
        let stops = [&refused, &refused, &accepted, &refused, &unknown, &refused, &refused, &refused]
            .map(|outcome| refusals.note(&policy, outcome).is_some());
        assert_eq!(stops, [false, false, false, false, false, false, true, false]);
    }

    #[test]
    fn a_closed_window_falls_back_to_the_template_as_a_counted_attempt_if_there_is_one() {
        let judge = |number, has_fallback, is_probe| {
            let verdict = Verdict::WindowClosed { refusal: BUSY };
            classify(&policy(2), Attempt { is_probe, has_fallback, ..attempt(number) }, verdict)
        };
        let fall_back = |counted| Outcome::FallBack { counted, reason: BUSY.into() };
        let failed = Outcome::Failed { reason: BUSY.into() };
        assert_eq!(judge(1, true, false), fall_back(true));
        assert_eq!(judge(2, true, false), failed, "no attempt is left");
        assert_eq!(judge(2, true, true), fall_back(false), "a probe uses up no attempt");
        assert_eq!(judge(1, false, false), failed, "the campaign has no template");
    }

    #[test]
    fn a_stop_holds_the_recipient() {
        let verdict = Verdict::StopSender { refusal: BUSY, reason: StopReason::LowBalance };
        let stop = Stop { scope: StopScope::Sender, reason: StopReason::LowBalance };
        assert_eq!(classify(&policy(1), attempt(1), verdict), Outcome::Held { stop, reason: BUSY.into() });
    }
}
