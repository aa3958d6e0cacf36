//! Errors of the producer, by what the caller can do.

use crate::spool::SpoolError;

/// Why an operation of the producer failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The list cannot be opened or read. Nothing was stored.
    #[error("the list cannot be read: {source}")]
    Unreadable {
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The process that reads workbooks cannot be started. Nothing was stored.
    #[error("the process that reads workbooks cannot be started: {source}")]
    NoReader {
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The list is not valid; the text says what to change in it. Nothing was stored.
    #[error("{0}")]
    BadList(String),
    /// The list cannot be written to the temporary folder. Nothing was stored.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The annotated list cannot be written. Nothing was stored.
    #[error(
        "cannot write the annotated list to {}: {source}; name a file where there is space and permission to write; \
         nothing was imported",
        path.display()
    )]
    Unwritable {
        /// The path of the file.
        path: std::path::PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The list was imported, but the annotated list could not be finished.
    #[error(
        "the list was imported, but the annotated list cannot be written to {}: {source}; the reasons are in \
         report.import_rejection",
        path.display()
    )]
    NotGivenBack {
        /// The path of the file.
        path: std::path::PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// An error of PostgreSQL.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// An error of RabbitMQ.
    #[error(transparent)]
    Broker(#[from] broker::Error),
}

impl Error {
    /// An error while a list is read or stored. `InvalidData` is a fault of the list, described in the reader's words.
    /// An error of the temporary folder becomes [`Error::Spool`].
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
