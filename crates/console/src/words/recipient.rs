//! States of recipients.

use campaign::RecipientState;
use control::CampaignReport;

/// The label of a state.
pub(crate) fn label(state: RecipientState) -> &'static str {
    match state {
        RecipientState::Pending => "Waiting",
        RecipientState::Sending => "Sending",
        RecipientState::Retry => "Waiting for a retry",
        RecipientState::Accepted => "Accepted",
        RecipientState::Failed => "Failed",
        RecipientState::Unknown => "Unconfirmed",
        RecipientState::Skipped => "Skipped",
        RecipientState::Expired => "Expired",
        RecipientState::Cancelled => "Canceled",
    }
}

/// What a state means.
pub(crate) fn meaning(state: RecipientState) -> &'static str {
    match state {
        RecipientState::Pending => "not sent yet",
        RecipientState::Sending => "a worker is sending the message",
        RecipientState::Retry => "not accepted for now; tried again later",
        RecipientState::Accepted => "the provider accepted the message",
        RecipientState::Failed => "the provider refused the message",
        RecipientState::Unknown => "may have been delivered; never resent automatically",
        RecipientState::Skipped => "opted out, suppressed, or the 24-hour window is closed",
        RecipientState::Expired => "the deadline passed before the message was sent",
        RecipientState::Cancelled => "the campaign was ended before the message was sent",
    }
}

/// How many recipients of a campaign are in a state.
pub(crate) fn count(report: &CampaignReport, state: RecipientState) -> i64 {
    match state {
        RecipientState::Pending => report.pending,
        RecipientState::Sending => report.sending,
        RecipientState::Retry => report.retry,
        RecipientState::Accepted => report.accepted,
        RecipientState::Failed => report.failed,
        RecipientState::Unknown => report.unknown,
        RecipientState::Skipped => report.skipped,
        RecipientState::Expired => report.expired,
        RecipientState::Cancelled => report.cancelled,
    }
}

/// What can be done about messages that were not accepted or not delivered, by the class of `report.error`.
pub(crate) fn advice(class: &str) -> &'static str {
    match class {
        "failed" => "Correct the cause, then retry these recipients",
        "undelivered" => "Retry later; remove numbers that are never reached",
        "unknown" => "Wait for delivery receipts, then resolve the rest",
        "retry" => "Retried automatically",
        "throttled" => "Retried automatically, at a lower rate",
        "held" => "Sent when the stop ends; no attempt was used",
        _ => "See the log",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_state_has_its_own_label_and_meaning() {
        let labels: BTreeSet<&str> = RecipientState::ALL.iter().map(|state| label(*state)).collect();
        let meanings: BTreeSet<&str> = RecipientState::ALL.iter().map(|state| meaning(*state)).collect();
        assert_eq!((labels.len(), meanings.len()), (RecipientState::ALL.len(), RecipientState::ALL.len()));
    }

    #[test]
    fn every_class_of_an_outcome_has_an_advice() {
        // The classes of attempts in migrations/V4__recipients.sql, and the one of receipts.
        for class in ["retry", "throttled", "failed", "unknown", "held", "undelivered"] {
            assert_ne!(advice(class), "See the log", "{class}");
        }
    }
}
