//! Requests to the provider, and resolutions.

use crate::words::Tone;

/// The outcome of a request, by the word of `report.attempt`.
pub(crate) fn outcome(word: &str) -> (&str, Tone) {
    match word {
        "accepted" => ("Accepted", Tone::Good),
        "retry" => ("Not accepted for now; tried again later", Tone::Warn),
        "throttled" => ("Slowed down by the provider; tried again", Tone::Warn),
        "failed" => ("Refused", Tone::Bad),
        "unknown" => ("No answer; may have been accepted", Tone::Warn),
        "held" => ("Not tried: the sender was stopped", Tone::Warn),
        other => (other, Tone::Quiet),
    }
}

/// What a recipient became by a resolution.
pub(crate) fn resolved(state: &str) -> &str {
    match state {
        "retry" => "sent again",
        "failed" => "given up",
        "accepted" => "accepted",
        other => other,
    }
}
