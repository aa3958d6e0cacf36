//! What can go wrong with the store, by what the caller can do.

use std::error::Error as StdError;

use campaign::CampaignId;
use tokio_postgres::error::{DbError, SqlState};

use crate::db::sqlstate::{Fault, Kind, kind, sentence};

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Postgres cannot be reached, is starting, overloaded, read-only or took too long. Try again later; whether the last
    /// statement was carried out is not known.
    #[error("{reason}")]
    Unavailable {
        /// What failed, why, and what to do, without address and data.
        reason: String,
        /// The failure below.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A right, the user, the password or the database is missing: an operator has to change something, and then the same
    /// call may succeed.
    #[error("{reason}")]
    Denied {
        /// What is denied and what to do, without address and data.
        reason: String,
        /// The failure below.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
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
    /// Postgres refused a statement or one of its values, and would refuse it again. Values are not in the text.
    #[error("PostgreSQL refused {what} ({code}); please report this")]
    Refused {
        /// The SQLSTATE.
        code: String,
        /// The statement, or the table, column and constraint of the value.
        what: String,
        /// Whether it is a value that is refused: the same call without it may succeed.
        is_value: bool,
    },
    /// A stored value that this program does not understand: it is older than the database.
    #[error("a stored value is not understood: {0}")]
    Unreadable(String),
}

/// What is kept of an error of PostgreSQL: nothing that may hold a value. Its DETAIL has whole rows ("Failing row contains …"), its
/// CONTEXT lines of a list, and both would be written with the chain of causes or by `Debug`.
#[derive(Debug, thiserror::Error)]
#[error("SQLSTATE {code}{at}")]
pub(crate) struct Cause {
    code: String,
    /// The function of PostgreSQL that raised it.
    at: String,
}

impl Cause {
    pub(crate) fn of(found: &DbError) -> Self {
        let at = found.routine().map(|routine| format!(" from {routine}")).unwrap_or_default();
        Self { code: found.code().code().to_owned(), at }
    }
}

/// A cause without values: of an error of PostgreSQL its code, any other error as it is.
pub(crate) fn cause(error: tokio_postgres::Error) -> Box<dyn StdError + Send + Sync> {
    match error.as_db_error() {
        Some(found) => Cause::of(found).into(),
        None => error.into(),
    }
}

impl Error {
    /// Whether the same call may succeed later. Everything that is not a fault of the call itself may.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Denied { .. } | Self::Schema(_) => true,
            Self::NotFound(_)
            | Self::Conflict(_)
            | Self::Known(_)
            | Self::Invalid(_)
            | Self::Refused { .. }
            | Self::Unreadable(_) => false,
        }
    }

    /// Whether one of the rows of a call with many may be to blame: without that row the others may succeed.
    pub fn may_be_of_one_row(&self) -> bool {
        match self {
            Self::Refused { is_value, .. } => *is_value,
            Self::Unreadable(_) => true,
            // A page that cannot be read is one of many.
            Self::Unavailable { source, .. } => {
                source.downcast_ref::<Cause>().is_some_and(|cause| cause.code.starts_with("XX"))
            }
            Self::Denied { .. }
            | Self::NotFound(_)
            | Self::Conflict(_)
            | Self::Known(_)
            | Self::Invalid(_)
            | Self::Schema(_) => false,
        }
    }

    /// There is no campaign with this id.
    pub(crate) fn no_campaign(id: CampaignId) -> Self {
        Self::NotFound(format!("campaign {id}; see 'flowcast campaign list'"))
    }

    pub(crate) fn unreadable(error: impl std::fmt::Display) -> Self {
        Self::Unreadable(error.to_string())
    }

    /// Whether the database refused the values of a row. The same row is refused every time; other rows may be stored.
    pub fn is_of_a_row(&self) -> bool {
        matches!(self, Self::Refused { is_value: true, .. })
    }

    pub(crate) fn unavailable(
        reason: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::Unavailable { reason: reason.into(), source: source.into() }
    }

    /// Why no connection was made.
    pub(crate) fn connecting(error: tokio_postgres::Error) -> Self {
        if error.as_db_error().is_some() {
            return match Self::from(error) {
                // There is no statement yet that could be wrong.
                Self::Refused { code, what, .. } => {
                    let reason = format!("PostgreSQL refused the connection ({code}); look into its log");
                    Self::unavailable(reason, what)
                }
                other => other,
            };
        }
        let text = error.to_string();
        let cause = StdError::source(&error).map(ToString::to_string).unwrap_or_default();
        match text.as_str() {
            "invalid configuration" => Self::Invalid(format!("DATABASE_URL cannot be used: {cause}")),
            "authentication error" => {
                let reason = format!("PostgreSQL and DATABASE_URL do not agree on how to log in: {cause}");
                Self::Denied { reason, source: error.into() }
            }
            "error performing TLS handshake" if cause.contains("not support") => {
                let reason = "PostgreSQL does not offer TLS, and DATABASE_URL asks for it with sslmode";
                Self::Denied { reason: reason.into(), source: error.into() }
            }
            "error performing TLS handshake" => {
                let reason = format!(
                    "no TLS connection to PostgreSQL was made: {cause}; name the file with its root certificate in \
                     DATABASE_URL with sslrootcert, or look what its certificate is issued for"
                );
                Self::unavailable(reason, error)
            }
            _ if cause.contains("does not allow writes") => {
                let reason =
                    "none of the servers in DATABASE_URL can be written to, as target_session_attrs asks for";
                Self::unavailable(reason, error)
            }
            _ => {
                let reason =
                    "PostgreSQL cannot be reached; look whether it runs and whether DATABASE_URL is right";
                Self::unavailable(reason, error)
            }
        }
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(found) = error.as_db_error() else { return without_code(error) };
        let fault = Fault::of(found);
        let refused = |what: String, is_value| Self::Refused { code: fault.code.to_owned(), what, is_value };
        match kind(fault) {
            Kind::Schema => {
                Self::Schema("the tables are missing or of an older version; run 'flowcast migrate'".into())
            }
            // The message, unlike those of values, holds nothing but names.
            Kind::Statement => refused(format!("a statement: {}", fault.says), false),
            Kind::Data => {
                let names = [found.table(), found.column(), found.constraint()];
                let names: Vec<&str> = names.into_iter().flatten().collect();
                let of = if names.is_empty() { String::new() } else { format!(" of {}", names.join(", ")) };
                refused(format!("a value{of}"), true)
            }
            Kind::Denied => Self::Denied { reason: sentence(fault), source: Cause::of(found).into() },
            Kind::Trouble => Self::Unavailable { reason: sentence(fault), source: Cause::of(found).into() },
        }
    }
}

/// An error that did not come from PostgreSQL. What this program cannot write or read is the fault of a value.
fn without_code(error: tokio_postgres::Error) -> Error {
    let text = error.to_string();
    let is_value =
        ["error serializing", "error deserializing", "invalid column", "query returned", "expected "];
    if is_value.iter().any(|start| text.starts_with(start)) {
        return Error::Unreadable(text);
    }
    Error::unavailable("the connection to PostgreSQL was lost", error)
}

/// Whether a statement failed because a table of its campaign is not there: nobody was imported yet, or it is archived.
pub(crate) fn is_without_table(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::UNDEFINED_TABLE)
}

impl From<deadpool::managed::PoolError<tokio_postgres::Error>> for Error {
    fn from(error: deadpool::managed::PoolError<tokio_postgres::Error>) -> Self {
        use deadpool::managed::{PoolError, TimeoutType};
        match error {
            PoolError::Backend(error) => Self::connecting(error),
            PoolError::Timeout(TimeoutType::Wait) => {
                let reason = "all connections of this process to PostgreSQL are in use; raise [postgres] connections, or \
                              look what PostgreSQL is busy with";
                Self::unavailable(reason, error)
            }
            PoolError::Timeout(TimeoutType::Create | TimeoutType::Recycle) => {
                Self::unavailable("PostgreSQL did not answer in time when a connection was made", error)
            }
            PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                Self::unavailable("the connection pool is closed", error)
            }
        }
    }
}
