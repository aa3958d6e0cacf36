//! Secrets of endpoints: derived from the key of the installation with HKDF-SHA256 (RFC 5869), so that the database holds none.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// Minimum length of the key, in characters.
const SHORTEST_KEY: usize = 32;
/// The salt keeps these secrets apart from other uses of the same key.
const SALT: &[u8] = b"flowcast webhook endpoint v1";

/// The key cannot be used. The text does not contain it.
#[derive(Debug, thiserror::Error)]
#[error(
    "the key has {length} characters; write {SHORTEST_KEY} or more, as 'openssl rand -hex 32' makes them"
)]
pub struct WrongKey {
    length: usize,
}

/// The key of the installation from which the secrets of all endpoints are derived.
#[derive(Clone)]
pub struct WebhookKey(SecretString);

/// The secret of an endpoint.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointSecret([u8; 32]);

impl WebhookKey {
    /// Refuses a key that could be guessed from a delivery.
    pub fn new(key: SecretString) -> Result<Self, WrongKey> {
        match key.expose_secret().chars().count() {
            length if length < SHORTEST_KEY => Err(WrongKey { length }),
            _ => Ok(Self(key)),
        }
    }

    /// The secret of an endpoint in this generation.
    pub fn secret(&self, endpoint: i64, generation: i32) -> EndpointSecret {
        let info = format!("{endpoint}.{generation}");
        EndpointSecret(hkdf(SALT, self.0.expose_secret().as_bytes(), info.as_bytes()))
    }
}

impl EndpointSecret {
    /// A secret of these bytes.
    pub fn of(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The text that the receiver stores: `whsec_` and the bytes in base64.
    pub fn text(&self) -> String {
        format!("whsec_{}", STANDARD.encode(self.0))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookKey(***)")
    }
}

impl fmt::Debug for EndpointSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndpointSecret(***)")
    }
}

/// HMAC-SHA256. Every length of a key is valid.
pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        unreachable!("HMAC takes keys of any length")
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The first 32 bytes of HKDF-SHA256: extract, and one block of expand.
fn hkdf(salt: &[u8], key: &[u8], info: &[u8]) -> [u8; 32] {
    let extracted = hmac_sha256(salt, &[key]);
    hmac_sha256(&extracted, &[info, &[1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unhex(hex: &str) -> Vec<u8> {
        let digits = hex.as_bytes().chunks(2);
        digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    #[test]
    fn the_derivation_is_hkdf_of_rfc_5869() {
        // Test case 1: the first block of 42 bytes.
        let derived = hkdf(&unhex("000102030405060708090a0b0c"), &[0x0b; 22], &unhex("f0f1f2f3f4f5f6f7f8f9"));
        let expected = unhex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
        assert_eq!(derived.as_slice(), expected);
    }

    #[test]
    fn endpoints_generations_and_keys_have_different_secrets() {
        let key = |letter: &str| WebhookKey::new(SecretString::from(letter.repeat(32))).unwrap();
        let secret = key("a").secret(1, 1);
        assert_eq!(secret, key("a").secret(1, 1));
        for other in
            [key("a").secret(1, 2), key("a").secret(2, 1), key("a").secret(11, 1), key("b").secret(1, 1)]
        {
            assert_ne!(secret, other);
        }
        assert_ne!(key("a").secret(1, 11), key("a").secret(11, 1));
        let text = secret.text();
        assert!(text.starts_with("whsec_") && text.len() == 6 + 44, "{text}");
        assert!(!format!("{secret:?} {:?}", key("a")).contains("aaa"));
    }

    #[test]
    fn a_short_key_is_refused() {
        let error = WebhookKey::new(SecretString::from("hunter2")).unwrap_err().to_string();
        assert!(error.contains("has 7 characters") && !error.contains("hunter2"), "{error}");
    }
}
