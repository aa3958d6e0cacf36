//! Errors of creating a client or a channel. Sending has no error; its result is a verdict.

/// An invalid setting or sender; nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting of the HTTP client is invalid: correct the configuration.
    #[error("http.{key}: {reason}")]
    Config {
        /// The key of the setting.
        key: &'static str,
        /// What is wrong, and what a correct value looks like.
        reason: &'static str,
    },
    /// A part of the sender is missing or invalid: correct the sender.
    #[error("sender's {field}: {reason}")]
    Account {
        /// The part of the sender.
        field: &'static str,
        /// What is wrong, and what a correct value looks like.
        reason: &'static str,
    },
    /// The HTTP client cannot be built on this machine.
    #[error("cannot build the http client; check that the ca-certificates package is installed")]
    Client(#[source] reqwest::Error),
}
