//! Commands that cannot use the API of a server.

use crate::api_access;
use crate::args::Command;
use crate::args::accounts::KeyCommand;
use crate::args::database::DatabaseCommand;
use crate::args::senders::SenderCommand;
use crate::args::texts::{FlowCommand, TemplateCommand};
use crate::exit::Refused;

/// Why a command does not use the API.
enum Needs {
    /// It changes or reads the database itself.
    Database(&'static str),
    /// It is a process of an installation.
    Services(&'static str),
    /// It runs on this machine, with services of its own or without any.
    Machine(&'static str),
    /// It makes API keys.
    NoKey,
}

/// Refuses a command that cannot use the API, if `FLOWCAST_URL` is set.
pub(crate) fn check(command: &Command) -> Result<(), Refused> {
    match needs(command).filter(|_| api_access::is_set()) {
        Some(needs) => Err(Refused(needs.sentence())),
        None => Ok(()),
    }
}

fn needs(command: &Command) -> Option<Needs> {
    match command {
        Command::Migrate => Some(Needs::Database("migrate")),
        Command::CheckConfig => Some(Needs::Services("check-config")),
        Command::Account { .. } => Some(Needs::Database("account")),
        Command::Key { command: KeyCommand::Add(_) } => Some(Needs::NoKey),
        Command::Sender { command: SenderCommand::Test(_) } => Some(Needs::Database("sender test")),
        Command::Flow { command: FlowCommand::Decode { .. } } => Some(Needs::Database("flow decode")),
        Command::Template { command: TemplateCommand::Fetch { .. } } => {
            Some(Needs::Database("template fetch"))
        }
        Command::WebhookEndpoint { .. } => Some(Needs::Database("webhook-endpoint")),
        Command::Retention { .. } => Some(Needs::Database("retention run")),
        Command::Erase { .. } => Some(Needs::Database("erase")),
        Command::Database { command: DatabaseCommand::Show { .. } } => Some(Needs::Database("database show")),
        Command::Database { command: DatabaseCommand::Confirm(_) } => {
            Some(Needs::Database("database confirm"))
        }
        Command::Restored(_) => Some(Needs::Database("restored")),
        Command::Metrics => Some(Needs::Database("metrics")),
        Command::Health(_) => Some(Needs::Machine("health")),
        Command::Producer => Some(Needs::Services("producer")),
        Command::Consumer => Some(Needs::Services("consumer")),
        Command::Server => Some(Needs::Services("server")),
        Command::Simulator(_) => Some(Needs::Machine("simulator")),
        Command::Demo(_) => Some(Needs::Machine("demo")),
        Command::Sender { .. }
        | Command::Flow { .. }
        | Command::Template { .. }
        | Command::Provider { .. }
        | Command::Suppression { .. }
        | Command::Campaign { .. }
        | Command::Key { .. }
        | Command::Audit { .. }
        | Command::Waiting { .. }
        | Command::Top(_)
        | Command::DeadLetters { .. }
        | Command::CheckCounts
        | Command::ReadWorkbook { .. }
        | Command::Generate { .. } => None,
    }
}

impl Needs {
    fn sentence(self) -> String {
        match self {
            Self::Database(command) => format!(
                "'flowcast {command}' works on the database and not through the API; unset FLOWCAST_URL and set DATABASE_URL, on a machine \
                 that reaches PostgreSQL"
            ),
            Self::Services(command) => format!(
                "'flowcast {command}' uses PostgreSQL and RabbitMQ and not the API; unset FLOWCAST_URL and set DATABASE_URL and AMQP_URL, on \
                 a machine of the installation"
            ),
            Self::Machine(command) => {
                format!("'flowcast {command}' runs on this machine and does not use the API; unset FLOWCAST_URL")
            }
            Self::NoKey => "an API key cannot add API keys; unset FLOWCAST_URL and set DATABASE_URL, on a machine that reaches \
                            PostgreSQL"
                .into(),
        }
    }
}
