//! A strict stand-in for WhatsApp providers, over real HTTP.
//!
//! It answers like the provider's own documentation says, validates every field it is sent, and keeps a ledger of every
//! request that arrived, so that a rehearsal or a test can say who was sent what, when and how often. It has a balance that
//! runs out, a rate limit, and faults that can be switched on and off while it runs. What became of the messages it posts back to
//! a [`Webhook`]: receipts, completed forms, opt-outs, in order or not.
//!
//! Invariants:
//! - It is an independent reading of the vendor's page and shares no code with the `whatsapp` crate, which it checks.
//! - One request is decided under one lock: sequence, arrival, rate, balance and verdict never contradict each other.
//! - Nothing that was accepted is ever missing in the ledger, whatever answer the client then got.
//! - A new provider is one new file beside `kaleyra.rs` and one arm in `provider.rs`.
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
//! The same listener answers under `/_admin`, in JSON and without credentials; listen on loopback only. Durations are words
//! such as `"50ms"`, recipients are digits with or without `+`, and whatever is refused says why in `{"error": …}`.
//!
//! | request | answer |
//! |---|---|
//! | `GET /_admin/summary` | [`Summary`] |
//! | `GET /_admin/ledger?after=SEQ&limit=N` | [`Entry`] rows as JSON lines, `after` 0 and `limit` 1000 if not given |
//! | `GET /_admin/arrivals?accepted=true` | array of arrivals in µs, of all requests if `accepted` is not given |
//! | `GET /_admin/recipient/{msisdn}` | [`Recipient`] |
//! | `PUT /_admin/balance` | `{"balance": n}`, `null` is endless |
//! | `POST /_admin/balance/add` | `{"amount": n}` |
//! | `PUT /_admin/latency` | [`Latency`]: `{"fixed": "50ms", "jitter": "20ms"}` |
//! | `PUT /_admin/rate-limit` | `{"rate_limit": "20/s"}`, `null` is none |
//! | `GET /_admin/faults` | every [`ArmedFault`] |
//! | `POST /_admin/faults` | adds a [`Fault`], answers the [`ArmedFault`] |
//! | `DELETE /_admin/faults`, `/_admin/faults/{id}` | removes all, or one |
//! | `PUT /_admin/webhook` | [`Webhook`]: where what becomes of messages is posted, `null` is nowhere |
//! | `GET /_admin/webhook` | [`Returned`]: what was posted so far |
//! | `POST /_admin/reset` | as it was at the start, with an empty ledger |

mod admin;
mod book;
mod check;
mod config;
mod connection;
mod controls;
mod desk;
mod dice;
mod error;
mod fault;
mod handler;
mod injector;
mod kaleyra;
mod label;
mod ledger;
mod lipachat;
mod message;
mod meta;
mod meta_outcomes;
mod msisdn;
mod news;
mod one_msg;
mod outcome;
mod postman;
mod provider;
mod reply;
mod server;
mod stamp;
mod web_page;
mod webhook;
mod window;

pub use config::{Config, Latency};
pub use controls::Controls;
pub use error::Error;
pub use fault::{ArmedFault, Effect, Fault, FaultKind, Garbage, ResetPoint, Scope};
pub use ledger::{Entry, Ledger, Recipient, Summary};
pub use msisdn::Msisdn;
pub use provider::Provider;
pub use server::{Running, Simulator};
pub use webhook::{Returned, Webhook};
pub use window::{RateLimit, max_in_window};
