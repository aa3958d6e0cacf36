//! Hashes of passwords: Argon2id with 19 MiB, 2 iterations and 1 lane, the second recommendation of the OWASP Password Storage
//! Cheat Sheet. A hash is a PHC string, which names its parameters, so they can be raised later.

use std::sync::atomic::{AtomicU64, Ordering};

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordVerifier, Version};

use crate::{NoRandomness, random};

const MEMORY_KIB: u32 = 19 * 1024;
const ITERATIONS: u32 = 2;
const LANES: u32 = 1;
const HASH_BYTES: usize = 32;
const SALT_BYTES: usize = 16;
/// Verified for accounts that do not exist or have no password, so that their log-ins take as long. No password is accepted for it.
const DUMMY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$Zmxvd2Nhc3QgZHVtbXkgIQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The hash of a password, as a PHC string.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// A stored hash.
    pub fn stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text to store.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

fn argon2() -> Argon2<'static> {
    // The constants are valid; a test hashes with them.
    let params = Params::new(MEMORY_KIB, ITERATIONS, LANES, Some(HASH_BYTES)).unwrap_or(Params::DEFAULT);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Hashes a password with a new salt. Takes some 20 ms of CPU time and 19 MiB: call it through [`crate::Hasher`]. `computed` counts
/// the computations.
pub(crate) fn hash(password: &str, computed: &AtomicU64) -> Result<PasswordHash, NoRandomness> {
    computed.fetch_add(1, Ordering::Relaxed);
    let salt = random::<SALT_BYTES>()?;
    let hash: phc::PasswordHash =
        argon2().hash_password_with_salt(password.as_bytes(), &salt).map_err(|_| NoRandomness)?;
    Ok(PasswordHash(hash.to_string()))
}

/// Whether this is the password of the hash. `None` is an account that does not exist or has no password: the dummy hash is
/// verified, and the answer is no.
pub(crate) fn verify(password: &str, hash: Option<&PasswordHash>, computed: &AtomicU64) -> bool {
    let stored = hash.and_then(|hash| phc::PasswordHash::new(hash.as_str()).ok());
    let exists = stored.is_some();
    let Some(verified) = stored.or_else(|| phc::PasswordHash::new(DUMMY).ok()) else { return false };
    computed.fetch_add(1, Ordering::Relaxed);
    let is_right = argon2().verify_password(password.as_bytes(), &verified).is_ok();
    is_right && exists
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "correct horse battery staple";

    fn hash(password: &str) -> PasswordHash {
        super::hash(password, &AtomicU64::new(0)).unwrap()
    }

    fn verify(password: &str, hash: Option<&PasswordHash>) -> bool {
        super::verify(password, hash, &AtomicU64::new(0))
    }

    /// Everything of a hash that determines its cost.
    fn cost(hash: &str) -> (String, usize, usize) {
        let parsed = phc::PasswordHash::new(hash).unwrap();
        let parameters = format!("{} {:?} {}", parsed.algorithm, parsed.version, parsed.params);
        (parameters, parsed.salt.unwrap().len(), parsed.hash.unwrap().len())
    }

    #[test]
    fn only_the_same_bytes_are_the_password() {
        let hash = hash(PASSWORD);
        assert!(verify(PASSWORD, Some(&hash)));
        for other in ["Correct horse battery staple", "correct horse battery staple ", "correct horse", ""] {
            assert!(!verify(other, Some(&hash)), "{other}");
        }
    }

    #[test]
    fn a_hash_is_argon2id_with_19_mib_2_iterations_1_lane_and_a_salt_of_its_own() {
        let (one, other) = (hash(PASSWORD), hash(PASSWORD));
        assert!(one.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", one.as_str());
        assert_ne!(one, other);
        assert!(!format!("{one:?}").contains("argon2"));
    }

    #[test]
    fn an_unknown_account_costs_the_same_work_as_a_known_account() {
        assert_eq!(cost(DUMMY), cost(hash(PASSWORD).as_str()));
        let computed = AtomicU64::new(0);
        let known = hash(PASSWORD);
        for stored in [Some(&known), None, Some(&PasswordHash::stored("unreadable"))] {
            let before = computed.load(Ordering::Relaxed);
            assert_eq!(super::verify(PASSWORD, stored, &computed), stored == Some(&known));
            assert_eq!(computed.load(Ordering::Relaxed), before + 1);
        }
    }

    #[test]
    fn a_hash_that_cannot_be_read_accepts_no_password() {
        assert!(!verify("", Some(&PasswordHash::stored(""))));
        assert!(!verify(PASSWORD, Some(&PasswordHash::stored(PASSWORD))));
    }
}
