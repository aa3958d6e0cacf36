//! Accepting connections, and the limits that apply before a request is authenticated: connections, memory, bad requests.
//!
//! This folder uses `config` only. It does not know what a request contains.

pub(crate) mod bad_requests;
pub(crate) mod body_memory;
pub(crate) mod client_address;
pub(crate) mod connections;
pub(crate) mod content_coding;
pub(crate) mod health;
pub(crate) mod listen;
pub(crate) mod read_body;
pub(crate) mod unlisted_proxies;
