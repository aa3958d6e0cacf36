//! A client of the HTTP API, for the commands of `flowcast` on a machine without the database.
//!
//! ```text
//! Client::ACTION ─▶ Request ─▶ attempts with one Idempotency-Key ─▶ result of `control`, or the error of `control`
//! ```
//!
//! **Invariants.**
//! - Results and errors are those of `control`, so a command does not know whether it uses the database or the API.
//! - Each request that changes something has an `Idempotency-Key`, which stays the same when the request is repeated. A request is
//!   repeated only if its answer was lost, or if the server asked for it.
//! - The API key is sent to the address that the user named, over TLS unless that address is this machine or the user allowed
//!   plain HTTP, and to no other address: redirects are not followed. The key is in no error.
//! - Memory does not grow with a list that is uploaded or downloaded.
//!
//! # Structure
//!
//! `address`, `ongoing` (what goes on at the server), `request`, `problem` (failed answers), `network` (no answers), `transport`
//! (attempts), `pages`, then one file per subject: `jobs`, `campaigns`, `lists`, `exports`, `senders`, `suppressions`, `system`, `texts`.

mod address;
mod campaigns;
mod exports;
mod jobs;
mod lists;
mod network;
mod ongoing;
mod pages;
mod problem;
mod request;
mod senders;
mod suppressions;
mod system;
mod texts;
mod transport;

pub use address::{Address, AddressError};
pub use exports::Download;
pub use lists::{ImportParameters, ListParameters, Upload};
pub use transport::Client;
