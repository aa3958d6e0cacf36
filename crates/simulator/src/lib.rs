//! A strict simulator of WhatsApp providers over real HTTP.
//!
//! The simulator answers as the provider's documentation says, validates every field of a request, and keeps a ledger of every
//! request. A rehearsal or a test reads from the ledger which recipient was sent what, when and how often. Balance, rate limit
//! and faults can be changed while the simulator runs. Delivery receipts, completed flows and opt-outs are posted to a
//! [`Webhook`], in order or out of order.
//!
//! Invariants:
//! - The simulator is implemented from the provider's documentation and shares no code with the `whatsapp` crate, which it tests.
//! - Each request is decided under one lock: sequence, arrival time, rate limit, balance and outcome are always consistent.
//! - Every accepted message is in the ledger, whatever answer the client gets.
//!
//! # Structure
//!
//! Each module uses only modules above it: `settings` (plain data), `providers` (one file per provider), `ledger` and `webhooks`,
//! `decision` (the decision about one request), `controls` and `ledger_reader` (the public handles), `http` (the admin API and
//! the provider's API), `server` (start and stop). `providers` says how to add a provider.
//!
//! ```no_run
//! # async fn rehearse() -> Result<(), simulator::Error> {
//! use simulator::{Config, Effect, Fault, Scope, Simulator};
//!
//! let running = Simulator::start(Config { balance: Some(1_000), ..Config::default() }).await?;
//! running.controls().inject(Fault { effect: Effect::Hang {}, scope: Scope::next(3) })?;
//! // … send to running.base_url() …
//! assert_eq!(running.ledger().summary().accepted_more_than_once, 0);
//! running.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Admin API
//!
//! The same listener serves the admin API under `/_admin`, in JSON and without a password; listen on loopback only. Durations are
//! strings such as `"50ms"`; recipients are digits with or without `+`. A refused request gets the reason as `{"error": …}`.
//!
//! | request | answer |
//! |---|---|
//! | `GET /_admin/summary` | [`Summary`] |
//! | `GET /_admin/ledger?after=SEQ&limit=N` | [`Entry`] rows as JSON lines, by default `after` is 0 and `limit` is 1000 |
//! | `GET /_admin/arrivals?accepted=true` | array of arrival times in µs; without `accepted` those of all requests |
//! | `GET /_admin/recipient/{msisdn}` | [`Recipient`] |
//! | `PUT /_admin/balance` | `{"balance": n}`; `null` is endless |
//! | `POST /_admin/balance/add` | `{"amount": n}` |
//! | `PUT /_admin/latency` | [`Latency`]: `{"fixed": "50ms", "jitter": "20ms"}` |
//! | `PUT /_admin/rate-limit` | `{"rate_limit": "20/s"}`; `null` removes the limit |
//! | `GET /_admin/faults` | every [`ArmedFault`] |
//! | `POST /_admin/faults` | adds a [`Fault`] and answers the [`ArmedFault`] |
//! | `DELETE /_admin/faults`, `/_admin/faults/{id}` | removes all faults, or one |
//! | `PUT /_admin/webhook` | [`Webhook`]: where events of messages are posted; `null` stops posting |
//! | `GET /_admin/webhook` | [`WebhookCounts`]: the number of posts so far |
//! | `POST /_admin/reset` | resets everything to the configuration, with an empty ledger |

mod controls;
mod decision;
mod error;
mod http;
mod ledger;
mod ledger_reader;
mod providers;
mod random;
mod server;
mod settings;
mod webhooks;

pub use controls::Controls;
pub use decision::sliding_window::max_in_window;
pub use error::Error;
pub use ledger_reader::{Entry, Ledger, Recipient, Summary};
pub use server::{Running, Simulator};
pub use settings::closed_windows::{ClosedWindows, WindowReport};
pub use settings::config::Config;
pub use settings::fault::{ArmedFault, Effect, Fault, FaultKind, Garbage, ResetPoint, Scope};
pub use settings::latency::Latency;
pub use settings::msisdn::Msisdn;
pub use settings::provider::Provider;
pub use settings::rate_limit::RateLimit;
pub use settings::webhook::{Webhook, WebhookCounts};
