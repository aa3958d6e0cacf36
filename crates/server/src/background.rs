//! The periodic tasks of the server, which run besides the requests.
//!
//! This folder uses `http` and `webhook`.

mod lost_posts;
pub(crate) mod tasks;
mod webhook_tables;
