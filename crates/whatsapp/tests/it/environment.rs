//! The effect of environment variables: proxies, root certificates.
//!
//! A test that needs environment variables starts itself again in a new process with them.

use std::path::Path;
use std::process::Command;

use campaign::Verdict;
use whatsapp::{Answer, Config};

use crate::listener::{Act, Listener};
use crate::{channel, http2, patient, send, tls};

/// Set in the process that a test started for itself: the folder with its certificate.
const AGAIN: &str = "FLOWCAST_TEST_AGAIN";

#[track_caller]
fn is_accepted(answer: &Answer) {
    assert!(matches!(answer.verdict, Verdict::Accepted { .. }), "{answer:?}");
}

/// Runs this test alone, in a new process with these variables.
fn run_again(test: &str, variables: &[(&str, &str)]) {
    let again = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .env_remove("SSL_CERT_DIR")
        .env(AGAIN, "")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success() && said.contains("1 passed"), "{said}");
}

/// Runs this test alone, in a new process that trusts the certificate in the folder it is given.
fn run_again_trusting(test: &str) {
    let folder = tempfile::tempdir().unwrap();
    tls::write_certificate(folder.path());
    let certificate = folder.path().join("certificate.pem");
    run_again(
        test,
        &[(AGAIN, folder.path().to_str().unwrap()), ("SSL_CERT_FILE", certificate.to_str().unwrap())],
    );
}

#[tokio::test]
async fn the_configured_proxy_is_used() {
    let proxy = Listener::new([Act::accept()]).await;
    let config = Config { proxy: proxy.url().parse().ok(), allow_plain_http: true, ..patient() };
    is_accepted(&send(&channel("http://api.example:81", &config), 1).await);
    let requests = proxy.requests();
    assert!(
        requests.first().is_some_and(|head| head.starts_with("POST http://api.example:81/v2/")),
        "{requests:?}"
    );
}

#[tokio::test]
async fn proxy_variables_of_the_environment_are_ignored() {
    if std::env::var_os(AGAIN).is_none() {
        let nobody = "http://127.0.0.1:9";
        let variables = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"].map(|name| (name, nobody));
        return run_again("environment::proxy_variables_of_the_environment_are_ignored", &variables);
    }
    let listener = Listener::new([Act::accept()]).await;
    is_accepted(&send(&channel(&listener.url(), &patient()), 1).await);
}

#[tokio::test]
async fn a_provider_with_a_trusted_certificate_is_sent_to_over_one_tls_connection() {
    let Some(folder) = std::env::var_os(AGAIN) else {
        return run_again_trusting(
            "environment::a_provider_with_a_trusted_certificate_is_sent_to_over_one_tls_connection",
        );
    };
    // The server prefers HTTP/2, which the client does not negotiate by default.
    let acceptor = tls::acceptor(Path::new(&folder), &["h2", "http/1.1"]);
    let listener = Listener::with([Act::accept(), Act::accept()], tls::wrap(acceptor)).await;
    let channel = channel(&format!("https://localhost:{}", listener.port()), &patient());
    is_accepted(&send(&channel, 1).await);
    is_accepted(&send(&channel, 2).await);
    assert_eq!(listener.connections(), 1);
}

#[tokio::test]
async fn a_refused_http2_stream_is_not_sent_again() {
    let Some(folder) = std::env::var_os(AGAIN) else {
        return run_again_trusting("environment::a_refused_http2_stream_is_not_sent_again");
    };
    let listener = http2::Refusing::new(tls::acceptor(Path::new(&folder), &["h2"]), 2).await;
    let channel = channel(&listener.url(), &Config { http2: true, ..patient() });
    is_accepted(&send(&channel, 1).await);
    let refused = send(&channel, 2).await;
    assert!(
        matches!(&refused.verdict, Verdict::Unknown { refusal } if refusal.code == "connection_lost"),
        "{refused:?}"
    );
    is_accepted(&send(&channel, 3).await);
    assert_eq!(listener.streams(), 3);
}
