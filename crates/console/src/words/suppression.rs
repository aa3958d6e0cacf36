//! Reasons of the suppression list.

/// The reason, by its word.
pub(crate) fn reason(word: &str) -> &str {
    match word {
        "opted_out" => "opted out",
        "stopped_by_user" => "stopped by the person at WhatsApp",
        "operator" => "added by a person",
        other => other,
    }
}
