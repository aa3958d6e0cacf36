//! Postgres: the truth about every campaign. All SQL of the project is in this crate and in `migrations/`.
//!
//! **Invariants.** `tokio-postgres` and `deadpool-postgres` are used here only. The database clock is the only clock:
//! no time of a worker is ever compared with one of the database. Every change that must hold together is one
//! statement or one transaction. A future that is dropped may still be carried out by the server, so no caller takes a
//! time-out for "not done": it reads the row again.

mod address;
mod alerts;
mod aliases;
mod answers;
mod archives;
mod backoff;
mod campaigns;
mod claimed;
mod claims;
mod clock;
mod closed;
mod config;
mod connection;
mod conversations;
mod dead_letters;
mod endings;
mod erasures;
mod error;
mod exports;
mod feed;
mod finals;
mod gate_watch;
mod grants;
mod holds;
mod hours;
mod imports;
mod ingest;
mod ingest_apart;
mod openings;
mod orphans;
mod outcomes;
mod pending;
mod people;
mod permits;
mod pool;
mod prices;
mod receipts;
mod relocation;
mod reports;
mod restored;
mod retention;
mod retries;
mod schema;
mod senders;
mod settlements;
mod sqlstate;
mod suppressions;
mod tallies;
mod tls;
mod told;
mod users;
mod volume;
mod waits;
mod webhooks;
mod workers;

pub use alerts::{Alert, AlertId};
pub use backoff::Backoff;
pub use campaigns::CampaignRow;
pub use claimed::{Claim, Claimed, ClaimedRow, Refused};
pub use config::Config;
pub use connection::Store;
pub use dead_letters::{DeadLetter, DeadLetterRow, Redriven};
pub use error::Error;
pub use exports::Who;
pub use feed::{FeedState, FeedTrouble, Pending, SenderFeed};
pub use gate_watch::{GateOf, GateState, GateWatch};
pub use holds::{Held, HoldRow, StopCause};
pub use imports::{Import, ImportCounts, ImportRow, LeftOut, ListOrigin, Numbers, Rejection};
pub use ingest::{
    About, AnswerRow, ConsentRow, InboundRow, Ingest, Ingested, NoticeRow, Person, RawBody, ReceiptRow,
};
pub use openings::Opened;
pub use outcomes::{Recorded, RecordedOutcome, Recording};
pub use permits::{Leased, LeasedAt, leased_at};
pub use receipts::ReceiptCounts;
pub use relocation::Relocated;
pub use reports::{CampaignReport, ErrorReport};
pub use restored::{Gap, GapCampaign};
pub use retries::RetryClass;
pub use schema::Migrated;
pub use senders::{DailyCap, NewSender, SenderRow};
pub use settlements::Settled;
pub use suppressions::{Suppressed, SuppressionReason};
pub use tallies::Miscount;
pub use volume::VolumeLimits;
pub use waits::WaitRow;
pub use webhooks::{WebhookChange, WebhookRow};
