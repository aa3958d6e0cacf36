//! The private RabbitMQ and PostgreSQL, and their CPU time.

use std::time::Duration;

use anyhow::Context;
use devstack::{Scope, Stack};

use crate::usage;

/// Both services.
pub(crate) struct Services {
    stack: Stack,
}

/// CPU time of the services so far; `None` if their processes are not visible, as in containers.
#[derive(Clone, Copy)]
pub(crate) struct ServicesCpu {
    pub(crate) rabbitmq: Option<Duration>,
    pub(crate) postgres: Option<Duration>,
}

impl Services {
    /// Starts the installed services, so that the processes are visible; otherwise any available ones.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let stack = match Stack::private_installed().await {
            Ok(stack) => stack,
            Err(_) => Stack::private().await.context("starting RabbitMQ and Postgres")?,
        };
        Ok(Self { stack })
    }

    /// Starts the services with the default settings of PostgreSQL.
    pub(crate) async fn with_default_postgres() -> anyhow::Result<Self> {
        let settings = ["max_connections=100", "shared_buffers=128MB", "max_wal_size=1GB"];
        let builder = settings
            .iter()
            .fold(Stack::builder().private_installed(), |stack, setting| stack.postgres_setting(*setting));
        Ok(Self { stack: builder.start().await.context("starting RabbitMQ and Postgres")? })
    }

    /// A separate database and queue prefix.
    pub(crate) async fn scope(&self, name: &str) -> anyhow::Result<Scope> {
        Ok(self.stack.scope(name).await?)
    }

    /// Kills RabbitMQ like `kill -9`, and starts it again.
    pub(crate) async fn restart_rabbitmq(&self) -> anyhow::Result<()> {
        self.stack.rabbitmq().kill().await?;
        Ok(self.stack.rabbitmq().start().await?)
    }

    /// Kills PostgreSQL like `kill -9`, and starts it again.
    pub(crate) async fn restart_postgres(&self) -> anyhow::Result<()> {
        self.stack.postgres().kill().await?;
        Ok(self.stack.postgres().start().await?)
    }

    /// Versions without addresses, which differ each time.
    pub(crate) fn describe(&self) -> String {
        let described = self.stack.describe();
        let services = described.split(", ").map(|one| one.split(" on ").next().unwrap_or(one));
        services.collect::<Vec<_>>().join(", ")
    }
}

/// CPU time so far of all descendants of this process whose program belongs to the services.
pub(crate) fn cpu() -> ServicesCpu {
    let below = usage::descendants(std::process::id());
    let sum = |is_one: fn(&str) -> bool| {
        let ours = below.iter().filter(|stat| is_one(&stat.name));
        let taken: Duration = ours.map(|stat| stat.own + stat.ended_children).sum();
        Some(taken).filter(|taken| !taken.is_zero())
    };
    ServicesCpu {
        rabbitmq: sum(|name| ["beam", "erl_", "epmd", "inet_"].iter().any(|part| name.starts_with(part))),
        postgres: sum(|name| name == "postgres"),
    }
}

/// The private memory of each PostgreSQL process below this one, in KiB: what it does not share with the others.
pub(crate) fn postgres_backends() -> Vec<u32> {
    let below = usage::descendants(std::process::id());
    let postgres = below.iter().filter(|stat| stat.name == "postgres");
    postgres.filter_map(|stat| usage::private_memory(stat.pid).ok()).collect()
}
