//! The HTTP layer: connections, the provider's API and the admin API.
//!
//! This folder may use every other folder; only `server.rs` uses it.

mod admin;
pub(crate) mod arrival_time;
mod browser_requests;
pub(crate) mod connection;
mod connection_state;
mod handler;
mod response_body;
