//! Codes of reasons that are Flowcast's own and not a provider's, with their texts.

use crate::states::stop::StopReason;

/// Every code of Flowcast that a recipient, an attempt or a receipt may have as its reason, except the words of `StopReason` and
/// `http_NNN`, with the text that reports show. The database has the same texts (`reason_words`); a test of the store compares them.
pub(crate) const OWN_CODES: &[(&str, &str)] = &[
    (
        "worker_died",
        "the worker died between sending and recording; the provider may have accepted the message",
    ),
    (
        "claim_lost",
        "the claim of the recipient is lost, for example because PostgreSQL failed over; the provider may have accepted the message",
    ),
    (
        "backup_restored",
        "the database was restored from a backup; the message may have been sent after the backup",
    ),
    ("resent", "the recipient is sent to again"),
    ("template_next", "the 24-hour window was closed when the flow arrived; the template is sent next"),
    ("attempts_used_up", "the outcome was unknown, and no attempt was left"),
    ("unknown_given_up", "the outcome was unknown, and the recipient was given up"),
    ("deadline", "the deadline of the campaign passed before the message was sent"),
    ("campaign_cancelled", "the campaign was cancelled"),
    ("suppressed", "suppressed by an operator"),
    ("opted_out", "the person opted out"),
    ("erased", "the phone number was erased"),
    ("recipient_hours", "it is outside the sending hours at the recipient; the message is sent later"),
    ("hours_over", "the sending hours ended before the message was sent"),
    (
        "had_enough",
        "the provider withholds messages to this person for a day (Meta 131049); the message is sent later",
    ),
    ("pair_limit", "another message to this recipient was sent moments ago; WhatsApp requires a pause"),
    ("slot_missed", "the worker was suspended and missed its departure slot"),
    ("lease_ended", "the worker was suspended until its lease ended; nothing was sent"),
    ("window_closed", "the 24-hour window is closed, and the campaign has no template"),
    ("variable_missing", "a variable of the message is missing or empty in the row"),
    ("text_too_long", "a text of the message with its variables is longer than WhatsApp allows"),
    ("text_over_limit", "filling in a text of the message takes too many steps or gives too long a text"),
    ("text_faulty", "a text of the message uses something that the template language does not have"),
    (
        "line_break_in_variable",
        "a variable of the template contains a line break, a tab or more than four consecutive spaces",
    ),
    ("link_not_web_address", "the address of the template's picture, video or document is not a web address"),
    ("emoji_in_button", "the text of the button contains an emoji"),
    ("claim_unanswered", "PostgreSQL did not answer the claim; nothing was sent"),
    ("worker_stopping", "the worker was stopped before the message was sent"),
    ("opened_again", "the sender or the campaign was stopped and started again before the message was sent"),
    ("connect_failed", "the provider cannot be reached; nothing was sent"),
    ("connect_timeout", "the provider did not accept the connection in time; nothing was sent"),
    ("dns_failed", "the host name of the provider cannot be resolved; nothing was sent"),
    ("tls_failed", "the TLS connection to the provider failed; nothing was sent"),
    (
        "bad_certificate",
        "the TLS certificate at the sender's base URL is invalid or not the provider's; nothing was sent",
    ),
    (
        "client_certificate",
        "the sender's base URL requires a client certificate, or refuses that of [http] cert_file; nothing was sent",
    ),
    ("request_not_built", "the request could not be built; nothing was sent"),
    ("timeout", "the provider did not answer completely in time; it may have accepted the message"),
    (
        "connection_lost",
        "the connection broke before a complete answer; the provider may have accepted the message",
    ),
    (
        "answer_too_large",
        "the answer is too long to be the provider's; the provider may have accepted the message",
    ),
    ("no_message_id", "the provider's answer is a success without a message id"),
    ("contradictory_answer", "the provider's answer is a success and an error at once"),
    ("refused", "the provider refused with an error that is not in the table of its errors"),
    ("failed", "not delivered, for a reason that is not in the table of the provider's errors"),
    ("queued", "queued by the provider without a message id; the message may be sent later"),
    ("flow_by_name", "1msg knows flows by id only; write flow_id in the campaign file"),
    (
        "not_at_this_provider",
        "the provider cannot send such a message; 'flowcast campaign check' says what to change",
    ),
];

/// The text of a stop.
const fn stop_text(reason: StopReason) -> &'static str {
    match reason {
        StopReason::LowBalance => "the account at the provider has no money left",
        StopReason::Payment => "the provider waits for a payment or has no payment method",
        StopReason::BadCredentials => "the API key or the account id of the sender is wrong",
        StopReason::SenderNotAllowed => {
            "the number does not belong to this account, or the account may not use this API"
        }
        StopReason::Misconfigured => "the sender's base URL is not the provider's",
        StopReason::DailyLimit => "the provider's daily message limit is used up",
        StopReason::ProviderDown => "the provider answered no request",
        StopReason::DailyCap => "the sender's daily cap is used up",
        StopReason::PolicyHold => "the provider restricts the number because of spam or its policy",
        StopReason::TooManyRefusals => "many refusals in a row; the message itself is probably wrong",
        StopReason::TemplateFault => "the template is missing, paused or disabled at the provider",
        StopReason::FlowFault => "the flow is blocked, throttled or broken at the provider",
        StopReason::DatabaseFailedOver => {
            "the database is not the one that was confirmed: it failed over or was restored"
        }
        StopReason::Operator => "an operator stopped the sender or the campaign",
    }
}

/// Every code of Flowcast with its text, codes of stops included.
pub fn own_codes() -> impl Iterator<Item = (&'static str, &'static str)> {
    let stops = StopReason::ALL.iter().map(|reason| (reason.word(), stop_text(*reason)));
    OWN_CODES.iter().copied().chain(stops)
}

/// This code, which has to be one of Flowcast's own. A constant with another code does not compile.
#[expect(clippy::missing_panics_doc, reason = "it is called for constants, where it does not compile")]
pub const fn own_code(code: &'static str) -> &'static str {
    assert!(text_of(code).is_some(), "the code is not in the list of reason_codes.rs");
    code
}

/// The text of a code of Flowcast.
pub(crate) const fn text_of(code: &str) -> Option<&'static str> {
    let mut at = 0;
    while at < OWN_CODES.len() {
        let (own, text) = OWN_CODES[at];
        if is_same(own.as_bytes(), code.as_bytes()) {
            return Some(text);
        }
        at += 1;
    }
    None
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
        assert!(text_of("timeout").is_some() && text_of("worker_stopping").is_some());
        assert!(text_of("time").or(text_of("timeouts")).or(text_of("")).is_none());
    }
}
