//! Recipients whose 24-hour window is closed.

use std::collections::HashSet;

use serde::Deserialize;

use crate::Msisdn;

/// Recipients whose 24-hour window is closed: free-form flows to them are refused, templates are not. `Default` is no such recipient.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClosedWindows {
    /// The recipients.
    pub recipients: HashSet<Msisdn>,
    /// How the refusal is reported; default in the answer.
    pub reported: WindowReport,
}

/// How a provider reports a closed window. Kaleyra documents no such answer and reports it in a receipt only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowReport {
    /// The request is refused.
    #[default]
    Answer,
    /// The message is accepted, and a receipt reports later that it failed, with Meta's 131047.
    Receipt,
}
