//! Webhook requests of the providers: authenticate, parse, commit, answer.
//!
//! This folder uses `config` and `http`.

pub(crate) mod committer;
mod events;
pub(crate) mod handler;
pub(crate) mod recent_posts;
pub(crate) mod refusal_counts;
pub(crate) mod senders;
pub(crate) mod stops;
