//! Campaigns: definition, drafts, start, requests to start, sending hours, finish and cancel.
//!
//! Uses `db`, `senders`.

pub(crate) mod campaign;
pub(crate) mod draft;
pub(crate) mod finish_and_cancel;
pub(crate) mod sending_hours;
pub(crate) mod start_request;
