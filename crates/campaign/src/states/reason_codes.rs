//! Reason codes of Flowcast, as opposed to codes of providers.

use crate::states::stop::StopReason;

/// Every code of Flowcast that a recipient, an attempt or a receipt may have as its reason, except the words of
/// `StopReason` and `http_NNN`. The database function `reason_words` has a text for each.
pub(crate) const OWN_CODES: &[&str] = &[
    "worker_died",
    "backup_restored",
    "resent",
    "attempts_used_up",
    "unknown_given_up",
    "deadline",
    "campaign_cancelled",
    "suppressed",
    "opted_out",
    "erased",
    "recipient_hours",
    "hours_over",
    "had_enough",
    "pair_limit",
    "slot_missed",
    "lease_ended",
    "window_closed",
    "variable_missing",
    "text_too_long",
    "text_over_limit",
    "text_faulty",
    "line_break_in_variable",
    "emoji_in_button",
    "claim_unanswered",
    "worker_stopping",
    "opened_again",
    "connect_failed",
    "connect_timeout",
    "dns_failed",
    "tls_failed",
    "bad_certificate",
    "request_not_built",
    "timeout",
    "connection_lost",
    "answer_too_large",
    "no_message_id",
    "contradictory_answer",
    "refused",
    "failed",
    "queued",
    "flow_by_name",
    "not_at_this_provider",
];

/// Every code of Flowcast for which the database has a text, including the words of `StopReason`.
pub fn own_codes() -> impl Iterator<Item = &'static str> {
    OWN_CODES.iter().copied().chain(StopReason::ALL.iter().map(|reason| reason.word()))
}

/// Returns this code, which must be one of Flowcast's own. A constant with an unlisted code does not compile.
#[expect(clippy::missing_panics_doc, reason = "it is called for constants, where a panic is a compile error")]
pub const fn own_code(code: &'static str) -> &'static str {
    assert!(is_own(code), "the code is not in the list of reason_codes.rs");
    code
}

const fn is_own(code: &str) -> bool {
    let mut at = 0;
    while at < OWN_CODES.len() {
        if is_same(OWN_CODES[at].as_bytes(), code.as_bytes()) {
            return true;
        }
        at += 1;
    }
    false
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_compared_as_whole_words() {
        assert!(is_own("timeout") && is_own("worker_stopping"));
        assert!(!is_own("time") && !is_own("timeouts") && !is_own(""));
    }
}
