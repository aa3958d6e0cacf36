//! What can go wrong with a stack, named for what the caller can do about it.
//!
//! No message holds a password: addresses are told as host and port.

use std::io;

use testcontainers::TestcontainersError;

use crate::Service;

/// Why a stack could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No way leads to the service: give an address or install something.
    #[error(
        "there is no {service} for this run ({tried}): set {variable}, or start a Docker engine, or run \
         scripts/bootstrap, which installs the Debian packages rabbitmq-server and postgresql",
        variable = service.variable()
    )]
    NothingAvailable {
        /// The service that is missing.
        service: Service,
        /// What was looked for and not found.
        tried: String,
    },
    /// The service belongs to somebody else, so it is not ours to stop, kill or restart: use [`crate::Stack::private`].
    #[error("{0} was given by its address and is not ours to control; start the stack with Stack::private")]
    NotOurs(Service),
    /// The service does not answer in time: see the cause, or wait longer.
    #[error("{service} at {address} is not ready after {seconds} seconds")]
    NotReady {
        /// The service.
        service: Service,
        /// Its host and port.
        address: String,
        /// How long it was waited for.
        seconds: u64,
        /// The last answer.
        #[source]
        source: Option<Box<Error>>,
    },
    /// The service ended by itself: read its log.
    #[error("{service} did not start ({status}); its last words: {log}")]
    DidNotStart {
        /// The service.
        service: Service,
        /// How it ended.
        status: String,
        /// The end of its log.
        log: String,
    },
    /// Processes of the service are still there after they were killed.
    #[error("{0} has processes that cannot be killed")]
    Unkillable(Service),
    /// An address cannot be used as it is: correct it.
    #[error("{variable} is not usable: {reason}")]
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
        /// How it ended.
        status: String,
        /// What it printed.
        output: String,
    },
    /// Postgres refused or went away.
    #[error("cannot {doing} in PostgreSQL")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        #[source]
        source: tokio_postgres::Error,
    },
    /// RabbitMQ refused or went away.
    #[error("cannot {doing} in RabbitMQ")]
    Broker {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        #[source]
        source: Box<lapin::Error>,
    },
    /// The Docker engine refused.
    #[error("cannot {doing} a container")]
    Container {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        #[source]
        source: Box<TestcontainersError>,
    },
    /// An answer did not come in time.
    #[error("gave up waiting to {doing}")]
    TimedOut {
        /// What was being done.
        doing: &'static str,
    },
    /// The operating system refused.
    #[error("cannot {doing}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Whether the service did not start because another program took one of its ports after it was found free.
    pub(crate) fn is_port_taken(&self) -> bool {
        let taken = ["already_used", "eaddrinuse", "Address already in use"];
        matches!(self, Self::DidNotStart { log, .. } if taken.iter().any(|words| log.contains(words)))
    }

    /// Says what was being done when the operating system refused.
    pub(crate) fn system(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { doing, source }
    }

    /// Says what was being done when Postgres refused.
    pub(crate) fn database(doing: &'static str) -> impl FnOnce(tokio_postgres::Error) -> Self {
        move |source| Self::Database { doing, source }
    }

    /// Says what was being done when RabbitMQ refused.
    pub(crate) fn broker(doing: &'static str) -> impl FnOnce(lapin::Error) -> Self {
        move |source| Self::Broker { doing, source: Box::new(source) }
    }

    /// Says what was being done when the Docker engine refused.
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
