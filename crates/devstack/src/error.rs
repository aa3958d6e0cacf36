//! Errors of a stack, by what the caller can do.
//!
//! No message contains a password: addresses are shown as host and port.

use std::io;

use testcontainers::TestcontainersError;

use crate::Service;

/// Why an operation of a stack failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The service is not available in any way: give an address or install something.
    #[error(
        "there is no {service} for this run ({tried}): set {variable}, or start a Docker engine, or run \
         scripts/bootstrap, which installs the Debian packages rabbitmq-server and postgresql",
        variable = service.variable()
    )]
    NothingAvailable {
        /// The service that is missing.
        service: Service,
        /// What was searched for and not found.
        tried: String,
    },
    /// The service was given by its address, so this stack may not stop, kill or restart it: use
    /// [`crate::Stack::private`].
    #[error(
        "{0} was given by its address, so it cannot be stopped or killed here; start the stack with Stack::private"
    )]
    NotOurs(Service),
    /// The service did not answer in time: see the cause, or wait longer.
    #[error("{service} at {address} is not ready after {seconds} seconds")]
    NotReady {
        /// The service.
        service: Service,
        /// Its host and port.
        address: String,
        /// The time that was waited.
        seconds: u64,
        /// The last answer.
        #[source]
        source: Option<Box<Error>>,
    },
    /// The service ended by itself: read its log.
    #[error("{service} did not start ({status}); the end of its log: {log}")]
    DidNotStart {
        /// The service.
        service: Service,
        /// The exit status.
        status: String,
        /// The end of its log.
        log: String,
    },
    /// Processes of the service still exist after they were killed.
    #[error("{0} has processes that cannot be killed")]
    Unkillable(Service),
    /// An address is not valid: correct it.
    #[error("{variable} is not valid: {reason}")]
    Invalid {
        /// The environment variable it comes from.
        variable: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A command of the service, such as `rabbitmqctl`, failed.
    #[error("{command} failed ({status}): {output}")]
    Command {
        /// The command, without its arguments.
        command: String,
        /// The exit status.
        status: String,
        /// The output.
        output: String,
    },
    /// PostgreSQL refused or became unavailable.
    #[error("cannot {doing} in PostgreSQL")]
    Database {
        /// The operation that failed.
        doing: &'static str,
        /// The cause.
        #[source]
        source: tokio_postgres::Error,
    },
    /// RabbitMQ refused or became unavailable.
    #[error("cannot {doing} in RabbitMQ")]
    Broker {
        /// The operation that failed.
        doing: &'static str,
        /// The cause.
        #[source]
        source: Box<lapin::Error>,
    },
    /// The Docker engine refused.
    #[error("cannot {doing} a container")]
    Container {
        /// The operation that failed.
        doing: &'static str,
        /// The cause.
        #[source]
        source: Box<TestcontainersError>,
    },
    /// An answer did not arrive in time.
    #[error("timed out while trying to {doing}")]
    TimedOut {
        /// The operation that failed.
        doing: &'static str,
    },
    /// The operating system refused.
    #[error("cannot {doing}")]
    System {
        /// The operation that failed.
        doing: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Whether the service did not start because another program took one of its ports after the port was found free.
    pub(crate) fn is_port_taken(&self) -> bool {
        let taken = ["already_used", "eaddrinuse", "Address already in use"];
        matches!(self, Self::DidNotStart { log, .. } if taken.iter().any(|words| log.contains(words)))
    }

    /// An operating system error during `doing`.
    pub(crate) fn system(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { doing, source }
    }

    /// A PostgreSQL error during `doing`.
    pub(crate) fn database(doing: &'static str) -> impl FnOnce(tokio_postgres::Error) -> Self {
        move |source| Self::Database { doing, source }
    }

    /// A RabbitMQ error during `doing`.
    pub(crate) fn broker(doing: &'static str) -> impl FnOnce(lapin::Error) -> Self {
        move |source| Self::Broker { doing, source: Box::new(source) }
    }

    /// A Docker error during `doing`.
    pub(crate) fn container(doing: &'static str) -> impl FnOnce(TestcontainersError) -> Self {
        move |source| Self::Container { doing, source: Box::new(source) }
    }

    /// This error and its causes in one line.
    pub(crate) fn chain(&self) -> String {
        let mut line = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let text = error.to_string();
            if !line.contains(&text) {
                line.push_str(": ");
                line.push_str(&text);
            }
            cause = error.source();
        }
        line
    }
}
