//! A real RabbitMQ and a real PostgreSQL for tests, demo and benchmarks.
//!
//! [`Stack::start`] uses, for each of the two, the first of these that is available:
//!
//! 1. the address in `AMQP_URL` or `DATABASE_URL`;
//! 2. a container, through `testcontainers`, if a Docker engine answers and the image is present or can be pulled;
//! 3. a private instance of the installed `rabbitmq-server` or `postgres`, in a temporary folder;
//! 4. otherwise one error that says what to install.
//!
//! Invariants:
//! - Whatever a stack started is removed with the stack. That holds after a panic, and after `kill -9` of the owning
//!   process, because a small shell outlives the owner and cleans up.
//! - A service that is stopped or killed and started again has the same address and its durable data.
//! - Services listen on loopback only. Data is as durable as in production (`fsync` is on), so that benchmarks are
//!   realistic.
//! - Tests that run in parallel share a stack through [`Scope`]s and do not see each other.
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
mod cluster;
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
mod postgres_pair;
mod processes;
mod program;
mod proxy;
mod rabbitmq;
mod scope;
mod service;
mod stack;
mod watchdog;

pub use amqp::LockedQueue;
pub use cluster::RabbitCluster;
pub use discovery::Places;
pub use error::Error;
pub use port::free as free_port;
pub use postgres::Postgres;
pub use postgres_pair::PostgresPair;
pub use proxy::Proxy;
pub use rabbitmq::RabbitMq;
pub use scope::Scope;
pub use service::Service;
pub use stack::{Builder, Stack};
