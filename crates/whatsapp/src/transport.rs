//! From the end of a request without a whole answer to a verdict.
//!
//! The evidence is the client's own: before a connection stands, nothing of the message has left. After that nobody
//! can tell, and the outcome is unknown. A connection that dies between standing and the first byte counts as the
//! latter. Texts of errors are never kept.

use std::error::Error as StdError;
use std::io;

use campaign::{Refusal, StopReason, Verdict};
use rustls::CertificateError;

const CONNECT_FAILED: Refusal =
    Refusal::own("connect_failed", "the provider cannot be reached; nothing was sent");
const CONNECT_TIMEOUT: Refusal =
    Refusal::own("connect_timeout", "the provider did not take the connection in time; nothing was sent");
const DNS_FAILED: Refusal =
    Refusal::own("dns_failed", "the provider's name cannot be looked up; nothing was sent");
const TLS_FAILED: Refusal =
    Refusal::own("tls_failed", "no secure connection to the provider; nothing was sent");
const BAD_CERTIFICATE: Refusal = Refusal::own(
    "bad_certificate",
    "the certificate behind the sender's base address is not the provider's or not valid; nothing was sent",
);
const NOT_BUILT: Refusal =
    Refusal::own("request_not_built", "the request could not be built; nothing was sent");
const TIMEOUT: Refusal =
    Refusal::own("timeout", "no whole answer in time; the provider may have taken the message");
const CONNECTION_LOST: Refusal = Refusal::own(
    "connection_lost",
    "the connection broke before a whole answer; the message may have been taken",
);
/// Of an answer longer than is read.
pub(crate) const ANSWER_TOO_LARGE: Refusal = Refusal::own(
    "answer_too_large",
    "the answer is too long to be the provider's; the message may have been taken",
);

/// What a request that ended in an error means.
pub(crate) fn judge_failure(error: &reqwest::Error) -> Verdict {
    const OURS: &[std::time::Duration] = &[];
    let retry = |refusal| Verdict::Retry { refusal, schedule: OURS };
    if error.is_builder() {
        return retry(NOT_BUILT);
    }
    if !error.is_connect() {
        let refusal = if error.is_timeout() { TIMEOUT } else { CONNECTION_LOST };
        return Verdict::Unknown { refusal };
    }
    if error.is_dns() {
        return retry(DNS_FAILED);
    }
    match find_tls(error) {
        Some(rustls::Error::InvalidCertificate(fault)) if is_clearly_wrong(fault) => {
            Verdict::StopSender { refusal: BAD_CERTIFICATE, reason: StopReason::Misconfigured }
        }
        Some(_) => retry(TLS_FAILED),
        None if error.is_timeout() => retry(CONNECT_TIMEOUT),
        None => retry(CONNECT_FAILED),
    }
}

/// The TLS error below, if there is one. An `io::Error` hides what it wraps from `source`.
fn find_tls(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut next: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

/// Whether the certificate itself is at fault, and not our means to judge it.
fn is_clearly_wrong(fault: &CertificateError) -> bool {
    use CertificateError as Fault;
    matches!(
        fault,
        Fault::Expired
            | Fault::ExpiredContext { .. }
            | Fault::NotValidYet
            | Fault::NotValidYetContext { .. }
            | Fault::Revoked
            | Fault::UnknownIssuer
            | Fault::BadSignature
            | Fault::BadEncoding
            | Fault::NotValidForName
            | Fault::NotValidForNameContext { .. }
            | Fault::InvalidPurpose
            | Fault::InvalidPurposeContext { .. }
    )
}
