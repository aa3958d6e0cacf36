//! Passwords, tokens and API keys: what proves who a caller is. No SQL, no network, no clock.
//!
//! **Invariants.**
//! - Only this crate uses `argon2` and `totp-rs`.
//! - Passwords are stored as Argon2id hashes, tokens as SHA-256. Neither a password nor a token is in a `Debug` output or an error.
//! - The check of a password takes the same work whether the account exists or not.
//! - Secrets are compared in constant time.

mod api_key;
mod code;
mod common;
mod delay;
mod hasher;
mod password;
mod rules;
mod token;

pub use api_key::{ApiKey, ApiKeyId};
pub use code::{Factor, FactorKey, RecoveryCode, WrongFactorKey};
pub use delay::{DelayRule, Failures, account_key, address_key};
pub use hasher::{Busy, Hasher};
pub use password::PasswordHash;
pub use rules::{PasswordError, PasswordRules};
pub use token::{Token, TokenHash};

/// The operating system has no random numbers.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the operating system gave no random numbers; repeat the request")]
pub struct NoRandomness;

/// Random bytes of the operating system.
fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}
