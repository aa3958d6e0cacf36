//! Random tokens: of sessions and of one-time links.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{NoRandomness, random};

/// Bytes of a token: 256 bits.
const BYTES: usize = 32;
/// Characters of a token.
pub(crate) const CHARACTERS: usize = 43;

/// A token of 256 random bits, as 43 characters of base64url (RFC 4648, section 5, without padding).
#[derive(Clone, Debug)]
pub struct Token(SecretString);

impl Token {
    /// A new token from the random numbers of the operating system.
    pub fn new() -> Result<Self, NoRandomness> {
        Ok(Self(URL_SAFE_NO_PAD.encode(random::<BYTES>()?).into()))
    }

    /// Reads a token. `None` if the text is not the base64url form of 32 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (text.len() == CHARACTERS && bytes.len() == BYTES).then(|| Self(text.to_owned().into()))
    }

    /// The text to hand out, once.
    pub fn secret(&self) -> &str {
        self.0.expose_secret()
    }

    /// What is stored. SHA-256 without a salt is enough, because a token cannot be guessed.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.secret())
    }
}

/// SHA-256 of a token.
#[derive(Clone, Copy, Debug)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    pub(crate) fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// The bytes to store.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Compares with stored bytes, in constant time.
    pub fn is(&self, stored: &[u8]) -> bool {
        self.0.as_slice().ct_eq(stored).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_token_has_43_characters_and_is_read_back() {
        let tokens: BTreeSet<String> = (0..100).map(|_| Token::new().unwrap().secret().to_owned()).collect();
        assert_eq!(tokens.len(), 100);
        for token in tokens {
            assert_eq!(token.len(), 43);
            assert_eq!(Token::parse(&token).unwrap().secret(), token);
        }
    }

    #[test]
    fn other_texts_are_no_tokens() {
        let token = Token::new().unwrap().secret().to_owned();
        let other_last = |last: &str| format!("{}{last}", token.chars().take(42).collect::<String>());
        for text in ["", "x", &format!("{token}A"), &format!("{token}="), &other_last("*"), &other_last("é")]
        {
            assert!(Token::parse(text).is_none(), "{text}");
        }
        // The last character has two bits that belong to no byte: only one spelling of them is accepted.
        assert!(Token::parse(&other_last("B")).is_none());
    }

    #[test]
    fn a_hash_equals_only_the_hash_of_the_same_token() {
        let (one, other) = (Token::new().unwrap(), Token::new().unwrap());
        assert!(one.hash().is(one.hash().bytes()));
        assert!(!one.hash().is(other.hash().bytes()) && !one.hash().is(&[]));
        assert_ne!(one.hash().bytes(), one.secret().as_bytes());
    }

    #[test]
    fn debug_does_not_show_a_token() {
        let token = Token::new().unwrap();
        assert!(!format!("{token:?}").contains(token.secret()));
    }
}
