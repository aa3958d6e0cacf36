//! The path of a message: claim recipients with departure slots, watch the gates, and record outcomes.
//!
//! Uses `db`, `senders`, `campaigns`, `lists`.

pub(crate) mod asked_at;
pub(crate) mod claim;
pub(crate) mod claim_answer;
pub(crate) mod claim_pending;
pub(crate) mod claim_request;
pub(crate) mod closed_windows;
pub(crate) mod expire_claims;
pub(crate) mod fragments;
pub(crate) mod gate_watch;
pub(crate) mod lost_claims;
pub(crate) mod outcome_rows;
pub(crate) mod postpone;
pub(crate) mod rate_limit;
pub(crate) mod record;
pub(crate) mod record_again;
pub(crate) mod record_final;
