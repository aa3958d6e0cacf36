//! Lists of recipients: import, export, suppression, and the numbers that belong to one person.
//!
//! Uses `db`, `changes`.

pub(crate) mod aliases;
pub(crate) mod exports;
pub(crate) mod import_record;
pub(crate) mod import_rows;
pub(crate) mod imports;
pub(crate) mod numbers;
pub(crate) mod suppressions;
