//! PostgreSQL: the system of record of all campaigns. All SQL of the project is in this crate and in `migrations/`.
//!
//! One folder per subject. A folder uses only folders that stand before it in this list (`tests/it/folders.rs` checks it):
//!
//! - `db`: the connection to PostgreSQL
//! - `changes`: transactions of people and programs, their audit, requests that are repeated, and long actions
//! - `access`: accounts, sessions and API keys
//! - `events`: events, webhook endpoints and deliveries
//! - `senders`: senders and the holds on their gates
//! - `campaigns`: campaigns from draft to end
//! - `lists`: lists of recipients, suppression, phone numbers
//! - `feeding`: which recipients a producer publishes
//! - `sending`: claim, send, record
//! - `unknown`: recipients of whom the outcome is unknown
//! - `inbound`: webhooks of providers
//! - `reporting`: reports and counters
//! - `retention`: archive and erase
//!
//! **Invariants.**
//! - Only this crate uses `tokio-postgres` and `deadpool-postgres`.
//! - The database clock is the only clock. No time of a worker is compared with a time of the database.
//! - Changes that belong together are one statement or one transaction.
//! - The server may still execute a statement whose future was dropped. So a caller does not treat a time-out as "not done": it reads
//!   the row again.

mod access;
mod campaigns;
mod changes;
mod db;
mod events;
mod feeding;
mod inbound;
mod lists;
mod reporting;
mod retention;
mod senders;
mod sending;
mod unknown;

#[cfg(test)]
mod statements;

pub use access::accounts::{AccountChange, AccountId, AccountRow, Grant, NewAccount};
pub use access::api_keys::{ApiKeyRow, ApiKeyState, ApiKeyUse, NewApiKey};
pub use access::company_accounts::CompanyIdentity;
pub use access::log_ins::{LogInDelay, LogInKey, LogInKind};
pub use access::second_factors::{PendingFactor, SecondFactorRow};
pub use access::sessions::{LiveSession, NewSession, SessionRow, SessionTimes};
pub use access::stream_holders::{StreamHolders, ValidHolders};
pub use campaigns::campaign::CampaignRow;
pub use campaigns::draft::Edited;
pub use campaigns::start_request::StartRequest;
pub use changes::audit::{AuditEntry, AuditFilter, AuditRow};
pub use changes::change::Change;
pub use changes::idempotency::{Admission, IdempotentRequest};
pub use changes::jobs::{GIVEN_UP as GIVEN_UP_JOB, JobEnd, JobRow, NewJob, STALE as STALE_JOB};
pub use db::backoff::Backoff;
pub use db::config::{Config, Failover};
pub use db::connection::Store;
pub use db::error::Error;
pub use db::identity::{DatabaseDifference, DatabaseIdentity, DatabaseState, Lineage};
pub use db::metrics::{INSTRUMENTS, postgres_state};
pub use db::relocation::RelocationProgress;
pub use db::schema::Migrated;
pub use db::volume::VolumeLimits;
pub use events::deliveries::{DeliveryRow, Recovered};
pub use events::endpoints::{EndpointChange, EndpointRow};
pub use events::outbox::EventRow;
pub use events::take_delivery::{AttemptResult, DeliveryToMake, Next};
pub use feeding::feed::{FeedState, FeedTrouble, PendingRange, SenderFeed};
pub use feeding::maintenance::FailingJob;
pub use feeding::producers::FeedHolder;
pub use inbound::batch::{Ingest, Ingested};
pub use inbound::match_again::MatchedEvents;
pub use inbound::receipts::ReceiptCounts;
pub use inbound::rows::{
    AnswerRow, ConsentRow, InboundRow, MessageKey, NoticeRow, NumberChangeRow, Person, RawBody, ReceiptRow,
    ReportedStop,
};
pub use lists::exports::RecipientFilter;
pub use lists::import_record::ImportRecord;
pub use lists::import_rows::{ImportCounts, ImportRow, LeftOut, ListOrigin, Numbers, Rejection};
pub use lists::imports::Import;
pub use lists::suppressions::{Suppressed, SuppressionReason};
pub use reporting::answer_summary::{AnswerSummary, FieldSummary, ValueCount};
pub use reporting::answers::AnswerReport;
pub use reporting::breakdowns::{CountryReport, MinuteReport};
pub use reporting::campaign_page::CampaignHead;
pub use reporting::counters::Miscount;
pub use reporting::dead_letters::{DeadLetter, DeadLetterRow, Redriven};
pub use reporting::found_recipients::FoundRecipient;
pub use reporting::installation::Measure;
pub use reporting::lists::{ListReport, RejectionReport};
pub use reporting::live::{LiveAnswer, LiveCampaign, LiveQuestion, LiveStop};
pub use reporting::recipients::{AttemptReport, RecipientKind, RecipientReport, ResolutionReport};
pub use reporting::reports::{CampaignFilter, CampaignReport, ErrorReport};
pub use reporting::waiting::WaitingRow;
pub use senders::activity::{ProviderNotice, SenderActivity, UnusablePosts};
pub use senders::alerts::{Alert, AlertId};
pub use senders::failover::ConfirmedDatabase;
pub use senders::flows::{FlowRow, NewFlow};
pub use senders::hold_history::PastHold;
pub use senders::holds::{HoldResult, HoldRow, StopCause};
pub use senders::known_texts::{KnownTexts, MessageNames};
pub use senders::openings::{Opened, ProbeResult};
pub use senders::sender::{DailyCap, NewSender, SenderRow};
pub use senders::templates::{TemplateRow, TemplateTexts};
pub use senders::trust::DatabaseCheck;
pub use senders::webhooks::{WebhookChange, WebhookRow};
pub use senders::workers::LiveWorker;
pub use senders::workers_memory::WorkerMemory;
pub use sending::claim_answer::{Claim, ClaimAnswer, ClaimRefusal, ClaimedRow};
pub use sending::expire_claims::DeadClaim;
pub use sending::gate_watch::{GateOf, GateState, GateWatch};
pub use sending::outcome_rows::{RecordedOutcome, RequestRecord};
pub use sending::rate_limit::{LeaseAnswer, LeaseRequest, TimedLease, permits_per_lease};
pub use sending::record::RecordResult;
pub use sending::record_again::RecordedAgain;
pub use unknown::resend::ResendClass;
pub use unknown::resend_counts::ResendCount;
pub use unknown::resolve::Resolved;
pub use unknown::restored::{Gap, GapCampaign};
