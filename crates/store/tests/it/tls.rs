//! A Postgres that speaks TLS, with a certificate of the test's own for `localhost`.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::time::Duration;

use devstack::Stack;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use secrecy::SecretString;
use store::{Config, Error, Store};
use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, NoTls};
use url::Url;

const PATIENCE: Duration = Duration::from_mins(1);

/// Gives the server a new certificate and has it take TLS from now on.
async fn offer_tls(database_url: &str, root: &Path) -> Client {
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
    admin
}

/// Writes the root certificate of a new authority.
fn authority(folder: &Path, name: &str) -> Issuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    std::fs::write(folder.join(format!("{name}.pem")), params.self_signed(&key).unwrap().pem()).unwrap();
    Issuer::new(params, key)
}

/// Writes a client certificate with this common name, and its key.
fn issue(folder: &Path, name: &str, by: &Issuer<'static, KeyPair>, common_name: &str) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, by).unwrap();
    std::fs::write(folder.join(format!("{name}.crt")), certificate.pem()).unwrap();
    std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

/// Makes a role `certified` that has to log in with a certificate of this authority.
async fn require_certificates(admin: &Client, authority: &Path) {
    let folder: String = admin.query_one("show data_directory", &[]).await.unwrap().get(0);
    let file = Path::new(&folder).join("clients.pem");
    std::fs::copy(authority, &file).unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    let rules = Path::new(&folder).join("pg_hba.conf");
    let others = std::fs::read_to_string(&rules).unwrap();
    std::fs::write(&rules, format!("hostssl all certified all cert\n{others}")).unwrap();
    admin.batch_execute("create role certified login superuser").await.unwrap();
    admin.batch_execute("alter system set ssl_ca_file = 'clients.pem'").await.unwrap();
    admin.batch_execute("select pg_reload_conf()").await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    while admin.query_one("show ssl_ca_file", &[]).await.unwrap().get::<_, &str>(0) != "clients.pem" {
        assert!(Instant::now() < deadline, "Postgres does not ask for certificates");
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

#[tokio::test]
async fn a_client_certificate_is_a_log_in_and_is_read_again_for_each_connection() {
    let stack = Stack::private_installed().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let root = file("root.pem");
    let admin = offer_tls(stack.database_url(), &root).await;
    let (of_clients, other) = (authority(folder.path(), "clients"), authority(folder.path(), "other"));
    require_certificates(&admin, &file("clients.pem")).await;
    issue(folder.path(), "good", &of_clients, "certified");
    issue(folder.path(), "nobody", &of_clients, "nobody");
    issue(folder.path(), "foreign", &other, "certified");
    let connect = async |certificate: &str, key: &str| {
        let mut url = Url::parse(stack.database_url()).unwrap();
        url.set_host(Some("localhost")).unwrap();
        url.set_username("certified").unwrap();
        url.set_password(None).unwrap();
        let mut options =
            vec![("sslmode", "verify-full".to_owned()), ("sslrootcert", root.display().to_string())];
        for (option, name) in [("sslcert", certificate), ("sslkey", key)] {
            if !name.is_empty() {
                options.push((option, file(name).display().to_string()));
            }
        }
        url.query_pairs_mut().extend_pairs(options);
        Store::connect(&Config::new(SecretString::from(url.as_str()))).await
    };
    for (certificate, key, told) in [
        ("", "", "client certificate); name a client certificate that is issued to the user, and its key"),
        (
            "nobody.crt",
            "nobody.key",
            "certificate authentication failed for user \"certified\"); name a client certificate",
        ),
        ("foreign.crt", "foreign.key", "refused the client certificate of sslcert in DATABASE_URL: "),
        ("good.crt", "", "sslcert is set, and sslkey is not"),
        ("good.crt", "foreign.key", "it is not the key of the certificate in sslcert"),
        ("good.crt", "none.key", "none.key: No such file"),
    ] {
        let error = connect(certificate, key).await.err().unwrap();
        assert!(error.to_string().contains(told), "{certificate} {key}: {error}");
    }

    let store = connect("good.crt", "good.key").await.unwrap();
    is_read_again(&store, &admin, &file("good.crt")).await;
}

/// A store whose certificate is away makes no connection, until the certificate is back.
async fn is_read_again(store: &Store, admin: &Client, certificate: &Path) {
    store.measure_clock().await.unwrap();
    let away = certificate.with_extension("away");
    std::fs::rename(certificate, &away).unwrap();
    let end_connections =
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'certified'";
    admin.batch_execute(end_connections).await.unwrap();
    let told = format!("sslcert {}: No such file", certificate.display());
    let deadline = Instant::now() + PATIENCE;
    loop {
        match store.measure_clock().await {
            Err(error) if error.to_string().contains(&told) => {
                assert!(error.is_transient(), "{error:?}");
                break;
            }
            other => assert!(Instant::now() < deadline, "{other:?}"),
        }
    }
    std::fs::rename(&away, certificate).unwrap();
    store.measure_clock().await.unwrap();
}
