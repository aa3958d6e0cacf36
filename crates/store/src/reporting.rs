//! Reports: counters, waiting recipients, and dead-lettered messages.
//!
//! Uses `db`.

pub(crate) mod counters;
pub(crate) mod dead_letters;
pub(crate) mod reports;
pub(crate) mod view_row;
pub(crate) mod waiting;
