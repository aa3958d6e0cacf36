//! The TLS settings of a client, and the certificate that it shows.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::ServerCertVerifier;
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, ClientConfig, SignatureScheme};

use crate::{Files, Unusable, provider};

/// The TLS settings of a client.
pub fn client(
    verifier: Arc<dyn ServerCertVerifier>,
    certificate: Arc<dyn ResolvesClientCert>,
) -> Result<ClientConfig, Unusable> {
    Ok(ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(Unusable::tls)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(certificate))
}

/// The client certificate of one connection, if there is one. It remembers whether the server asked for it.
///
/// With TLS 1.3 the client has finished its handshake before the server checks the certificate. So the refusal may arrive as an alert, or as
/// a connection that is closed or reset.
#[derive(Debug)]
pub struct ClientCertificate {
    identity: Option<Arc<CertifiedKey>>,
    was_asked_for: AtomicBool,
}

impl ClientCertificate {
    /// For one connection.
    pub fn new(identity: Option<Arc<CertifiedKey>>) -> Arc<Self> {
        Arc::new(Self { identity, was_asked_for: AtomicBool::new(false) })
    }

    /// Whether there is a certificate.
    pub fn is_set(&self) -> bool {
        self.identity.is_some()
    }

    /// Whether the server asked for a certificate.
    pub fn was_asked_for(&self) -> bool {
        self.was_asked_for.load(Ordering::Relaxed)
    }
}

impl ResolvesClientCert for ClientCertificate {
    fn resolve(&self, _issuers: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.was_asked_for.store(true, Ordering::Relaxed);
        self.identity.clone()
    }

    fn has_certs(&self) -> bool {
        self.is_set()
    }
}

/// A client certificate whose files are read for each connection, so that a renewed one is used without a restart. While they cannot be
/// read, the last one is used.
pub struct Renewed {
    files: Files,
    last: Mutex<Arc<CertifiedKey>>,
}

impl Renewed {
    /// Reads the files for the first time; `None` if none is set.
    pub fn new(files: Files) -> Result<Option<Arc<Self>>, Unusable> {
        let first = files.read_identity()?;
        Ok(first.map(|first| Arc::new(Self { files, last: Mutex::new(first) })))
    }
}

impl fmt::Debug for Renewed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewed").field("files", &self.files).finish_non_exhaustive()
    }
}

impl ResolvesClientCert for Renewed {
    fn resolve(&self, _issuers: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(Some(now)) = self.files.read_identity() {
            *last = now;
        }
        Some(Arc::clone(&last))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// The TLS error in an error of input and output, if there is one.
pub fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// Whether the server refuses the client certificate, or that there is none. It says so during the handshake, so it has processed nothing of what
/// the client wrote after it.
pub fn refuses_client(error: &rustls::Error) -> bool {
    use AlertDescription as Alert;
    matches!(
        error,
        rustls::Error::AlertReceived(
            Alert::CertificateRequired
                | Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::UnknownCA
                // The signature of a certificate is wrong.
                | Alert::DecryptError
        )
    )
}
