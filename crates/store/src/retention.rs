//! The end of data: archiving campaigns, erasing personal data, and the tables of webhook days.
//!
//! Uses `db`, `campaigns`, `lists`.

pub(crate) mod archives;
pub(crate) mod erasures;
pub(crate) mod webhook_days;
