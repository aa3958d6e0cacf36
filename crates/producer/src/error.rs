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
    /// The list with its errors cannot be written.
    #[error("{} cannot be written: {source}", path.display())]
    Unwritable {
        /// Where it was to be.
        path: std::path::PathBuf,
        /// The failure below.
        #[source]
        source: std::io::Error,
    },
    /// The list is imported, and the file with its errors could not be finished.
    #[error(
        "the list was imported, but {} cannot be written: {source}; the reasons are in report.import_rejection",
        path.display()
    )]
    NotGivenBack {
        /// Where it was to be.
        path: std::path::PathBuf,
        /// The failure below.
        #[source]
        source: std::io::Error,
    },
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The broker did not do it.
    #[error(transparent)]
    Broker(#[from] broker::Error),
}

impl Error {
    /// What cannot be read; where the reader itself says what is wrong with the list, it is the list's fault.
    pub(crate) fn unreadable(source: std::io::Error) -> Self {
        match source.kind() {
            std::io::ErrorKind::InvalidData => Self::BadList(source.to_string()),
            _ => Self::Unreadable { source },
        }
    }
}
