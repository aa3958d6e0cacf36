//! What can go wrong in the producer, by what the caller can do.

/// Why the producer did not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The list cannot be opened or read. Nothing was stored.
    #[error("the list cannot be read: {source}")]
    Unreadable {
        /// The failure below.
        #[source]
        source: std::io::Error,
    },
    /// The list is not what was expected; the text says what to change in it. Nothing was stored.
    #[error("{0}")]
    BadList(String),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The broker did not do it.
    #[error(transparent)]
    Broker(#[from] broker::Error),
}
