//! RabbitMQ: topology, confirmed publishing, consuming, and the supervision of the connections.
//!
//! An adapter: it moves bytes and knows neither campaigns nor the database. [`Publisher`] and [`Consumer`] each
//! own one connection and one task; both rebuild it with growing pauses, for ever, whatever goes wrong.
//!
//! Invariants:
//! - `lapin` is used in this crate only, and its own recovery is off.
//! - [`Publisher::publish`] gives `Ok` only if the broker has confirmed every message and returned none. After
//!   anything else the caller publishes all of them again, so a message may arrive twice.
//! - A delivery is acknowledged at most once, and only on the connection it came from. What was not acknowledged when a
//!   connection ended comes again.
//! - No await on the broker is without a time limit.
//!
//! The known pitfalls of lapin and RabbitMQ, and where each is avoided, are listed in `docs/BROKER.md`.
//! Never let a log filter show `lapin` or `amq_protocol` at `trace`: that level prints whole frames, the login too.

mod ack_window;
mod backoff;
mod config;
mod consumer;
mod consumer_task;
mod control;
mod delivery;
mod error;
mod inbox;
mod link;
mod publisher;
mod publisher_task;
mod requests;
mod round;
mod subscription;
mod topology;

pub use config::Config;
pub use consumer::{Acknowledger, Consumer};
pub use delivery::{Acknowledgement, Death, Delivery, DeliveryTag};
pub use error::Error;
pub use link::State;
pub use publisher::Publisher;
pub use topology::{QueueName, Topology};
