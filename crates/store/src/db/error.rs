//! Errors of the store, by what the caller can do.

use std::error::Error as StdError;

use campaign::CampaignId;
use tokio_postgres::error::{DbError, SqlState};

use crate::db::sqlstate::{Fault, Kind, kind, sentence};

/// PostgreSQL cannot be reached.
pub(crate) const UNREACHABLE: &str =
    "PostgreSQL cannot be reached; check whether it runs, and check DATABASE_URL";
/// How the driver names its error of a time limit.
const TIMED_OUT: &str = "timeout waiting for server";

/// Why a call to the store failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// PostgreSQL is unreachable, starting, overloaded or read-only, or a statement exceeded its time limit. Try again later.
    /// Whether the last statement was executed is unknown.
    #[error("{reason}")]
    Unavailable {
        /// What failed, why, and what to do, without address and data.
        reason: String,
        /// The failure below.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A privilege, the user, the password or the database is missing. An operator has to change that; then the same call may
    /// succeed.
    #[error("{reason}")]
    Denied {
        /// What is denied and what to do, without address and data.
        reason: String,
        /// The failure below.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The object does not exist.
    #[error("there is no {0}")]
    NotFound(String),
    /// The current state does not allow it. The text says why and what to do.
    #[error("{0}")]
    Conflict(String),
    /// It was done before. The caller has to confirm that it is to be done again.
    #[error("{0}")]
    Known(String),
    /// An address or a setting is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The tables are missing or of another version: run `flowcast migrate`, or update this program.
    #[error("{0}")]
    Schema(String),
    /// PostgreSQL refused a statement or a value, and would refuse it again. The text contains no values.
    #[error("PostgreSQL refused {what} ({code}); please report this")]
    Refused {
        /// The SQLSTATE.
        code: String,
        /// The statement, or the table, column and constraint of the value.
        what: String,
        /// Whether a value is refused: the same call without it may succeed.
        is_value: bool,
    },
    /// This program does not understand a stored value: it is older than the database.
    #[error("cannot read a stored value: {0}; update this program if the database is newer")]
    Unreadable(String),
}

/// The parts of a PostgreSQL error that cannot contain a value. DETAIL contains whole rows ("Failing row contains …") and
/// CONTEXT lines of a list; both would be printed with the chain of causes or by `Debug`.
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

/// The cause without values: the code of a PostgreSQL error, or any other error.
pub(crate) fn cause(error: tokio_postgres::Error) -> Box<dyn StdError + Send + Sync> {
    match error.as_db_error() {
        Some(found) => Cause::of(found).into(),
        None => error.into(),
    }
}

impl Error {
    /// Whether the same call may succeed later: every failure that is not a fault of the call.
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

    /// Whether one row of a call with several rows may be the cause, so that the other rows may succeed without it.
    pub fn may_be_of_one_row(&self) -> bool {
        match self {
            Self::Refused { is_value, .. } => *is_value,
            Self::Unreadable(_) => true,
            // A corrupt page affects only some rows.
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
    pub fn no_campaign(id: CampaignId) -> Self {
        Self::NotFound(format!("campaign {id}; see 'flowcast campaign list'"))
    }

    /// There is no sender with this name.
    pub fn no_sender(name: &str) -> Self {
        Self::NotFound(format!("sender '{name}'; see 'flowcast sender list'"))
    }

    /// There is no account with this name.
    pub fn no_account(name: &str) -> Self {
        Self::NotFound(format!("account '{name}'; see 'flowcast account list'"))
    }

    /// There is no API key with this id.
    pub fn no_api_key(id: &str) -> Self {
        Self::NotFound(format!("API key '{id}'; see 'flowcast key list'"))
    }

    /// There is no webhook endpoint with this name.
    pub fn no_endpoint(name: &str) -> Self {
        Self::NotFound(format!("webhook endpoint '{name}'; see 'flowcast webhook-endpoint list'"))
    }

    /// The sender has no flow with this id here.
    pub fn no_flow(sender: &str, flow: &str) -> Self {
        Self::NotFound(format!("flow '{flow}' of sender '{sender}'; see 'flowcast flow list {sender}'"))
    }

    /// The sender has no template with this name and language here.
    pub fn no_template(sender: &str, name: &str, language: &str) -> Self {
        Self::NotFound(format!(
            "template '{name}' ({language}) of sender '{sender}'; see 'flowcast template list {sender}'"
        ))
    }

    /// There is no delivery of this event to this webhook endpoint.
    pub fn no_delivery(endpoint: &str, event: i64) -> Self {
        Self::NotFound(format!(
            "event {event} for webhook endpoint '{endpoint}'; see 'flowcast webhook-endpoint deliveries {endpoint}'"
        ))
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

    /// A connection was not made in time.
    pub(crate) fn silent() -> Self {
        Self::unavailable("PostgreSQL did not answer in time when a connection was made", "time limit")
    }

    /// PostgreSQL refused the client certificate, or closed the connection after it had asked for the certificate.
    pub(crate) fn certificate_refused(error: tokio_postgres::Error) -> Self {
        let cause = StdError::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        let verb =
            if refuses_client(&error) { "refused" } else { "closed the connection and may have refused" };
        let reason = format!(
            "PostgreSQL {verb} the client certificate of sslcert in DATABASE_URL: {cause}; check that the certificate has not expired, and that \
             its issuer is in ssl_ca_file of PostgreSQL"
        );
        Self::unavailable(reason, error)
    }

    /// Why no connection was made.
    pub(crate) fn connecting(error: tokio_postgres::Error) -> Self {
        if error.as_db_error().is_some() {
            return match Self::from(error) {
                // No statement was sent yet that could be wrong.
                Self::Refused { code, what, .. } => {
                    let reason =
                        format!("PostgreSQL refused the connection ({code}); see the PostgreSQL log");
                    Self::unavailable(reason, what)
                }
                other => other,
            };
        }
        let text = error.to_string();
        let cause = StdError::source(&error).map(ToString::to_string).unwrap_or_default();
        match text.as_str() {
            "invalid configuration" => Self::Invalid(format!("DATABASE_URL is invalid: {cause}")),
            "authentication error" => {
                let reason =
                    format!("PostgreSQL and DATABASE_URL require different authentication methods: {cause}");
                Self::Denied { reason, source: error.into() }
            }
            "error performing TLS handshake" if cause.contains("not support") => {
                let reason = "PostgreSQL does not offer TLS, which sslmode in DATABASE_URL requires";
                Self::Denied { reason: reason.into(), source: error.into() }
            }
            "error performing TLS handshake" if refuses_client(&error) => Self::certificate_refused(error),
            "error performing TLS handshake" => {
                let reason = format!(
                    "the TLS connection to PostgreSQL failed: {cause}; name the file with its root certificate in \
                     DATABASE_URL with sslrootcert, or check the host name in its certificate"
                );
                Self::unavailable(reason, error)
            }
            _ if cause.contains("does not allow writes") => {
                let reason = "the server in DATABASE_URL is read-only, and target_session_attrs requires a server that can be written to";
                Self::unavailable(reason, error)
            }
            _ => Self::unavailable(UNREACHABLE, error),
        }
    }
}

/// Whether PostgreSQL does not accept the client certificate.
fn refuses_client(error: &tokio_postgres::Error) -> bool {
    let fault = StdError::source(error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    fault.and_then(certificates::tls_error).is_some_and(certificates::refuses_client)
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
            // The message of a wrong statement contains only names, no values.
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

/// An error that is not from PostgreSQL. A value that this program cannot encode or decode is the fault of the value.
fn without_code(error: tokio_postgres::Error) -> Error {
    let text = error.to_string();
    let is_value =
        ["error serializing", "error deserializing", "invalid column", "query returned", "expected "];
    if is_value.iter().any(|start| text.starts_with(start)) {
        return Error::Unreadable(text);
    }
    if text == TIMED_OUT {
        let reason = "PostgreSQL did not answer a statement within [postgres] answer_timeout, or accepts no log-in any more, so its connection was dropped; check whether \
                      PostgreSQL runs, and whether its synchronous standbys are connected";
        return Error::unavailable(reason, error);
    }
    Error::unavailable("the connection to PostgreSQL was lost", error)
}

/// Whether a table of the campaign is missing: no list was imported yet, or the campaign is archived.
pub(crate) fn is_without_table(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::UNDEFINED_TABLE)
}

impl From<deadpool::managed::PoolError<Self>> for Error {
    fn from(error: deadpool::managed::PoolError<Self>) -> Self {
        use deadpool::managed::{PoolError, TimeoutType};
        match error {
            PoolError::Backend(error) => error,
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
