//! Why a Flow JSON cannot be used.

use crate::flow_json::{MAX_FLOW_JSON, MOST_SCREENS};

/// Why a Flow JSON cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FlowJsonError {
    /// It is longer than [`MAX_FLOW_JSON`].
    #[error(
        "the Flow JSON is longer than {} KiB; take the pictures out of it (src of Image), they are not shown here",
        MAX_FLOW_JSON / 1024
    )]
    TooLong,
    /// It contains the character U+0000.
    #[error("the Flow JSON contains the character U+0000; take it out")]
    Nul,
    /// It is no JSON, or too deeply nested.
    #[error("the file is not JSON: {0}; export the flow again in WhatsApp Manager")]
    Json(#[from] serde_json::Error),
    /// It lacks `version` or `screens`.
    #[error(
        "the file is JSON, but no Flow JSON: it has no version or no screens; export the flow in WhatsApp Manager"
    )]
    NotAFlow,
    /// It has no screen, or too many.
    #[error("the Flow JSON has {0} screens; a flow has 1 to {MOST_SCREENS}")]
    Screens(usize),
    /// Two screens have one id.
    #[error("the Flow JSON has two screens {0}; give each screen its own id")]
    Twice(String),
    /// A part is not as it must be.
    #[error("{place}: {reason}")]
    Part {
        /// Where, such as `screens[2].layout.children[0]`.
        place: String,
        /// What is wrong and what to write.
        reason: &'static str,
    },
}
