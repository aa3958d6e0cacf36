//! Jobs: long actions that a server executes in the background.
//!
//! A job is a row that is committed with the request that asks for it. The process that commits it executes it and notes the progress
//! every second. If the process ends, another server takes the job over from its parameters ([`job::Kind::can_be_repeated`]), or
//! notes that it was interrupted and changed nothing.

pub(crate) mod begin;
mod execute;
mod give_up;
mod import_bytes;
pub(crate) mod job;
pub(crate) mod work;
