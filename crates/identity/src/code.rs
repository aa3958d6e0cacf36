//! One-time codes of an authenticator app (TOTP, RFC 6238: SHA-1, 6 digits, 30 s), and recovery codes.
//!
//! The secret of a person is derived from the key of the installation with HKDF-SHA256 (RFC 5869), so that the database holds none.

use std::fmt;

use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use totp_rs::{Builder, Secret, Totp};

use crate::{NoRandomness, TokenHash, random};

/// Minimum length of the key, in characters.
const SHORTEST_KEY: usize = 32;
/// The salt keeps these secrets apart from other uses of the same key.
const SALT: &[u8] = b"flowcast second factor v1";
/// Bytes of a secret: 160 bits, as RFC 4226 recommends.
const BYTES: usize = 20;
/// Letters and digits that are not mistaken for each other (base32 of Crockford).
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters of a recovery code, without hyphens: 80 bits.
const RECOVERY_CHARACTERS: usize = 16;

/// The key cannot be used. The text does not contain it.
#[derive(Debug, thiserror::Error)]
#[error(
    "the key has {length} characters; write {SHORTEST_KEY} or more, as 'openssl rand -hex 32' makes them"
)]
pub struct WrongFactorKey {
    length: usize,
}

/// The key of the installation from which the secrets of all authenticator apps are derived.
#[derive(Clone)]
pub struct FactorKey(SecretString);

/// The secret that the authenticator app of one person and Flowcast share.
pub struct Factor(Totp);

/// A code that replaces the authenticator app once.
#[derive(Clone)]
pub struct RecoveryCode(SecretString);

impl FactorKey {
    /// Refuses a key that could be guessed.
    pub fn new(key: SecretString) -> Result<Self, WrongFactorKey> {
        match key.expose_secret().chars().count() {
            length if length < SHORTEST_KEY => Err(WrongFactorKey { length }),
            _ => Ok(Self(key)),
        }
    }

    /// The factor of an account in this generation. `name` is shown by the app.
    pub fn factor(&self, account: i64, generation: i32, name: &str) -> Factor {
        let mut secret = [0; BYTES];
        let info = format!("{account}.{generation}");
        let derived = Hkdf::<Sha256>::new(Some(SALT), self.0.expose_secret().as_bytes());
        // HKDF-SHA256 gives up to 8,160 bytes.
        if derived.expand(info.as_bytes(), &mut secret).is_err() {
            unreachable!("HKDF-SHA256 gives 20 bytes");
        }
        let builder = Builder::new().with_secret(Secret::new(Box::new(secret)));
        Factor(builder.with_account_name(name).with_issuer(Some("Flowcast")).build_noncompliant())
    }
}

impl Factor {
    /// The 30-second step of a code that is valid at this time, or up to one step before or after, for clocks that differ.
    /// Spaces are ignored. A step must be accepted once only.
    pub fn step_of(&self, code: &str, unix_seconds: u64) -> Option<i64> {
        let code: String = code.chars().filter(|sign| !sign.is_whitespace()).collect();
        self.0.check(&code, unix_seconds).and_then(|step| i64::try_from(step).ok())
    }

    /// The code that the app shows at this time.
    pub fn code_at(&self, unix_seconds: u64) -> String {
        self.0.generate(unix_seconds).to_string()
    }

    /// The secret as base32, for typing it into the app.
    pub fn base32(&self) -> SecretString {
        self.0.secret().to_base32().into()
    }

    /// The address in the QR code: `otpauth://totp/…`. `None` if the name contains a colon.
    pub fn otpauth(&self) -> Option<SecretString> {
        self.0.to_url().ok().map(SecretString::from)
    }
}

impl RecoveryCode {
    /// A new code from the random numbers of the operating system.
    pub fn new() -> Result<Self, NoRandomness> {
        let bytes = random::<RECOVERY_CHARACTERS>()?;
        let signs = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
        Ok(Self(signs.collect::<String>().into()))
    }

    /// Reads a typed code: in any case, with or without hyphens and spaces, and with O for 0 and I or L for 1.
    pub fn parse(text: &str) -> Option<Self> {
        let signs = text.chars().filter(|sign| !sign.is_whitespace() && *sign != '-').map(|sign| match sign
            .to_ascii_lowercase()
        {
            'o' => '0',
            'i' | 'l' => '1',
            other => other,
        });
        let code: String = signs.collect();
        let is_valid = code.len() == RECOVERY_CHARACTERS && code.bytes().all(|byte| ALPHABET.contains(&byte));
        is_valid.then(|| Self(code.into()))
    }

    /// The text to show, once: `xxxx-xxxx-xxxx-xxxx`.
    pub fn secret(&self) -> String {
        let signs: Vec<char> = self.0.expose_secret().chars().collect();
        signs.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join("-")
    }

    /// What is stored. SHA-256 without a salt is enough, because 80 random bits cannot be guessed.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.0.expose_secret())
    }
}

impl fmt::Debug for FactorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FactorKey(***)")
    }
}

impl fmt::Debug for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Factor(***)")
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(***)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn key(letter: &str) -> FactorKey {
        FactorKey::new(SecretString::from(letter.repeat(32))).unwrap()
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        let secret = Secret::new(Box::new(*b"12345678901234567890"));
        let factor = Factor(Builder::new().with_secret(secret).build().unwrap());
        // Appendix B, the last 6 of 8 digits.
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            assert_eq!(factor.step_of(code, time), Some(i64::try_from(time / 30).unwrap()), "{time}");
        }
        assert_eq!(factor.code_at(59), "287082");
        let step = 1_111_111_109 / 30;
        assert_eq!(factor.step_of(" 081 804 ", 1_111_111_109 + 30), Some(step), "a clock that is 30 s late");
        assert_eq!(factor.step_of("081804", 1_111_111_109 + 90), None);
        for wrong in ["", "81804", "0818040", "abcdef", "081805"] {
            assert_eq!(factor.step_of(wrong, 1_111_111_109), None, "{wrong}");
        }
    }

    #[test]
    fn accounts_generations_and_keys_have_different_secrets() {
        let text = |factor: Factor| factor.base32().expose_secret().to_owned();
        let secrets: BTreeSet<String> = [
            text(key("a").factor(1, 1, "x")),
            text(key("a").factor(1, 2, "x")),
            text(key("a").factor(2, 1, "x")),
            text(key("a").factor(1, 11, "x")),
            text(key("a").factor(11, 1, "x")),
            text(key("b").factor(1, 1, "x")),
        ]
        .into();
        assert_eq!(secrets.len(), 6);
        assert_eq!(text(key("a").factor(1, 1, "y")), text(key("a").factor(1, 1, "x")));
        let factor = key("a").factor(1, 1, "Anna.Wanjiru");
        let url = factor.otpauth().unwrap();
        assert!(url.expose_secret().starts_with("otpauth://totp/Flowcast:Anna"), "{}", url.expose_secret());
        assert!(!format!("{factor:?} {:?}", key("a")).contains("aaa"));
        let error = FactorKey::new("hunter2".into()).unwrap_err().to_string();
        assert!(error.contains("has 7 characters") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_recovery_code_is_read_as_people_type_it() {
        let code = RecoveryCode::new().unwrap();
        let text = code.secret();
        assert_eq!((text.len(), text.matches('-').count()), (19, 3), "{text}");
        for typed in [text.clone(), text.to_uppercase(), text.replace('-', ""), text.replace('-', " ")] {
            assert!(RecoveryCode::parse(&typed).unwrap().hash().is(code.hash().bytes()), "{typed}");
        }
        let read = RecoveryCode::parse("OIL0-0000-0000-0000").unwrap();
        assert_eq!(read.secret(), "0110-0000-0000-0000");
        for wrong in ["", "0000", "u000-0000-0000-0000", "0000-0000-0000-00000", "é000-0000-0000-0000"] {
            assert!(RecoveryCode::parse(wrong).is_none(), "{wrong}");
        }
        let many: BTreeSet<String> = (0..100).map(|_| RecoveryCode::new().unwrap().secret()).collect();
        assert_eq!(many.len(), 100);
        assert!(!format!("{code:?}").contains(text.split_once('-').unwrap().0));
    }
}
