//! A certificate for tests, and a listener that uses it.

use std::fs;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ConfigBuilder, RootCertStore, ServerConfig, WantsVerifier};
use tokio_rustls::server::TlsStream;

/// Writes a new certificate for `localhost` and its key into the folder.
pub(crate) fn write_certificate(folder: &Path) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.join("certificate.pem"), made.cert.pem()).unwrap();
    fs::write(folder.join("certificate.der"), made.cert.der()).unwrap();
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    fs::write(folder.join("key.der"), made.signing_key.serialize_der()).unwrap();
}

/// Accepts TLS with the certificate in this folder and these protocols.
pub(crate) fn acceptor(folder: &Path, protocols: &[&str]) -> TlsAcceptor {
    let mut config =
        settings().with_no_client_auth().with_single_cert(vec![certificate(folder)], key(folder)).unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// Accepts TLS with the certificate in this folder, from clients with the certificate in the other one.
pub(crate) fn acceptor_for(folder: &Path, clients: &Path) -> TlsAcceptor {
    let mut roots = RootCertStore::empty();
    roots.add(certificate(clients)).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), default_provider().into());
    let config = settings().with_client_cert_verifier(verifier.build().unwrap());
    TlsAcceptor::from(Arc::new(config.with_single_cert(vec![certificate(folder)], key(folder)).unwrap()))
}

fn settings() -> ConfigBuilder<ServerConfig, WantsVerifier> {
    ServerConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
}

fn certificate(folder: &Path) -> CertificateDer<'static> {
    CertificateDer::from(fs::read(folder.join("certificate.der")).unwrap())
}

fn key(folder: &Path) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(fs::read(folder.join("key.der")).unwrap().into())
}

/// For [`crate::listener::Listener::with`].
pub(crate) fn wrap(
    acceptor: TlsAcceptor,
) -> impl Fn(TcpStream) -> Pin<Box<dyn Future<Output = Option<TlsStream<TcpStream>>> + Send>> {
    move |stream| {
        let accepted = acceptor.accept(stream);
        Box::pin(async { accepted.await.ok() })
    }
}
