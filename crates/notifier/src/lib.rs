//! Outgoing webhooks: events are posted to the addresses of the customer, signed as Standard Webhooks describes.
//!
//! - `secret` derives the secret of an endpoint, `signature` signs with it
//! - `schedule` says when a failed delivery is attempted again
//! - `guard` refuses addresses that a customer must not reach through us (SSRF)
//! - `poster` posts, `deliver` takes deliveries from the database and posts them
//!
//! **Invariants.**
//! - No secret of an endpoint is stored, logged or part of an error.
//! - A delivery connects only to an address that the guard has checked: the name is resolved once per connection, by the guard.
//! - Each delivery is made at least once, and repetitions have the same `webhook-id`.

mod config;
mod deliver;
mod guard;
mod poster;
mod schedule;
mod secret;
mod signature;

pub use config::Config;
pub use deliver::{Setup, Timing, run};
pub use guard::{Guard, Refused};
pub use poster::{Answer, PostError, Poster};
pub use schedule::pause_after;
pub use secret::{EndpointSecret, WebhookKey, WrongKey};
pub use signature::{Signed, sign};

/// The kinds of events that an endpoint can be limited to.
pub const KINDS: [&str; 12] = [
    "campaign.started",
    "campaign.paused",
    "campaign.stopped",
    "campaign.resumed",
    "campaign.finished",
    "campaign.ended",
    "sender.stopped",
    "sender.opened",
    "list.imported",
    "list.refused",
    "answers.received",
    "test.ping",
];
