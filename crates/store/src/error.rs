//! What can go wrong with the store, by what the caller can do.

use tokio_postgres::error::SqlState;

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Postgres cannot be reached, is starting, overloaded or took too long. Try again later; whether the last
    /// statement was carried out is not known.
    #[error("postgres is not available: {reason}")]
    Unavailable {
        /// What failed, without address and data.
        reason: &'static str,
        /// The failure below.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is no such thing.
    #[error("there is no {0}")]
    NotFound(String),
    /// It cannot be done as things stand; the text says why and what to do.
    #[error("{0}")]
    Conflict(String),
    /// It was done before; whether it is to be done again is asked.
    #[error("{0}")]
    Known(String),
    /// The address or the setting given is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The tables are missing or of another version: run `flowcast migrate`, or update this program.
    #[error("{0}")]
    Schema(String),
    /// The database refused a statement, which is a fault of this program.
    #[error("the database refused a statement ({code}); please report this")]
    Refused {
        /// The SQLSTATE.
        code: String,
        /// The failure below.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A stored value that this program does not understand: it is older than the database.
    #[error("a stored value is not understood: {0}")]
    Unreadable(String),
}

impl Error {
    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    pub(crate) fn unreadable(error: impl std::fmt::Display) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(state) = error.code() else {
            return Self::Unavailable { reason: "the connection was lost", source: error.into() };
        };
        match state {
            &SqlState::UNDEFINED_TABLE
            | &SqlState::UNDEFINED_COLUMN
            | &SqlState::UNDEFINED_FUNCTION
            | &SqlState::INVALID_SCHEMA_NAME => {
                Self::Schema("the tables are missing or of an older version; run 'flowcast migrate'".into())
            }
            &SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                Self::Invalid("postgres refused user or password; check DATABASE_URL".into())
            }
            &SqlState::INVALID_CATALOG_NAME => {
                Self::Invalid("postgres has no such database; check DATABASE_URL or create it".into())
            }
            state if is_transient(state) => Self::Unavailable { reason: reason(state), source: error.into() },
            state => Self::Refused { code: state.code().to_owned(), source: error },
        }
    }
}

/// Whether a statement failed because a table of its campaign is not there: nobody was imported yet, or it is archived.
pub(crate) fn is_without_table(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::UNDEFINED_TABLE)
}

/// Connection trouble (08), resources (53), interventions (57, with statement time-outs), system errors (58),
/// serialization failures and deadlocks (40), lock not available (55P03).
fn is_transient(state: &SqlState) -> bool {
    let code = state.code();
    ["08", "53", "57", "58", "40", "55"].iter().any(|class| code.starts_with(class))
}

/// What a person can see to.
fn reason(state: &SqlState) -> &'static str {
    match *state {
        SqlState::DISK_FULL => "its disk is full, make room there",
        SqlState::TOO_MANY_CONNECTIONS => "it takes no more connections, raise max_connections there",
        SqlState::QUERY_CANCELED => "a statement took too long",
        _ => "it refused for the moment",
    }
}

impl From<deadpool_postgres::PoolError> for Error {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        use deadpool_postgres::PoolError;
        match error {
            PoolError::Backend(error) if error.code().is_none() => Self::Unavailable {
                reason: "it cannot be reached; look whether it runs and whether DATABASE_URL is right",
                source: error.into(),
            },
            PoolError::Backend(error) => match Self::from(error) {
                Self::Refused { source, .. } => {
                    Self::Unavailable { reason: "it refused the connection", source: source.into() }
                }
                other => other,
            },
            PoolError::Timeout(_) => Self::Unavailable {
                reason: "no connection became free or was made in time",
                source: error.into(),
            },
            PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                Self::Unavailable { reason: "the connection pool is closed", source: error.into() }
            }
        }
    }
}
