//! Signatures of Standard Webhooks (<https://www.standardwebhooks.com>): HMAC-SHA256 over id, timestamp and body.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::secret::{EndpointSecret, hmac_sha256};

/// The headers of a signed message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// `webhook-id`: the same for each attempt.
    pub id: String,
    /// `webhook-timestamp`: the time of the attempt, in seconds since 1970.
    pub timestamp: i64,
    /// `webhook-signature`: one signature per secret, separated by spaces.
    pub signatures: String,
}

/// Signs a body with each secret; the receiver accepts any of the signatures.
pub fn sign(secrets: &[EndpointSecret], id: &str, timestamp: i64, body: &[u8]) -> Signed {
    let head = format!("{id}.{timestamp}.");
    let signature = |secret: &EndpointSecret| {
        format!("v1,{}", STANDARD.encode(hmac_sha256(secret.bytes(), &[head.as_bytes(), body])))
    };
    let signatures: Vec<String> = secrets.iter().map(signature).collect();
    Signed { id: id.to_owned(), timestamp, signatures: signatures.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The vector that the libraries of Standard Webhooks are tested with has a secret of 24 bytes, so it is checked below `sign`.
    const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &str = r#"{"test": 2432232314}"#;

    #[test]
    fn the_signature_is_that_of_the_standards_test_vector() {
        let key = STANDARD.decode(SECRET).unwrap();
        let head = format!("{ID}.1614265330.");
        let signature = STANDARD.encode(hmac_sha256(&key, &[head.as_bytes(), BODY.as_bytes()]));
        assert_eq!(signature, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_give_two_signatures_of_the_same_message() {
        let (new, old) = (EndpointSecret::of([1; 32]), EndpointSecret::of([2; 32]));
        let alone = |secret: &EndpointSecret| sign(std::slice::from_ref(secret), ID, 7, b"{}").signatures;
        let both = sign(&[new.clone(), old.clone()], ID, 7, b"{}");
        assert_eq!(both.signatures, format!("{} {}", alone(&new), alone(&old)));
        assert!(both.signatures.starts_with("v1,"));
        assert_ne!(alone(&new), sign(std::slice::from_ref(&new), ID, 8, b"{}").signatures);
    }
}
