//! A RabbitMQ with TLS that requires client certificates, all issued by authorities of the test.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use broker::{Config, Error, Publisher, State};
use devstack::{Stack, free_port};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{PATIENCE, until};

/// A folder of certificates and keys that the user of RabbitMQ can read.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Replaces a file.
    fn write(&self, name: &str, text: &str) {
        fs::write(self.file(name), text).unwrap();
    }

    /// Writes the root certificate of a new authority.
    fn authority(&self, name: &str) -> Issuer<'static, KeyPair> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        self.write(&format!("{name}.pem"), &params.self_signed(&key).unwrap().pem());
        Issuer::new(params, key)
    }

    /// Writes a certificate for `localhost` with this common name, and its key.
    fn issue(&self, name: &str, by: &Issuer<'static, KeyPair>, common_name: &str, expires: i32) {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.not_after = date_time_ymd(expires, 1, 1);
        let key = KeyPair::generate().unwrap();
        self.write(&format!("{name}.crt"), &params.signed_by(&key, by).unwrap().pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }
}

/// A RabbitMQ whose listener for TLS has `server.crt`, and lets those in who have a certificate of `authority`.
async fn rabbitmq(folder: &Folder) -> (Stack, u16) {
    let port = free_port().unwrap();
    let file = |name: &str| folder.file(name).display().to_string();
    let mut builder = Stack::builder()
        .private_installed()
        .rabbitmq_plugin("rabbitmq_auth_mechanism_ssl")
        .rabbitmq_config(format!("listeners.ssl.1 = 127.0.0.1:{port}"))
        .rabbitmq_config(format!("ssl_options.cacertfile = {}", file("authority.pem")))
        .rabbitmq_config(format!("ssl_options.certfile = {}", file("server.crt")))
        .rabbitmq_config(format!("ssl_options.keyfile = {}", file("server.key")));
    for line in [
        "ssl_options.verify = verify_peer",
        "ssl_options.fail_if_no_peer_cert = true",
        "ssl_cert_login_from = common_name",
        "auth_mechanisms.1 = PLAIN",
        "auth_mechanisms.2 = EXTERNAL",
    ] {
        builder = builder.rabbitmq_config(line);
    }
    (builder.start().await.unwrap(), port)
}

/// Whether a publisher reaches RabbitMQ, or why its first attempt failed.
async fn connect(config: Config) -> Result<(), Error> {
    let stop = CancellationToken::new();
    let (publisher, task) = Publisher::start(config, stop.clone());
    let mut state = publisher.state();
    let tried = state.wait_for(|state| matches!(state, State::Up | State::Down));
    let state = *timeout(PATIENCE, tried).await.unwrap().unwrap();
    stop.cancel();
    let failure = publisher.last_failure();
    task.await.unwrap();
    if state == State::Up { Ok(()) } else { Err(failure) }
}

/// How RabbitMQ is connected to; a certificate is a name in the folder.
struct Way<'a> {
    host: &'a str,
    authority: &'a str,
    certificate: &'a str,
    is_external: bool,
}

impl Way<'_> {
    fn config(&self, folder: &Path, stack: &Stack, port: u16) -> Config {
        let mut url = Url::parse(stack.amqp_url()).unwrap();
        url.set_host(Some(self.host)).unwrap();
        url.set_port(Some(port)).unwrap();
        if self.is_external {
            url.set_username("").unwrap();
            url.set_password(None).unwrap();
            url.set_query(Some("auth_mechanism=external"));
        }
        let file = |name: &str, kind: &str| (!name.is_empty()).then(|| folder.join(format!("{name}.{kind}")));
        Config {
            ca_file: file(self.authority, "pem"),
            cert_file: file(self.certificate, "crt"),
            key_file: file(self.certificate, "key"),
            ..Config::new(url.as_str().replacen("amqp://", "amqps://", 1).as_str().into())
        }
    }
}

#[tokio::test]
async fn rabbitmq_and_its_clients_know_each_other_by_certificates() {
    let folder = Folder::new();
    let (authority, other) = (folder.authority("authority"), folder.authority("other"));
    folder.issue("server", &authority, "server", 4096);
    folder.issue("client", &authority, "flowcast", 4096);
    folder.issue("unknown", &authority, "nobody", 4096);
    folder.issue("old", &authority, "flowcast", 2001);
    folder.issue("foreign", &other, "flowcast", 4096);
    let (stack, port) = rabbitmq(&folder).await;
    let good = Way { host: "localhost", authority: "authority", certificate: "client", is_external: false };
    let config = |way: &Way<'_>| way.config(folder.0.path(), &stack, port);
    let place = format!("localhost:{port} (");
    let refuses = async |way: Way<'_>, told: &[&str]| {
        let error = connect(config(&way)).await.unwrap_err();
        let says = format!("{error} {error:?}");
        for told in told {
            assert!(error.to_string().contains(told), "{error}\n{told}");
        }
        let password = Url::parse(stack.amqp_url()).unwrap().password().unwrap().to_owned();
        assert!(!says.contains(&password), "{says}");
    };

    connect(config(&good)).await.unwrap();
    connect(config(&Way { is_external: true, ..good })).await.unwrap();

    // What RabbitMQ refuses. It closes the connection after the client's handshake.
    let lacks = "RabbitMQ asked for a client certificate, and there is none; set broker.cert_file and broker.key_file";
    refuses(Way { certificate: "", ..good }, &["RabbitMQ is unreachable: ", &place, lacks]).await;
    let refused =
        "check that it trusts the issuer of broker.cert_file, and that the certificate has not expired";
    refuses(Way { certificate: "foreign", ..good }, &[&place, refused]).await;
    refuses(Way { certificate: "old", ..good }, &[&place, refused]).await;
    let of_nobody = "create the user that broker.cert_file is issued to";
    refuses(Way { certificate: "unknown", is_external: true, ..good }, &["403 ", "EXTERNAL", of_nobody])
        .await;

    // What the client refuses.
    let issuer = "UnknownIssuer; name the file with the root certificate of RabbitMQ in broker.ca_file";
    refuses(Way { authority: "", ..good }, &[&place, issuer]).await;
    refuses(Way { authority: "other", ..good }, &[&place, issuer]).await;
    let name = ["127.0.0.1:", "not valid for name", "write a host into AMQP_URL that is in the certificate"];
    refuses(Way { host: "127.0.0.1", ..good }, &name).await;

    // Files are read for each connection.
    let mut renewed = config(&Way { certificate: "old", ..good });
    renewed.cert_file = Some(folder.file("renewed.crt"));
    renewed.key_file = Some(folder.file("renewed.key"));
    let stop = CancellationToken::new();
    let (publisher, task) = Publisher::start(renewed, stop.clone());
    until(publisher.state(), State::Down).await;
    let error = publisher.last_failure();
    let told = format!("broker.cert_file {}: No such file", folder.file("renewed.crt").display());
    assert!(matches!(&error, Error::Invalid { .. }) && error.to_string().contains(&told), "{error}");
    folder.issue("renewed", &authority, "flowcast", 4096);
    until(publisher.state(), State::Up).await;
    stop.cancel();
    task.await.unwrap();

    // RabbitMQ reads its files again when it forgets them.
    folder.issue("server", &authority, "server", 2001);
    stack.rabbitmq().ctl(&["eval", "ssl:clear_pem_cache()."]).await.unwrap();
    refuses(good, &[&place, "certificate expired", "renew the certificate of RabbitMQ"]).await;
}
