//! Log-ins with the account of a company: OpenID Connect Core 1.0, authorization code flow with PKCE (RFC 7636).
//!
//! **Invariants.**
//! - Only this crate uses `openidconnect`.
//! - A person is who an ID token names whose signature, issuer, audience, expiry and nonce were verified, in answer to the state that
//!   this browser began with. An unsigned token is refused.
//! - Tokens and secrets are in no `Debug` output and no error.

mod attempt;
mod config;
mod error;
mod http;
mod person;
mod provider;

pub use attempt::Attempt;
pub use config::Config;
pub use error::Error;
pub use person::Person;
pub use provider::{Provider, Settings};
