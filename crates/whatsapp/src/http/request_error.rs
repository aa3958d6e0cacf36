//! The classification of a request without a complete answer.
//!
//! Before a connection is established, nothing of the message was sent. After that, the outcome is unknown, even if the
//! connection breaks before the first byte of the request. Error texts of the HTTP client are not kept.

use std::error::Error as StdError;
use std::io;

use campaign::{Refusal, StopReason, Verdict};
use certificates::refuses_client;
use rustls::CertificateError;

const CONNECT_FAILED: Refusal = Refusal::own("connect_failed");
const CONNECT_TIMEOUT: Refusal = Refusal::own("connect_timeout");
const DNS_FAILED: Refusal = Refusal::own("dns_failed");
const TLS_FAILED: Refusal = Refusal::own("tls_failed");
const BAD_CERTIFICATE: Refusal = Refusal::own("bad_certificate");
const CLIENT_CERTIFICATE: Refusal = Refusal::own("client_certificate");
const NOT_BUILT: Refusal = Refusal::own("request_not_built");
const TIMEOUT: Refusal = Refusal::own("timeout");
const CONNECTION_LOST: Refusal = Refusal::own("connection_lost");
/// For an answer that is longer than the limit.
pub(crate) const ANSWER_TOO_LARGE: Refusal = Refusal::own("answer_too_large");

/// Classifies a request that ended in an error.
pub(crate) fn classify_request_error(error: &reqwest::Error) -> Verdict {
    const DEFAULT_PAUSES: &[std::time::Duration] = &[];
    let retry = |refusal| Verdict::Retry { refusal, schedule: DEFAULT_PAUSES };
    if error.is_builder() {
        return retry(NOT_BUILT);
    }
    let tls = find_tls(error);
    // With TLS 1.3 this arrives after the request is written. The server has not read the request: it has not completed its handshake.
    if tls.is_some_and(refuses_client) {
        return Verdict::StopSender { refusal: CLIENT_CERTIFICATE, reason: StopReason::Misconfigured };
    }
    if !error.is_connect() {
        let refusal = if error.is_timeout() { TIMEOUT } else { CONNECTION_LOST };
        return Verdict::Unknown { refusal };
    }
    if error.is_dns() {
        return retry(DNS_FAILED);
    }
    match tls {
        Some(rustls::Error::InvalidCertificate(fault)) if is_invalid_certificate(fault) => {
            Verdict::StopSender { refusal: BAD_CERTIFICATE, reason: StopReason::Misconfigured }
        }
        Some(_) => retry(TLS_FAILED),
        None if error.is_timeout() => retry(CONNECT_TIMEOUT),
        None => retry(CONNECT_FAILED),
    }
}

/// The TLS error among the sources, if there is one. `source` of an `io::Error` skips the error that it wraps.
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

/// Whether the certificate itself is invalid, and not our ability to verify it.
fn is_invalid_certificate(fault: &CertificateError) -> bool {
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
