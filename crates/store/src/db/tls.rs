//! TLS connections to PostgreSQL. Certificates are always verified, with `sslmode=require` too.

use std::sync::Arc;

use certificates::{ClientCertificate, Files, Unusable, client, verifier};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::db::address::Address;
use crate::db::error::Error;

/// The TLS settings that the address requires.
#[derive(Clone)]
pub(crate) struct Tls {
    files: Files,
    verifies_host: bool,
    /// The settings with the root certificates of the machine, if the address names no file.
    of_machine: Option<MakeRustlsConnect>,
}

impl Tls {
    /// Reads the files of the address, so that a wrong one is reported at once.
    pub(crate) fn new(address: &Address) -> Result<Self, Error> {
        let Address { files, verifies_host, .. } = address;
        let mut tls = Self { files: files.clone(), verifies_host: *verifies_host, of_machine: None };
        let (read, _) = tls.read().map_err(|error| Error::Invalid(error.to_string()))?;
        if files.is_empty() {
            tls.of_machine = Some(read);
        }
        Ok(tls)
    }

    /// The settings of one connection, and its client certificate. Files are read for each, so that a renewed certificate is used without a
    /// restart.
    pub(crate) fn connector(&self) -> Result<(MakeRustlsConnect, Arc<ClientCertificate>), Unusable> {
        match &self.of_machine {
            Some(tls) => Ok((tls.clone(), ClientCertificate::new(None))),
            None => self.read(),
        }
    }

    fn read(&self) -> Result<(MakeRustlsConnect, Arc<ClientCertificate>), Unusable> {
        let read = self.files.read()?;
        let mut verifier = verifier(read.roots.as_deref())?;
        if !self.verifies_host {
            verifier = Arc::new(AnyHost(verifier));
        }
        let certificate = ClientCertificate::new(read.identity);
        Ok((MakeRustlsConnect::new(client(verifier, Arc::clone(&certificate) as _)?), certificate))
    }
}

/// `verify-ca`: verifies the chain, and not the host name.
#[derive(Debug)]
struct AnyHost(Arc<dyn ServerCertVerifier>);

impl ServerCertVerifier for AnyHost {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use CertificateError::{NotValidForName, NotValidForNameContext};
        // The host name is checked last, after the chain.
        match self.0.verify_server_cert(end_entity, intermediates, host, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => {
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
