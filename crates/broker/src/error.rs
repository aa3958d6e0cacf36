//! What a caller of this crate can be told, by what it can do about it.
//!
//! Invariant: no message contains the address of the broker, because an address contains a password.

use crate::QueueName;

/// Why the broker did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Messages were handed to the broker and not all of them are safe: publish all of them again.
    #[error(
        "only {confirmed} of {total} messages are safe in the queue ({nacked} refused, {returned} without a queue, \
         {unanswered} unanswered), publish them again"
    )]
    Unconfirmed {
        /// Messages that were given.
        total: usize,
        /// Messages that the broker confirmed and did not return.
        confirmed: usize,
        /// Messages that the broker refused, because the queue is full or has failed.
        nacked: usize,
        /// Messages that came back because the queue does not exist: declare it.
        returned: usize,
        /// Messages of which nothing is known; some of them may be in the queue.
        unanswered: usize,
    },
    /// The broker has a resource alarm (memory or disk) and takes no messages: try again later.
    #[error("the broker has a resource alarm and takes no messages, free memory or disk there and try again")]
    Blocked,
    /// The broker cannot be reached, or did not answer in time: try again later.
    #[error("the broker did not {doing} in time or is not reachable, try again later")]
    Unavailable {
        /// What was asked of the broker.
        doing: &'static str,
        /// What was noticed, where it was more than silence.
        #[source]
        source: Option<lapin::Error>,
    },
    /// The broker refuses this user, virtual host or queue: correct the address, or its permissions there. Later attempts
    /// may succeed when that is done.
    #[error("RabbitMQ refused to {doing}: {says}; {help}")]
    Refused {
        /// What was asked of the broker.
        doing: &'static str,
        /// The broker's own words, with its reply code.
        says: String,
        /// What to do.
        help: &'static str,
        /// What was noticed.
        #[source]
        source: Box<lapin::Error>,
    },
    /// The queue exists with other arguments, which cannot be changed: delete it once it is empty.
    #[error(
        "queue {queue} exists with other arguments than this version gives it, delete it once it is empty"
    )]
    Mismatch {
        /// The queue.
        queue: QueueName,
        /// What the broker said.
        #[source]
        source: lapin::Error,
    },
    /// The configuration cannot be used: correct it.
    #[error("{what}")]
    Invalid {
        /// What is wrong and what to do.
        what: &'static str,
    },
    /// The publisher has been told to stop.
    #[error("the publisher has shut down")]
    ShutDown,
}

impl Error {
    /// A step that the broker did not answer within its time limit.
    pub(crate) fn silent(doing: &'static str) -> Self {
        Self::Unavailable { doing, source: None }
    }

    /// A step that failed.
    pub(crate) fn failed(doing: &'static str) -> impl FnOnce(lapin::Error) -> Self {
        move |source| match refusal(doing, &source) {
            Some((says, help)) => Self::Refused { doing, says, help, source: source.into() },
            None => Self::Unavailable { doing, source: Some(source) },
        }
    }

    /// Why no connection is there, told to those who ask for one.
    pub(crate) fn not_connected(fault: Option<lapin::Error>) -> Self {
        match fault {
            Some(fault) => Self::failed("connect")(fault),
            None => Self::silent("connect"),
        }
    }

    /// What was noticed of a failure, to tell it again.
    pub(crate) fn into_source(self) -> Option<lapin::Error> {
        match self {
            Self::Unavailable { source, .. } => source,
            Self::Refused { source, .. } => Some(*source),
            Self::Mismatch { source, .. } => Some(source),
            Self::Unconfirmed { .. } | Self::Blocked | Self::Invalid { .. } | Self::ShutDown => None,
        }
    }

    /// Whether the broker refused one queue and went on serving the connection: the reply codes that AMQP 0-9-1 calls
    /// channel exceptions (access refused, not found, locked, precondition failed), see
    /// <https://www.rabbitmq.com/amqp-0-9-1-reference#constants>.
    pub(crate) fn concerns_one_queue(&self) -> bool {
        matches!(self.reply_code(), Some(403..=406))
    }

    /// The reply code of the broker, if it is what closed the channel.
    pub(crate) fn reply_code(&self) -> Option<u16> {
        let source = match self {
            Self::Unavailable { source, .. } => source.as_ref()?,
            Self::Refused { source, .. } => source,
            Self::Mismatch { source, .. } => source,
            Self::Unconfirmed { .. } | Self::Blocked | Self::Invalid { .. } | Self::ShutDown => return None,
        };
        match source.kind() {
            lapin::ErrorKind::ProtocolError(error) => Some(error.get_id()),
            _ => None,
        }
    }
}

/// The words of a broker that refuses user, virtual host or queue, and what to do. They name no password.
fn refusal(doing: &str, source: &lapin::Error) -> Option<(String, &'static str)> {
    let lapin::ErrorKind::ProtocolError(error) = source.kind() else { return None };
    let (code, text) = (error.get_id(), error.get_message().to_string());
    let help = match code {
        403 if doing == "connect" => "check user and password in AMQP_URL",
        403 => {
            "give the user the permission with rabbitmqctl set_permissions, to configure, write and read '^PREFIX\\.'"
        }
        530 if text.contains("not found") => {
            "create the virtual host with rabbitmqctl add_vhost, or name another one at the end of AMQP_URL"
        }
        530 => {
            "let the user into the virtual host with rabbitmqctl set_permissions, and look at the limits of both"
        }
        _ => return None,
    };
    Some((format!("{code} {text}"), help))
}
