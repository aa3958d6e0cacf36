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
//! `access` (callers, roles, rights, actions), `error`, `control`, `once` and `repeated` (how an action is performed), `versions`, `page`, `members` and `text`, then one file per subject.

mod access;
mod accounts;
mod annotated_lists;
mod arriving_list;
mod audit_check;
mod audit_log;
mod campaign_page;
mod company;
mod company_log_in;
mod control;
mod counters;
mod database;
mod dead_letters;
mod drafts;
mod error;
mod events;
mod flow_tokens;
mod flows;
mod found_numbers;
mod imported;
mod jobs;
mod keys;
mod known_texts;
mod launch;
mod list_reports;
mod lists;
mod live;
mod log_in;
mod members;
mod new_sender;
mod once;
mod page;
mod password_change;
mod passwords;
mod preview;
mod prices;
mod recipients;
mod repeated;
mod reports;
mod resend;
mod restored;
mod retention;
mod running;
mod running_jobs;
mod second_factor;
mod second_factors;
mod sender_page;
mod sender_stops;
mod sender_webhook;
mod senders;
mod sessions;
mod start_request;
mod suppressions;
mod system;
mod template_check;
mod template_fetch;
mod templates;
mod test_message;
mod text;
mod versions;
mod waiting;
mod webhook_deliveries;
mod webhook_endpoints;
mod webhooks;

pub use access::action::{Action, Object};
pub use access::caller::{Actor, ActorKind, Caller, CallerSession, Client, Idempotency};
pub use access::grant::Grant;
pub use access::log_in_rules::LogInRules;
pub use access::right::{Right, Rights};
pub use access::role::Role;
pub use accounts::{Account, AccountEdit, AccountLink, LinkedAccount, NewAccount};
pub use arriving_list::{ArrivedList, ArrivingList, too_long};
pub use audit_check::{AuditCheck, LastAuditRow};
pub use audit_log::{AuditQuery, AuditView};
pub use campaign_page::CampaignPage;
pub use company::CompanyLogIns;
pub use company_log_in::CompanyAnswer;
pub use control::{Control, Done, Keys, Setup};
pub use counters::{CountCheck, Miscount};
pub use database::{Confirmation, ConfirmedDatabase, DatabaseIdentity, DatabaseView, WorkerView};
pub use dead_letters::{DeadLetter, RedrivenLetters};
pub use drafts::{Deleted, Draft};
pub use error::{Error, Problem};
pub use events::{Event, EventPage};
pub use flow_tokens::TokenRecipient;
pub use flows::{FlowDetails, FlowView, NewFlow, ScreenView};
pub use found_numbers::FoundNumber;
pub use imported::{ImportedList, ImportedNumbers, RejectedRow, RejectedRows, SHOWN as SHOWN_REJECTED_ROWS};
pub use jobs::begin::JobBegun;
pub use jobs::job::Job;
pub use keys::{ApiKey, NewApiKey, NewApiKeySecret};
pub use known_texts::KnownTexts;
pub use launch::check::{Check, Finding, Place};
pub use launch::forecast::{Cost, CostOfCountry};
pub use launch::sample::{SAMPLES, Sample};
pub use list_reports::{Conservation, rejection_sentence};
pub use lists::{Export, ExportDone, ExportError, ListImport};
pub use live::guards::Guard;
pub use live::progress::{CampaignProgress, ProgressCounts};
pub use live::sampler::Live;
pub use live::topics::{Sample as LiveSample, SampleId, State as LiveState, Watch};
pub use log_in::{LogIn, LoggedIn};
pub use members::MemberFault;
pub use new_sender::SenderToAdd;
pub use notifier::KINDS as EVENT_KINDS;
pub use page::{MAX_LIMIT, Page, PageRequest};
pub use preview::{Preview, PreviewItem, PreviewRequest};
pub use prices::{NewPrices, Price, PricesView};
pub use producer::{
    AnnotatedList, ExportFormat, ImportOptions, List, ListOptions, Progress, Spool, SpoolError, file_name,
    variable_name,
};
pub use recipients::{RecipientDetails, RecipientNumber};
pub use reports::{Campaign, CampaignEvent, CampaignLine};
pub use resend::{Resent, Resolve, Retry};
pub use restored::{LostCampaign, LostSends, LostTime};
pub use retention::{ErasedCampaigns, ErasedNumber};
pub use running::{Ended, Paused, Started};
pub use running_jobs::ImportBytes;
pub use second_factor::{ConfirmedFactor, FactorSetUp};
pub use second_factors::{SecondFactorRule, SecondFactors};
pub use sender_page::SenderPage;
pub use sender_stops::{HeldSender, PastStop, ProbedSender, ResumedSender, StopView, UsedUpCap};
pub use sender_webhook::{WebhookSettings, WebhookView};
pub use senders::{DailyCap, SenderChange, SenderView};
pub use sessions::{Session, SessionUse};
pub use start_request::{StartApproval, StartRequested};
pub use store::{
    AnswerReport, AnswerSummary, AttemptReport, CampaignFilter, CampaignReport, CountryReport, ErrorReport,
    FieldSummary, FoundRecipient, ImportRow, ListReport, MinuteReport, PendingFactor, ProviderNotice,
    RecipientFilter, RecipientKind, RecipientReport, ResendClass, ResendCount, ResolutionReport,
    UnusablePosts, ValueCount,
};
pub use suppressions::{
    CountedSuppressions, LookupEntry, NewestSuppressions, NumberLookup, SuppressedNumber, SuppressionView,
};
pub use system::{FailingJob, SenderSystem, SystemView};
pub use template_fetch::FetchedTemplates;
pub use templates::{NewTemplate, TemplateButton, TemplateCategory, TemplateStatus, TemplateView};
pub use test_message::{TestMessage, TestResult};
pub use text::{minute, thousands, utc};
pub use versions::Versioned;
pub use waiting::Waiting;
pub use webhook_deliveries::{PingedEndpoint, ResentEvents, WebhookDelivery};
pub use webhook_endpoints::{
    NewWebhookEndpoint, WebhookEndpoint, WebhookEndpointEdit, WebhookEndpointSecret,
};
pub use webhooks::Webhooks;
