//! The providers: request bodies, answers turned into verdicts, and the HTTP client. `reqwest` lives only here.
//!
//! ```text
//! Config ─▶ Client ┐
//!          Account ┴─▶ Channel ── send(Outgoing) ─▶ Answer { verdict, … }
//! ```
//!
//! **Invariants.**
//! - One [`Channel::send`] is at most one HTTP request. Nothing here repeats one.
//! - [`Channel::send`] has no error: every end of a request is a [`campaign::Verdict`]. What surely did not leave is
//!   `Retry`; what may have been taken is `Unknown`; `Accepted` needs the provider's message id in a 2xx answer.
//! - The code in the body decides, not the HTTP status. What each code means is one table per provider,
//!   [`error_map`].
//! - The provider's own words are read to tell two meanings of one code apart and are never kept. No number, key or
//!   text of a message is in a `Debug`, an error or a verdict.
//!
//! **A provider** is one file for its wire format, and one for its table; `adapter.rs` names them all. What Meta defines
//! and others pass on is in `message_object.rs`, `interactive.rs` (a flow) and `template.rs` (a template's components).
//!
//! What providers post to us is read in [`webhook`], which makes no request.
//!
//! **What the HTTP libraries do by themselves, and what is done about it.**
//! - No time limit: [`Config::connect_timeout`] and [`Config::timeout`]; `tcp_user_timeout` stays at reqwest's 30 s,
//!   which the total limit undercuts.
//! - Connections are kept for 90 s, and a server that closes one earlier takes the next request with it, which
//!   nobody may repeat: [`Config::pool_idle_timeout`] is 4 s, and what is lost all the same is `Unknown`.
//! - A refused HTTP/2 stream is sent again, `POST` included: the retry policy is `never`. What hyper still does is to
//!   take another connection for a request of which nothing was begun; that is no second request.
//! - Up to ten redirects are followed, 307 and 308 with the body: the redirect policy is `none`, and a redirect stops
//!   the sender.
//! - `HTTPS_PROXY` and its kin are obeyed: no proxy but [`Config::proxy`].
//! - A connection whose answer was not read to its end is not used again: the body is read whole, up to
//!   [`Config::max_answer_bytes`], with `Content-Length` looked at first. No compression is offered, so no small
//!   answer can unpack into a large one.
//! - Errors show the URL: they are read for their kind and dropped. Key headers are marked sensitive.
//! - h2 before 0.4.16 and rustls-webpki before 0.103.13 have known holes: the lock file holds later ones.
//! - A client per request has no kept connections: there is one [`Client`], shared by all channels.

mod account;
mod adapter;
mod answer;
mod channel;
mod client;
mod config;
mod error;
mod hook;
mod interactive;
mod kaleyra;
mod kaleyra_errors;
mod lipachat;
mod lipachat_errors;
mod message_object;
mod meta;
mod meta_errors;
mod one_msg;
mod one_msg_errors;
mod overrides;
mod rule;
mod template;
mod transport;
pub mod webhook;

pub use account::Account;
pub use answer::{Heard, error_map, judge_answer};
pub use channel::{Answer, Channel, Outgoing};
pub use client::Client;
pub use config::Config;
pub use error::Error;
pub use hook::HookError;
pub use overrides::Overrides;
pub use rule::{Class, Rule, Sign, UnknownClass};
