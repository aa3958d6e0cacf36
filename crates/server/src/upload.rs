//! Uploads of recipient lists.
//!
//! This folder uses `config` and `http`.

mod body;
pub(crate) mod handler;
mod query;
mod refusal;
mod report;
