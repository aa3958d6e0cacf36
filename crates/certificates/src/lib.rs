//! Certificates and keys for TLS connections, from the PEM files that settings name.
//!
//! Invariants:
//! - An error names the setting and the path, and nothing of the content of a file.
//! - The certificate of a server is always verified.

mod client;
mod files;

pub use client::{ClientCertificate, Renewed, client, refuses_client, tls_error};
pub use files::{Files, Names, Read};

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;

/// A file or a setting that cannot be used: which, why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(String);

impl Unusable {
    /// TLS itself cannot be set up on this machine.
    fn tls(error: impl std::fmt::Display) -> Self {
        Self(format!("TLS cannot be set up: {error}; check that the ca-certificates package is installed"))
    }
}

/// Verifies servers with these root certificates only; `None`: with those of the machine.
pub fn verifier(roots: Option<&[CertificateDer<'static>]>) -> Result<Arc<dyn ServerCertVerifier>, Unusable> {
    let Some(roots) = roots else { return verifier_of_machine_and(&[]) };
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root.clone()).map_err(Unusable::tls)?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider()).build();
    Ok(verifier.map_err(Unusable::tls)?)
}

/// Verifies servers with the root certificates of the machine and these.
pub fn verifier_of_machine_and(
    roots: &[CertificateDer<'static>],
) -> Result<Arc<dyn ServerCertVerifier>, Unusable> {
    let verifier =
        rustls_platform_verifier::Verifier::new_with_extra_roots(roots.iter().cloned(), provider());
    Ok(Arc::new(verifier.map_err(Unusable::tls)?))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
