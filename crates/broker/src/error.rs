//! Errors of this crate, by what the caller can do.
//!
//! Invariant: of an address of RabbitMQ, messages contain host and port only, because an address contains a password.

use std::borrow::Cow;

use crate::QueueName;

/// Why an operation of RabbitMQ failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Messages were published, but not all of them are confirmed: publish all of them again.
    #[error(
        "RabbitMQ confirmed only {confirmed} of {total} messages ({nacked} refused, {returned} returned, \
         {unanswered} unanswered); publish all of them again"
    )]
    Unconfirmed {
        /// Published messages.
        total: usize,
        /// Messages that RabbitMQ confirmed and did not return.
        confirmed: usize,
        /// Messages that RabbitMQ refused, because the queue is full or has failed.
        nacked: usize,
        /// Messages that were returned because the queue does not exist: declare it.
        returned: usize,
        /// Messages without an answer; some of them may be in the queue.
        unanswered: usize,
    },
    /// RabbitMQ has a resource alarm (memory or disk) and accepts no messages: try again later.
    #[error(
        "RabbitMQ has a resource alarm and accepts no messages; free memory or disk space there and try again"
    )]
    Blocked,
    /// RabbitMQ is unreachable, or did not answer in time: try again later.
    #[error("RabbitMQ is unreachable or did not {doing} in time; try again later")]
    Unavailable {
        /// The operation that failed.
        doing: &'static str,
        /// The error, unless RabbitMQ was silent.
        #[source]
        source: Option<lapin::Error>,
    },
    /// No node of RabbitMQ could be connected to: try again later.
    #[error("RabbitMQ is unreachable: {tried}; try again later")]
    Unreachable {
        /// Each address as host and port, with the reason.
        tried: String,
        /// The last error, unless all nodes were silent.
        #[source]
        source: Option<lapin::Error>,
    },
    /// RabbitMQ refuses this user, virtual host or queue: correct the address, or the permissions. Later attempts may
    /// succeed after that.
    #[error("RabbitMQ refused to {doing}: {says}; {help}")]
    Refused {
        /// The operation that was refused.
        doing: &'static str,
        /// RabbitMQ's own text, with its reply code.
        says: String,
        /// What to do.
        help: &'static str,
        /// The error.
        #[source]
        source: Box<lapin::Error>,
    },
    /// The queue exists with other arguments, which cannot be changed: delete it when it is empty.
    #[error(
        "queue {queue} exists with other arguments than this version declares; delete it when it is empty"
    )]
    Mismatch {
        /// The queue.
        queue: QueueName,
        /// The error of RabbitMQ.
        #[source]
        source: lapin::Error,
    },
    /// The configuration is not valid: correct it.
    #[error("{what}")]
    Invalid {
        /// What is wrong and what to do.
        what: Cow<'static, str>,
    },
    /// The publisher was stopped.
    #[error("the publisher has shut down")]
    ShutDown,
}

impl Error {
    /// The configuration is not valid.
    pub(crate) fn invalid(what: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid { what: what.into() }
    }

    /// A step that RabbitMQ did not answer within its time limit.
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

    /// The error for callers while there is no connection. `fault` is the last error of a connection attempt.
    pub(crate) fn not_connected(fault: Option<Self>) -> Self {
        fault.unwrap_or_else(|| Self::silent("connect"))
    }

    /// A copy of the cause, to report it again.
    pub(crate) fn cause(&self) -> Option<lapin::Error> {
        match self {
            Self::Unavailable { source, .. } | Self::Unreachable { source, .. } => source.clone(),
            Self::Refused { source, .. } => Some(source.as_ref().clone()),
            Self::Mismatch { source, .. } => Some(source.clone()),
            Self::Unconfirmed { .. } | Self::Blocked | Self::Invalid { .. } | Self::ShutDown => None,
        }
    }

    /// Whether RabbitMQ refused one queue and keeps the connection: the reply codes that AMQP 0-9-1 calls channel
    /// exceptions (access refused, not found, locked, precondition failed), see
    /// <https://www.rabbitmq.com/amqp-0-9-1-reference#constants>.
    pub(crate) fn concerns_one_queue(&self) -> bool {
        matches!(self.reply_code(), Some(403..=406))
    }

    /// RabbitMQ's reply code, if it closed the channel.
    pub(crate) fn reply_code(&self) -> Option<u16> {
        let source = match self {
            Self::Unavailable { source, .. } | Self::Unreachable { source, .. } => source.as_ref()?,
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

/// RabbitMQ's text when it refuses a user, virtual host or queue, and what to do. The text contains no password.
fn refusal(doing: &str, source: &lapin::Error) -> Option<(String, &'static str)> {
    let lapin::ErrorKind::ProtocolError(error) = source.kind() else { return None };
    let (code, text) = (error.get_id(), error.get_message().to_string());
    let help = match code {
        403 if doing == "connect" && text.contains("EXTERNAL") => {
            "create the user that broker.cert_file is issued to with rabbitmqctl add_user, or check ssl_cert_login_from and auth_mechanisms of RabbitMQ"
        }
        403 if doing == "connect" => "check user and password in AMQP_URL",
        403 => {
            "grant the user permission to configure, write and read '^PREFIX\\.' with rabbitmqctl set_permissions"
        }
        530 if text.contains("not found") => {
            "create the virtual host with rabbitmqctl add_vhost, or name another one at the end of AMQP_URL"
        }
        530 => {
            "grant the user access to the virtual host with rabbitmqctl set_permissions, and check the limits of both"
        }
        _ => return None,
    };
    Some((format!("{code} {text}"), help))
}
