//! The control plane: every action that a person or program may ask for, once. The command line, the HTTP API and the console
//! call it.
//!
//! ```text
//! Caller ─▶ Control::ACTION ─▶ rights ─▶ transaction { change, audit, result for a repeated request } ─▶ result
//! ```
//!
//! **Invariants.**
//! - An action checks its right and the senders of the caller first. A refused action is in the audit as well.
//! - A change, its row in the audit and its result for a repeated request are committed together.
//! - This crate knows neither HTTP nor a terminal. Errors are sentences for people; their kind selects the status and the exit
//!   code.
//!
//! # Structure
//!
//! `access` (callers, roles, rights, actions), `error`, `control` (how an action is performed), then one file per subject.

mod access;
mod accounts;
mod audit;
mod control;
mod drafts;
mod error;
mod jobs;
mod keys;
mod launch;
mod lists;
mod log_in;
mod reports;
mod resend;
mod running;
mod sessions;
mod test_message;
mod text;

pub use access::action::{Action, Object};
pub use access::caller::{Actor, ActorKind, Caller, CallerSession, Client, Idempotency};
pub use access::grant::Grant;
pub use access::log_in_rules::LogInRules;
pub use access::right::{Right, Rights};
pub use access::role::Role;
pub use accounts::{Account, AccountEdit, AccountLink, NewAccount};
pub use audit::{AuditCheck, AuditQuery};
pub use control::{Control, Done, Keys, Setup};
pub use drafts::{Deleted, Draft};
pub use error::{Error, Problem};
pub use jobs::begin::JobBegun;
pub use jobs::job::Job;
pub use keys::{ApiKey, NewApiKey, NewApiKeySecret};
pub use launch::check::Check;
pub use launch::forecast::{Cost, CostOfCountry};
pub use launch::sample::Sample;
pub use lists::{Export, ExportDone, ExportError, ListImport};
pub use log_in::{LogIn, LoggedIn};
pub use reports::Campaign;
pub use resend::{Resent, Resolve, Retry};
pub use running::{Ended, Paused, Started};
pub use sessions::{Session, SessionUse};
pub use store::AuditRow;
pub use test_message::{TestMessage, TestResult};
pub use text::thousands;
