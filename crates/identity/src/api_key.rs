//! API keys: `fc_` + id of 8 characters + `_` + token.

use std::fmt;

use crate::token::{CHARACTERS, Token, TokenHash};
use crate::{NoRandomness, random};

const PREFIX: &str = "fc_";
const ID_CHARACTERS: usize = 8;
/// Base32 of RFC 4648 in lower case: no character of it separates the parts of a key.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The id of an API key. It is no secret: lists, the audit and logs show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyId(String);

impl ApiKeyId {
    /// Reads an id.
    pub fn parse(text: &str) -> Option<Self> {
        let is_id = text.len() == ID_CHARACTERS && text.bytes().all(|byte| ALPHABET.contains(&byte));
        is_id.then(|| Self(text.to_owned()))
    }

    /// The 8 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An API key. Scanners for leaked secrets recognize the prefix.
#[derive(Clone, Debug)]
pub struct ApiKey {
    id: ApiKeyId,
    token: Token,
}

impl ApiKey {
    /// A new key from the random numbers of the operating system.
    pub fn new() -> Result<Self, NoRandomness> {
        let sign = |byte: u8| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]);
        let id = random::<ID_CHARACTERS>()?.into_iter().map(sign).collect();
        Ok(Self { id: ApiKeyId(id), token: Token::new()? })
    }

    /// Reads a key. `None` if the text has another form.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX)?;
        if rest.len() != ID_CHARACTERS + 1 + CHARACTERS {
            return None;
        }
        let (id, token) = rest.split_once('_')?;
        Some(Self { id: ApiKeyId::parse(id)?, token: Token::parse(token)? })
    }

    /// The id of the key.
    pub fn id(&self) -> &ApiKeyId {
        &self.id
    }

    /// The text to hand out, once.
    pub fn secret(&self) -> String {
        format!("{PREFIX}{}_{}", self.id, self.token.secret())
    }

    /// What is stored of the secret part.
    pub fn hash(&self) -> TokenHash {
        self.token.hash()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back() {
        for _ in 0..100 {
            let key = ApiKey::new().unwrap();
            let text = key.secret();
            assert_eq!(text.len(), 55);
            let read = ApiKey::parse(&text).unwrap();
            assert_eq!(read.id(), key.id());
            assert!(read.hash().is(key.hash().bytes()));
        }
    }

    #[test]
    fn other_texts_are_no_keys() {
        let text = ApiKey::new().unwrap().secret();
        let without_prefix = text.strip_prefix("fc_").unwrap().to_owned();
        let upper = text.replacen("fc_", "FC_", 1);
        let long_id = format!("fc_aaaaaaaaa_{}", text.split_at(13).1);
        let wrong_id = format!("fc_AAAAAAAA_{}", text.split_at(12).1);
        for text in
            [String::new(), without_prefix, upper, long_id, wrong_id, format!("{text}x"), format!("{text} ")]
        {
            assert!(ApiKey::parse(&text).is_none(), "{text}");
        }
    }

    #[test]
    fn debug_does_not_show_the_secret() {
        let key = ApiKey::new().unwrap();
        let shown = format!("{key:?}");
        assert!(shown.contains(key.id().as_str()) && !shown.contains(key.token.secret()), "{shown}");
    }
}
