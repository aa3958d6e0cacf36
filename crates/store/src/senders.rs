//! Senders: settings, rate, price lists, flows and templates, webhooks, connected workers and what they recorded again, holds on a sender or a campaign, and alerts.
//!
//! Uses `db`, `changes`.

pub(crate) mod activity;
pub(crate) mod alerts;
pub(crate) mod failover;
pub(crate) mod flows;
pub(crate) mod hold_history;
pub(crate) mod holds;
pub(crate) mod known_texts;
pub(crate) mod openings;
pub(crate) mod prices;
pub(crate) mod rate;
pub(crate) mod sender;
pub(crate) mod templates;
pub(crate) mod trust;
pub(crate) mod webhooks;
pub(crate) mod workers;
pub(crate) mod workers_memory;
