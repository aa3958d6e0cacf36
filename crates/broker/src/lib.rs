//! RabbitMQ: topology, confirmed publishing, consuming, and supervision of the connections.
//!
//! This adapter moves bytes and knows neither campaigns nor the database. A [`Publisher`] owns one connection, the
//! [`Consumer`]s of a process share a [`Connection`]. Each has one task, which rebuilds what it lost with growing pauses until it
//! is stopped.
//!
//! Invariants:
//! - `lapin` is used in this crate only, and its own recovery is off.
//! - [`Publisher::publish`] returns `Ok` only if RabbitMQ has confirmed every message and returned none. After any
//!   other result the caller publishes all of them again, so a message may arrive twice.
//! - A delivery is acknowledged at most once, and only on its own channel. Deliveries that were not acknowledged
//!   when a channel or connection ended are delivered again.
//! - Every await on RabbitMQ has a time limit.
//!
//! `docs/BROKER.md` lists the known pitfalls of lapin and RabbitMQ, and where each is avoided. No log filter may show
//! `lapin` or `amq_protocol` at `trace`: that level prints whole frames, including the login.

mod ack_window;
mod addresses;
mod backoff;
mod config;
mod connection;
mod consumer;
mod consumer_task;
mod control;
mod delivery;
mod dial;
mod error;
mod inbox;
mod link;
mod metrics;
mod publisher;
mod publisher_task;
mod requests;
mod round;
mod subscription;
mod tls;
mod topology;

pub use addresses::{Addresses, Order};
pub use config::Config;
pub use connection::Connection;
pub use consumer::{Acknowledger, Consumer};
pub use delivery::{Acknowledgement, Death, Delivery, DeliveryTag};
pub use error::Error;
pub use link::State;
pub use metrics::INSTRUMENTS;
pub use publisher::Publisher;
pub use topology::{QueueName, Topology};
