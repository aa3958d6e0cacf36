//! Meta's signature: `X-Hub-Signature-256: sha256=<hex>`, HMAC-SHA-256 of the body under the app secret
//! (`developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/create-webhook-endpoint`).
//!
//! The signature covers the received bytes, is verified before the body is parsed, and is compared in constant time. It does not
//! cover a time, so a signed body can be replayed at any time. Duplicates have no effect, because events are stored idempotently.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// The header with the signature.
pub const SIGNATURE_HEADER: &str = "x-hub-signature-256";

/// Whether the header is the signature of this body.
pub fn is_signed(secret: &SecretString, body: &[u8], header: Option<&[u8]>) -> bool {
    let Some(signature) = header.and_then(|header| header.strip_prefix(b"sha256=")).and_then(unhex) else {
        return false;
    };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else {
        return false;
    };
    mac.update(body);
    mac.verify_slice(&signature).is_ok()
}

fn unhex(hex: &[u8]) -> Option<Vec<u8>> {
    let digit = |digit: u8| (digit as char).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let (pairs, rest) = hex.as_chunks::<2>();
    if pairs.len() != 32 || !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    const KEY: &str = "Jefe";
    const BODY: &[u8] = b"what do ya want for nothing?";
    const SIGNATURE: &str = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

    #[test]
    fn only_the_signature_of_this_body_with_this_secret_is_accepted() {
        let key = SecretString::from(KEY);
        let signed = |body, header: &str| is_signed(&key, body, Some(header.as_bytes()));
        assert!(signed(BODY, SIGNATURE));
        assert!(signed(BODY, &SIGNATURE.to_uppercase().replace("SHA256", "sha256")));
        assert!(!signed(b"what do ya want for nothing!", SIGNATURE));
        assert!(!is_signed(&SecretString::from("Jeff"), BODY, Some(SIGNATURE.as_bytes())));
        assert!(!is_signed(&key, BODY, None));
        for wrong in [
            "",
            "sha256=",
            "sha1=5bdc",
            "sha256=zz",
            SIGNATURE.trim_end_matches("43"),
            &format!("{SIGNATURE}00"),
        ] {
            assert!(!signed(BODY, wrong), "{wrong}");
        }
    }
}
