//! The producer: imports lists into PostgreSQL, and publishes blocks of recipients to the senders' queues.
//!
//! **Invariants.** A list is stored completely or not at all. The feed stays a second ahead of the workers, and
//! moves its cursor only past confirmed blocks. It can be set back at any time: to publish a recipient twice is harmless,
//! because the claim decides. No phone number goes to the broker.

mod config;
mod dead_letters;
mod error;
mod export;
mod feed;
mod import;
mod installation;
mod list;
mod maintenance;
mod metrics;
mod reason;
mod retry_pause;
mod run;
mod spool;

pub use config::Config;
pub use dead_letters::drain;
pub use error::Error;
pub use export::{ExportFormat, Exported};
pub use import::check::harmless;
pub use import::header::{Header, export_header};
pub use import::numbers::{Numbers, read_numbers};
pub use import::options::{AnnotatedList, ImportOptions};
pub use import::refused::import;
pub use import::rejected_rows::Rejected;
pub use import::{ImportReport, Progress};
pub use installation::metrics::INSTRUMENTS as INSTALLATION_INSTRUMENTS;
pub use installation::{PrintError, installation_metrics};
pub use list::column_names::variable_name;
pub use list::file_name::file_name;
pub use list::workbook::WorkbookReader;
pub use list::workbook::process::read_workbook;
pub use list::{List, ListOptions};
pub use metrics::INSTRUMENTS;
pub use reason::Reason;
pub use run::{Setup, run};
pub use spool::{ListsConfig, Spool, SpoolError};
