//! The notifier against a real PostgreSQL and receivers on sockets.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails right there")]

mod deliveries;
mod receiver;
mod world;
