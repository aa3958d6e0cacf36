//! HTTP listeners: accepting connections, and the limits that apply before a request is authenticated.
//!
//! **Invariants.** Accepting never waits. Requests that are not authenticated do not displace authenticated ones
//! ([`connections`]). This crate does not know what a request contains.
//!
//! # Structure
//!
//! `client_address`, `unlisted_proxies`, `bad_requests`, `connections`, `chunks` (bodies written by a thread), `downloads` (files to keep), and `listen`, which uses them.

pub mod bad_requests;
pub mod chunks;
pub mod client_address;
pub mod connections;
pub mod downloads;
mod listen;
pub mod unlisted_proxies;

pub use listen::{Limits, listen};
