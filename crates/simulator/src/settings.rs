//! Plain data: what the simulator is started with and what can be changed while it runs.
//!
//! The types of this folder are public, are read from configuration files and from the admin API, and use no other folder.

pub(crate) mod closed_windows;
pub(crate) mod config;
pub(crate) mod fault;
pub(crate) mod latency;
pub(crate) mod msisdn;
pub(crate) mod provider;
pub(crate) mod rate_limit;
pub(crate) mod webhook;
