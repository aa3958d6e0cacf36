//! Reading request bodies within limits of length, memory and time; health.
//!
//! This folder uses `config` only. It does not know what a request contains.

pub(crate) mod body_memory;
pub(crate) mod content_coding;
pub(crate) mod health;
pub(crate) mod read_body;
