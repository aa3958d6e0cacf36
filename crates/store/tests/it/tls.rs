//! A Postgres that speaks TLS, with a certificate of the test's own for `localhost`.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::time::Duration;

use devstack::Stack;
use secrecy::SecretString;
use store::{Config, Error, Store};
use tokio::time::{Instant, sleep};
use tokio_postgres::NoTls;
use url::Url;

const PATIENCE: Duration = Duration::from_mins(1);

/// Gives the server a new certificate and has it take TLS from now on.
async fn offer_tls(database_url: &str, root: &Path) {
    let (admin, connection) = tokio_postgres::connect(database_url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let folder: String = admin.query_one("show data_directory", &[]).await.unwrap().get(0);
    let owner = std::fs::metadata(&folder).unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(root, made.cert.pem()).unwrap();
    for (name, text) in [("server.crt", made.cert.pem()), ("server.key", made.signing_key.serialize_pem())] {
        let file = Path::new(&folder).join(name);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        chown(&file, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    admin.batch_execute("alter system set ssl = on").await.unwrap();
    admin.batch_execute("select pg_reload_conf()").await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    // A session keeps the settings that it began with until it is told of the new ones.
    while admin.query_one("show ssl", &[]).await.unwrap().get::<_, &str>(0) != "on" {
        assert!(Instant::now() < deadline, "Postgres does not offer TLS");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_certificate_of_postgres_is_verified_as_the_address_asks() {
    let stack = Stack::private_installed().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root.pem");
    offer_tls(stack.database_url(), &root).await;
    let connect = async |host: &str, options: &[(&str, &str)]| {
        let mut url = Url::parse(stack.database_url()).unwrap();
        url.set_host(Some(host)).unwrap();
        url.query_pairs_mut().extend_pairs(options);
        Store::connect(&Config::new(SecretString::from(url.as_str()))).await
    };
    let trusted = ("sslrootcert", root.to_str().unwrap());
    connect("localhost", &[("sslmode", "verify-full"), trusted]).await.unwrap();
    connect("127.0.0.1", &[("sslmode", "verify-ca"), trusted]).await.unwrap();
    connect("127.0.0.1", &[("sslmode", "disable")]).await.unwrap();
    for (host, options, told) in [
        ("127.0.0.1", &[("sslmode", "verify-full"), trusted][..], "certificate not valid for name"),
        ("localhost", &[("sslmode", "verify-full")], "name the file with its root certificate"),
        ("127.0.0.1", &[("sslmode", "verify-ca")], "name the file with its root certificate"),
        ("localhost", &[("sslmode", "require"), ("sslrootcert", "/none.pem")], "sslrootcert /none.pem: "),
    ] {
        let error = connect(host, options).await.err().unwrap();
        assert!(error.to_string().contains(told), "{host} {options:?}: {error}");
    }
}

#[tokio::test]
async fn a_postgresql_without_tls_is_reported_if_the_address_requires_tls() {
    let stack = Stack::private_installed().await.unwrap();
    let url = format!("{}?sslmode=verify-full", stack.database_url());
    let error = Store::connect(&Config::new(SecretString::from(url))).await.err().unwrap();
    assert!(matches!(error, Error::Denied { .. }), "{error}");
    assert!(error.to_string().contains("PostgreSQL does not offer TLS"), "{error}");
}
