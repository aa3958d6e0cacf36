//! A real RabbitMQ and a real Postgres for tests, demo and benchmarks.
//!
//! [`Stack::start`] takes, for each of the two, the first of these that is there:
//!
//! 1. the address in `AMQP_URL` or `DATABASE_URL`;
//! 2. a container, through `testcontainers`, where a Docker engine answers and the image is there or can be pulled;
//! 3. a private instance of the installed `rabbitmq-server` or `postgres`, in a temporary folder;
//! 4. else one error that says what to install.
//!
//! Invariants:
//! - What a stack started is gone after the stack: also after a panic, and after `kill -9` of the process that owned
//!   it, because a small shell that outlives the owner clears up.
//! - A stopped or killed service comes back at the same address, with its durable data.
//! - It listens on loopback only, and data is as durable as in production (`fsync` is on), so that a benchmark tells the truth.
//! - Tests that run side by side share a stack through [`Scope`]s and do not see each other.
//!
//! ```no_run
//! # async fn example() -> Result<(), devstack::Error> {
//! let stack = devstack::Stack::shared().await?;
//! let scope = stack.scope("import").await?;
//! let queue = format!("{}.tasks", scope.queue_prefix());
//! scope.track_queue(&queue);
//! // … work with scope.database_url() and scope.amqp_url() …
//! scope.close().await?;
//! # Ok(())
//! # }
//! ```

mod amqp;
mod container;
mod daemon;
mod database;
mod discovery;
mod error;
mod home;
mod installed_postgres;
mod installed_rabbitmq;
mod instance;
mod port;
mod postgres;
mod processes;
mod program;
mod proxy;
mod rabbitmq;
mod scope;
mod service;
mod stack;
mod watchdog;

pub use amqp::LockedQueue;
pub use discovery::Places;
pub use error::Error;
pub use postgres::Postgres;
pub use proxy::Proxy;
pub use rabbitmq::RabbitMq;
pub use scope::Scope;
pub use service::Service;
pub use stack::{Builder, Stack};
