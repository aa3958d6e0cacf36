//! Why a client or a channel cannot be made. Sending itself has no error.

/// What is wrong with a setting or a sender; nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting of the HTTP client makes no sense: correct the configuration.
    #[error("whatsapp.{key}: {reason}")]
    Config {
        /// The key below `whatsapp`.
        key: &'static str,
        /// What is wrong and what to write.
        reason: &'static str,
    },
    /// Something about the sender is missing or wrong: correct the sender.
    #[error("sender's {field}: {reason}")]
    Account {
        /// What of the sender.
        field: &'static str,
        /// What is wrong and what to write.
        reason: &'static str,
    },
    /// The HTTP client cannot be built on this machine.
    #[error("the http client cannot be built; check that the ca-certificates package is installed")]
    Client(#[source] reqwest::Error),
}
