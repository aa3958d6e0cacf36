//! The two services of a stack, by name.

use std::fmt;

/// A service of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// The message broker.
    RabbitMq,
    /// The database.
    Postgres,
}

impl Service {
    /// The environment variable with a given address of the service.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::RabbitMq => "AMQP_URL",
            Self::Postgres => "DATABASE_URL",
        }
    }

    /// A short lower-case name for folders and containers.
    pub(crate) const fn slug(self) -> &'static str {
        match self {
            Self::RabbitMq => "rabbitmq",
            Self::Postgres => "postgres",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RabbitMq => "RabbitMQ",
            Self::Postgres => "PostgreSQL",
        })
    }
}
