//! The WhatsApp providers: requests, the classification of answers, webhooks, and the HTTP client. Only this crate uses
//! `reqwest`.
//!
//! ```text
//! Config ─▶ Client ┐
//!          Account ┴─▶ Channel ── send(Outgoing) ─▶ Answer { verdict, … }
//! ```
//!
//! **Invariants.**
//! - One [`Channel::send`] makes at most one HTTP request. This crate never repeats a request.
//! - [`Channel::send`] has no error: every result of a request is a [`campaign::Verdict`]. If the request certainly was not sent,
//!   the verdict is `Retry`. If the provider may have accepted the message, it is `Unknown`. `Accepted` requires the provider's
//!   message id in a 2xx answer.
//! - The code in the body decides, not the HTTP status. One table per provider, [`error_map`], says what each code means.
//! - The provider's text is searched to distinguish two meanings of one code, and is never kept. No phone number, key or message
//!   text is in a `Debug` output, an error or a verdict.
//!
//! # Structure
//!
//! Each module uses only modules above it: `account`, `config`, `error` and `classification`; `request` and `webhook` (the
//! formats that providers share); `providers` (one file per provider, with its table of errors and its webhook); `http` (the
//! client). [`webhook`] holds the events of a webhook request, which [`read_webhook`] parses. `providers` says how to add a
//! provider.
//!
//! # Defaults of the HTTP libraries that we change
//!
//! - There is no time limit: we set [`Config::connect_timeout`] and [`Config::timeout`]. `tcp_user_timeout` keeps reqwest's 30 s,
//!   because the total limit is shorter.
//! - Idle connections are kept for 90 s. If the server closes a connection earlier, the next request on it is lost and cannot be
//!   repeated. [`Config::pool_idle_timeout`] is 4 s; a request that is lost nevertheless is `Unknown`.
//! - A refused HTTP/2 stream is sent again, even for `POST`: we set the retry policy to `never`. hyper may still move a request
//!   to another connection if nothing of it was sent; that is not a second request.
//! - Up to ten redirects are followed, 307 and 308 with the body: we set the redirect policy to `none`, and a redirect stops the
//!   sender.
//! - `HTTPS_PROXY` and similar variables are used: we use [`Config::proxy`] only.
//! - A connection is not reused if its answer was not read completely: we read the whole body, up to
//!   [`Config::max_answer_bytes`], and check `Content-Length` first. We do not offer compression, so a small answer cannot expand
//!   into a large one.
//! - Errors contain the URL: we use only the kind of the error. Headers with a key are marked sensitive.
//! - h2 before 0.4.16 and rustls-webpki before 0.103.13 have known vulnerabilities: the lock file has later versions.
//! - A client per request keeps no connections: all channels share one [`Client`].

mod account;
mod classification;
mod config;
mod error;
mod http;
mod providers;
mod request;
pub mod webhook;

pub use account::Account;
pub use classification::answer::{Explanation, HttpAnswer};
pub use classification::error_rule::{Class, Pattern, Rule, UnknownClass};
pub use classification::overrides::Overrides;
pub use config::Config;
pub use error::{Error, TemplateListError};
pub use http::channel::{Answer, Channel};
pub use http::client::Client;
pub use providers::answers::{DocumentedAnswer, Effect, documented_answers};
pub use providers::approved_template::{ApprovedButton, ApprovedTemplate};
pub use providers::{classify_answer, error_map, read_webhook};
pub use request::outgoing::Outgoing;
