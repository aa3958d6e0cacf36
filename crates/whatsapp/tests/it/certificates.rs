//! A gateway with a certificate of its own authority, which requires client certificates.

use std::path::{Path, PathBuf};

use campaign::{StopReason, Verdict};
use tempfile::TempDir;
use whatsapp::{Answer, Client, Config};

use crate::listener::{Act, Listener};
use crate::{channel, http2, patient, send, tls};

/// A folder with a certificate for `localhost`.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    tls::write_certificate(folder.path());
    folder
}

fn file(folder: &TempDir, name: &str) -> PathBuf {
    folder.path().join(name)
}

/// Trusts the first folder's certificate, and shows that of the second.
fn config(gateway: &TempDir, own: &TempDir) -> Config {
    Config {
        ca_file: Some(file(gateway, "certificate.pem")),
        cert_file: Some(file(own, "certificate.pem")),
        key_file: Some(file(own, "key.pem")),
        ..patient()
    }
}

async fn gateway(folder: &TempDir, clients: &TempDir) -> (Listener, String) {
    let acceptor = tls::acceptor_for(folder.path(), clients.path());
    let listener = Listener::with([Act::accept().then_close(), Act::accept()], tls::wrap(acceptor)).await;
    let url = format!("https://localhost:{}", listener.port());
    (listener, url)
}

#[track_caller]
fn is_accepted(answer: &Answer) {
    assert!(matches!(answer.verdict, Verdict::Accepted { .. }), "{answer:?}");
}

#[tokio::test]
async fn a_gateway_with_a_certificate_in_ca_file_is_sent_to_with_the_client_certificate() {
    let (of_gateway, own) = (folder(), folder());
    let (listener, url) = gateway(&of_gateway, &own).await;
    is_accepted(&send(&channel(&url, &config(&of_gateway, &own)), 1).await);
    assert_eq!(listener.requests().len(), 1);
}

#[tokio::test]
async fn a_client_certificate_is_read_again_for_each_connection() {
    let (of_gateway, old, new) = (folder(), folder(), folder());
    let (listener, url) = gateway(&of_gateway, &new).await;
    let channel = channel(&url, &config(&of_gateway, &old));
    for name in ["certificate.pem", "key.pem"] {
        std::fs::copy(file(&new, name), file(&old, name)).unwrap();
    }
    is_accepted(&send(&channel, 1).await);
    // The gateway has closed the first connection. A file that is gone leaves the last certificate in use.
    std::fs::remove_file(old.path().join("key.pem")).unwrap();
    is_accepted(&send(&channel, 2).await);
    assert_eq!((listener.connections(), listener.requests().len()), (2, 2));
}

#[tokio::test]
async fn a_gateway_that_refuses_the_client_certificate_or_its_lack_stops_the_sender() {
    let (of_gateway, own, other) = (folder(), folder(), folder());
    let (listener, url) = gateway(&of_gateway, &own).await;
    let without = Config { ca_file: Some(file(&of_gateway, "certificate.pem")), ..patient() };
    for config in [without, config(&of_gateway, &other)] {
        let answer = send(&channel(&url, &config), 1).await;
        assert!(
            matches!(&answer.verdict, Verdict::StopSender { refusal, reason: StopReason::Misconfigured }
                if refusal.code == "client_certificate"),
            "{answer:?}"
        );
    }
    assert_eq!((listener.connections(), listener.requests().len()), (2, 0));
}

#[tokio::test]
async fn root_certificates_by_file_change_nothing_about_http2() {
    let of_gateway = folder();
    let trusting = Config { ca_file: Some(file(&of_gateway, "certificate.pem")), ..patient() };
    // The server prefers HTTP/2, which the client does not negotiate by default.
    let acceptor = |protocols: &[&str]| tls::acceptor(Path::new(of_gateway.path()), protocols);
    let listener = Listener::with([Act::accept()], tls::wrap(acceptor(&["h2", "http/1.1"]))).await;
    is_accepted(&send(&channel(&format!("https://localhost:{}", listener.port()), &trusting), 1).await);
    let listener = http2::Refusing::new(acceptor(&["h2"]), 2).await;
    is_accepted(&send(&channel(&listener.url(), &Config { http2: true, ..trusting }), 1).await);
}

#[test]
fn a_client_with_an_unusable_file_is_not_made() {
    let config = Config { ca_file: Some("/none.pem".into()), ..patient() };
    let error = Client::new(&config).unwrap_err();
    assert!(error.to_string().contains("http.ca_file /none.pem: No such file"), "{error}");
}
