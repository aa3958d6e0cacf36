//! Webhook requests to the user's server: which events a message has, and posting them.
//!
//! This folder uses `settings` and `providers`. The JSON of each provider is built in `providers`.

mod receipts;
pub(crate) mod webhook_sender;
