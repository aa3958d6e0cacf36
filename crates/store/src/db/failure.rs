//! Why a host accepted no connection, and the error if none of several hosts did.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use certificates::ClientCertificate;

use crate::db::error::{Error, UNREACHABLE};
use crate::db::sqlstate::{Fault, sentence};

/// How the driver names its error if a connection was lost.
const LOST: &str = "error communicating with the server";
/// How the driver names its error if it made no connection.
const NOT_CONNECTED: &str = "error connecting to server";

/// Why a host accepted no connection.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It did not answer within this time.
    Silent(Duration),
    /// The error of the driver.
    Driver(tokio_postgres::Error),
    /// The connection was lost after PostgreSQL had asked for the client certificate. With TLS 1.3 that may be a refusal.
    Lost(tokio_postgres::Error),
    /// Its name cannot be resolved.
    Unresolved(std::io::Error),
    /// A file of certificates cannot be read now, although it could be read at the start.
    Unusable(certificates::Unusable),
}

impl Failure {
    /// What an error of the driver means for a connection with this client certificate.
    pub(crate) fn of(error: tokio_postgres::Error, certificate: &ClientCertificate) -> Self {
        let is_lost = error.is_closed() || error.to_string() == LOST;
        if is_lost && certificate.is_set() && certificate.was_asked_for() {
            Self::Lost(error)
        } else {
            Self::Driver(error)
        }
    }

    /// Whether a server answered.
    pub(crate) fn is_answer(&self) -> bool {
        match self {
            Self::Silent(_) | Self::Unresolved(_) | Self::Unusable(_) => false,
            Self::Lost(_) => true,
            Self::Driver(error) => error.to_string() != NOT_CONNECTED || is_read_only(&cause(error)),
        }
    }
}

/// What the driver says besides that it failed.
fn cause(error: &tokio_postgres::Error) -> String {
    StdError::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

fn is_read_only(cause: &str) -> bool {
    cause.contains("does not allow writes")
}

/// Why none of these hosts accepted a connection. The address of a host is not secret; nothing else of `DATABASE_URL` is named.
pub(crate) fn no_server(mut failures: Vec<(String, Failure)>) -> Error {
    if failures.len() == 1
        && let Some((_, failure)) = failures.pop()
    {
        return match failure {
            Failure::Driver(error) => Error::connecting(error),
            Failure::Lost(error) => Error::certificate_refused(error),
            Failure::Silent(_) => Error::silent(),
            Failure::Unresolved(error) => Error::unavailable(UNREACHABLE, error),
            Failure::Unusable(error) => Error::unavailable(error.to_string(), error),
        };
    }
    let each: Vec<String> = failures.iter().map(|(name, failure)| format!("{name} {failure}")).collect();
    let reason = format!("no host in DATABASE_URL can be used: {}", each.join("; "));
    let errors = failures.into_iter().map(|(_, failure)| match failure {
        Failure::Driver(error) => Error::connecting(error),
        Failure::Lost(error) => Error::certificate_refused(error),
        Failure::Silent(_) | Failure::Unresolved(_) | Failure::Unusable(_) => Error::silent(),
    });
    // A host that can be reached may deny what every other one would deny; a host that cannot be reached may come back.
    let mut denied = None;
    for error in errors {
        match error {
            Error::Denied { source, .. } => denied = Some(source),
            Error::Invalid(_) => return error,
            other => return Error::unavailable(reason, other),
        }
    }
    match denied {
        Some(source) => Error::Denied { reason, source },
        None => Error::unavailable(reason, "no host"),
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(limit) => write!(f, "did not answer within {limit:?}"),
            Self::Unresolved(error) => write!(f, "cannot be resolved: {error}"),
            Self::Unusable(error) => write!(f, "is not tried: {error}"),
            Self::Lost(error) => {
                write!(f, "failed after it asked for the client certificate: {}", cause(error))
            }
            Self::Driver(error) => match error.as_db_error() {
                Some(found) => write!(f, "refused: {}", sentence(Fault::of(found))),
                None => match cause(error) {
                    cause if is_read_only(&cause) => f.write_str("is read-only, as a standby is"),
                    cause => write!(f, "failed: {cause}"),
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(says: &str) -> Failure {
        Failure::Unresolved(std::io::Error::other(says.to_owned()))
    }

    #[test]
    fn each_of_several_hosts_is_named_with_what_failed() {
        let silent = Failure::Silent(Duration::from_secs(2));
        let error =
            no_server(vec![("one:5432".into(), silent), ("two:5433".into(), resolved("no such name"))]);
        assert_eq!(
            error.to_string(),
            "no host in DATABASE_URL can be used: one:5432 did not answer within 2s; two:5433 cannot be resolved: no such name"
        );
        assert!(error.is_transient());
    }

    #[test]
    fn the_only_host_is_not_named() {
        assert_eq!(no_server(vec![("one:5432".into(), resolved("no"))]).to_string(), UNREACHABLE);
    }
}
