//! The producer: lists into Postgres, and recipients' ids into the senders' queues.
//!
//! **Invariants.** A list is stored whole or not at all. The feed stays a few seconds ahead of the workers, moves its
//! cursor only past ids whose publishing was confirmed, and can be set back at any time: publishing an id twice is
//! harmless, because a claim decides. No phone number goes to the broker.

mod check;
mod columns;
mod config;
mod dead;
mod error;
mod exported;
mod feed;
mod header;
mod import;
mod list;
mod maintenance;
mod numbers;
mod reason;
mod rejects;
mod returned;
mod run;
mod share;
mod spool;
mod swallowed;
mod xlsx;

pub use check::harmless;
pub use columns::variable_name;
pub use config::Config;
pub use dead::drain;
pub use error::Error;
pub use exported::{ExportFormat, Exported};
pub use header::{Header, export_header};
pub use import::{AnnotatedList, ImportOptions, ImportReport, Progress, import};
pub use list::workbook::WorkbookReader;
pub use list::workbook::process::read_workbook;
pub use list::{List, ListOptions};
pub use numbers::{Numbers, read_numbers};
pub use reason::Reason;
pub use rejects::Rejected;
pub use run::{Setup, run};
pub use spool::{ListsConfig, Spool, SpoolError};
