//! Feeds: which producer publishes the recipients of a sender, and how far it has published.
//!
//! Uses `db`, `senders`.

pub(crate) mod feed;
pub(crate) mod maintenance;
pub(crate) mod producers;
