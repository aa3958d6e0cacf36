//! What can go wrong in the producer, by what the caller can do.

use crate::spool::SpoolError;

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
    /// The program that reads workbooks cannot be started. Nothing was stored.
    #[error("the process that reads workbooks cannot be started: {source}")]
    NoReader {
        /// The failure below.
        #[source]
        source: std::io::Error,
    },
    /// The list is not what was expected; the text says what to change in it. Nothing was stored.
    #[error("{0}")]
    BadList(String),
    /// The temporary folder does not take the list. Nothing was stored.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The annotated list cannot be written. Nothing was stored.
    #[error(
        "cannot write the annotated list to {}: {source}; name a file where there is space and permission to write; \
         nothing was imported",
        path.display()
    )]
    Unwritable {
        /// Its path.
        path: std::path::PathBuf,
        /// The failure below.
        #[source]
        source: std::io::Error,
    },
    /// The list is imported, and the annotated list could not be finished.
    #[error(
        "the list was imported, but the annotated list cannot be written to {}: {source}; the reasons are in \
         report.import_rejection",
        path.display()
    )]
    NotGivenBack {
        /// Its path.
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
    /// A failure while a list is read or kept. `InvalidData` is a fault of the list, in the reader's words, and a failure of the
    /// temporary folder is that.
    pub(crate) fn unreadable(source: std::io::Error) -> Self {
        match source.downcast::<SpoolError>() {
            Ok(error) => Self::Spool(error),
            Err(source) if source.kind() == std::io::ErrorKind::InvalidData => {
                Self::BadList(source.to_string())
            }
            Err(source) => Self::Unreadable { source },
        }
    }
}
