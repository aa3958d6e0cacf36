//! Recipients that are `unknown`: resolve them by receipt, by rule or by an operator; resend; after a restore from a backup.
//!
//! Uses `db`, `senders`, `campaigns`.

pub(crate) mod resend;
pub(crate) mod resend_counts;
pub(crate) mod resolve;
pub(crate) mod resolve_by_receipt;
pub(crate) mod restored;
