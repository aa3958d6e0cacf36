//! The options of `DATABASE_URL` that the driver does not read.
//!
//! **Invariant.** No error contains a value of `DATABASE_URL`, because any value may contain a part of the password. Errors
//! contain the names of options.

use certificates::{Files, Names};
use tokio_postgres::config::TargetSessionAttrs;

use crate::db::error::Error;

const FORM: &str = "DATABASE_URL is not of the form postgres://user:password@host:port/database";
const NO_FILES: Files = Files {
    names: Names { roots: "sslrootcert", certificate: "sslcert", key: "sslkey" },
    roots: None,
    certificate: None,
    key: None,
};
/// The settings that the driver reads.
const OF_DRIVER: [&str; 17] = [
    "user",
    "password",
    "dbname",
    "options",
    "application_name",
    "sslnegotiation",
    "host",
    "hostaddr",
    "port",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "target_session_attrs",
    "channel_binding",
    "load_balance_hosts",
];

/// The address of PostgreSQL and the way to connect to it.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) postgres: tokio_postgres::Config,
    /// The files with the root certificates, by default those of the machine, and with the client certificate and its key.
    pub(crate) files: Files,
    /// Whether the certificate must be issued for the host name; `sslmode=verify-ca` does not check it.
    pub(crate) verifies_host: bool,
    pub(crate) pooler: Option<PoolMode>,
}

/// The `pool_mode` of a PgBouncer between this process and PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PoolMode {
    /// A connection has its own server process until it is closed.
    Session,
    /// Each transaction may be executed by another server process.
    Transaction,
}

/// Options that are read here and not by the driver.
struct Own {
    files: Files,
    skips_host: bool,
    pooler: Option<PoolMode>,
}

impl Address {
    /// Parses a URL or `key=value` pairs.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.starts_with(['"', '\'']) {
            return Err(wrong("DATABASE_URL begins with a quotation mark; write it without"));
        }
        let mut own = Own { files: NO_FILES, skips_host: false, pooler: None };
        let for_driver = if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            own.of_url(text)?
        } else if text.contains("://") || !text.contains('=') {
            return Err(wrong(FORM));
        } else {
            own.of_pairs(text)?
        };
        let mut postgres: tokio_postgres::Config = for_driver.parse().map_err(|error| not_read(&error))?;
        let hosts = postgres.get_hosts().len().max(postgres.get_hostaddrs().len());
        if hosts > 1 && !for_driver.contains("target_session_attrs") {
            // One of them is the primary.
            postgres.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        let Own { files, skips_host, pooler } = own;
        files.check().map_err(|error| wrong(format!("DATABASE_URL: {error}")))?;
        Ok(Self { postgres, files, verifies_host: !skips_host, pooler })
    }
}

impl Own {
    /// Removes our options from a URL.
    fn of_url(&mut self, url: &str) -> Result<String, Error> {
        let scheme_end = url.find("://").map_or(0, |at| at + 3);
        let (scheme, rest) = url.split_at(scheme_end);
        // As the driver does: the first @ ends user and password.
        let (login, place) = rest.split_once('@').map_or((None, rest), |(login, place)| (Some(login), place));
        let host = place.split(['/', '?']).next().unwrap_or_default();
        if host.contains('@') {
            return Err(wrong("user or password in DATABASE_URL contains an @; write %40 for it"));
        }
        let (place, query) = place.split_once('?').unwrap_or((place, ""));
        let mut kept = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let Some((name, value)) = pair.split_once('=') else {
                return Err(wrong(format!("DATABASE_URL has an option without a value{}", named(pair))));
            };
            if let Some(value) = self.take(name, &decoded(value))? {
                kept.push(value.map_or_else(|| pair.to_owned(), |value| format!("{name}={value}")));
            }
        }
        let login = login.map(|login| format!("{login}@")).unwrap_or_default();
        let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
        Ok(format!("{scheme}{login}{place}{query}"))
    }

    /// Removes our options from `key=value` pairs. Quoted values, which may contain spaces, are left to the driver.
    fn of_pairs(&mut self, text: &str) -> Result<String, Error> {
        let mut kept = Vec::new();
        for pair in text.split_ascii_whitespace() {
            match pair.split_once('=') {
                Some((name, value))
                    if ["sslmode", "sslrootcert", "sslcert", "sslkey", "pgbouncer", "gssencmode"]
                        .contains(&name) =>
                {
                    if let Some(value) = self.take(name, value.trim_matches('\''))? {
                        kept.push(value.map_or_else(|| pair.to_owned(), |value| format!("{name}={value}")));
                    }
                }
                _ => kept.push(pair.to_owned()),
            }
        }
        Ok(kept.join(" "))
    }

    /// Reads an option. Returns the option for the driver, with another value if necessary.
    #[expect(clippy::option_option, reason = "not for the driver, for it as it is, for it with this value")]
    fn take(&mut self, name: &str, value: &str) -> Result<Option<Option<&'static str>>, Error> {
        match (name, value) {
            ("sslmode", "disable" | "prefer" | "require") => return Ok(Some(None)),
            ("sslmode", "allow") => return Ok(Some(Some("prefer"))),
            ("sslmode", "verify-full") => return Ok(Some(Some("require"))),
            ("sslmode", "verify-ca") => {
                self.skips_host = true;
                return Ok(Some(Some("require")));
            }
            ("sslmode", _) => {
                return Err(wrong(
                    "sslmode in DATABASE_URL is none of disable, prefer, require, verify-ca and verify-full",
                ));
            }
            ("sslrootcert", "system") => self.files.roots = None,
            ("sslrootcert", file) => self.files.roots = Some(file.into()),
            ("sslcert", file) => self.files.certificate = Some(file.into()),
            ("sslkey", file) => self.files.key = Some(file.into()),
            ("pgbouncer", "session") => self.pooler = Some(PoolMode::Session),
            // Other programs use this word for the mode without guarantees.
            ("pgbouncer", "transaction" | "true") => self.pooler = Some(PoolMode::Transaction),
            ("pgbouncer", "false") => self.pooler = None,
            ("pgbouncer", _) => {
                return Err(wrong("pgbouncer in DATABASE_URL is neither session nor transaction"));
            }
            ("gssencmode", "disable" | "prefer") => {}
            (name, _) if OF_DRIVER.contains(&name) => return Ok(Some(None)),
            _ => {
                return Err(wrong(format!(
                    "DATABASE_URL has an option that Flowcast does not know{}; it knows sslmode, sslrootcert, sslcert, sslkey, pgbouncer, {}",
                    named(name),
                    OF_DRIVER.join(", ")
                )));
            }
        }
        Ok(None)
    }
}

/// The name of an option if it looks like a name. A part of a password with an unexpected character does not.
fn named(name: &str) -> String {
    let is_name = name.len() <= 32 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if is_name && !name.is_empty() { format!(": {name}") } else { String::new() }
}

/// An error of the driver about an option contains its name and not its value. Other errors are not passed on.
fn not_read(error: &tokio_postgres::Error) -> Error {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    match cause.strip_prefix("invalid value for option ") {
        Some(name) => wrong(format!("the value of {} in DATABASE_URL is not usable", name.trim_matches('`'))),
        None => wrong(FORM),
    }
}

fn wrong(says: impl Into<String>) -> Error {
    Error::Invalid(says.into())
}

/// Decodes percent-encoding if the bytes are UTF-8.
fn decoded(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = |at: usize| after.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        if let (b'%', Some(high), Some(low)) = (byte, hex(0), hex(1)) {
            bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tokio_postgres::config::SslMode;

    use super::*;

    fn says(text: &str) -> String {
        let error = Address::parse(text).unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(!said.contains("hunter2"), "{said}");
        error.to_string()
    }

    #[test]
    fn the_modes_of_tls_that_libpq_has_are_understood() {
        for (mode, wanted, verifies_host) in [
            ("disable", SslMode::Disable, true),
            ("allow", SslMode::Prefer, true),
            ("prefer", SslMode::Prefer, true),
            ("require", SslMode::Require, true),
            ("verify-ca", SslMode::Require, false),
            ("verify-full", SslMode::Require, true),
        ] {
            for text in [
                format!("postgres://me:hunter2@host/db?sslmode={mode}&sslrootcert=%2Fetc%2Froot.pem"),
                format!("host=host user=me password=hunter2 sslmode={mode} sslrootcert=/etc/root.pem"),
            ] {
                let address = Address::parse(&text).unwrap();
                assert_eq!(
                    (address.postgres.get_ssl_mode(), address.verifies_host),
                    (wanted, verifies_host),
                    "{mode}"
                );
                assert_eq!(address.files.roots.as_deref(), Some(Path::new("/etc/root.pem")));
            }
        }
        assert_eq!(Address::parse("postgres://host/db?sslrootcert=system").unwrap().files, NO_FILES);
    }

    #[test]
    fn a_client_certificate_and_its_key_are_understood() {
        for text in [
            "postgres://me@host/db?sslcert=%2Fetc%2Fme.crt&sslkey=%2Fetc%2Fme.key",
            "host=host user=me sslcert=/etc/me.crt sslkey='/etc/me.key'",
        ] {
            let files = Address::parse(text).unwrap().files;
            assert_eq!(files.certificate.as_deref(), Some(Path::new("/etc/me.crt")), "{text}");
            assert_eq!(files.key.as_deref(), Some(Path::new("/etc/me.key")), "{text}");
        }
    }

    #[test]
    fn a_line_break_at_the_end_and_options_of_the_driver_change_nothing() {
        let text = "postgresql://me:hunter%32@one:5433,two/db?target_session_attrs=read-write&channel_binding=prefer&\
                    connect_timeout=3&options=-c%20search_path%3Dmine\r\n";
        let postgres = Address::parse(text).unwrap().postgres;
        assert_eq!((postgres.get_ports(), postgres.get_dbname()), (&[5433, 5432][..], Some("db")));
        assert_eq!(postgres.get_password(), Some(&b"hunter2"[..]));
        assert_eq!(postgres.get_options(), Some("-c search_path=mine"));
    }

    #[test]
    fn one_of_several_hosts_has_to_take_writes_unless_the_address_says_otherwise() {
        for (text, wanted) in [
            ("postgres://one/db", TargetSessionAttrs::Any),
            ("postgres://one,two/db", TargetSessionAttrs::ReadWrite),
            ("host=one,two user=me", TargetSessionAttrs::ReadWrite),
            ("postgres://one,two/db?target_session_attrs=any", TargetSessionAttrs::Any),
            ("postgres://one/db?target_session_attrs=read-write", TargetSessionAttrs::ReadWrite),
        ] {
            assert_eq!(Address::parse(text).unwrap().postgres.get_target_session_attrs(), wanted, "{text}");
        }
    }

    #[test]
    fn the_mode_of_pgbouncer_is_understood() {
        let mode =
            |value: &str| Address::parse(&format!("postgres://host/db?pgbouncer={value}")).unwrap().pooler;
        assert_eq!(mode("session"), Some(PoolMode::Session));
        assert_eq!([mode("transaction"), mode("true")], [Some(PoolMode::Transaction); 2]);
        assert_eq!(mode("false"), None);
    }

    #[test]
    fn what_is_not_understood_is_named_without_a_value() {
        for (text, told) in [
            ("postgres://me:hunter2@host/db?sslmode=hunter2", "sslmode in DATABASE_URL is none of disable"),
            (
                "postgres://me:hunter2@host/db?sslcrl=hunter2",
                "does not know: sslcrl; it knows sslmode, sslrootcert, sslcert, sslkey",
            ),
            ("postgres://me:hunter2@host/db?sslpassword=hunter2", "does not know: sslpassword;"),
            (
                "postgres://me:hunter2@host/db?sslcert=hunter2",
                "DATABASE_URL: sslcert is set, and sslkey is not;",
            ),
            ("host=host user=me sslkey=hunter2", "DATABASE_URL: sslkey is set, and sslcert is not;"),
            ("postgres://me:hunter2@host/db?schema=hunter2", "does not know: schema;"),
            ("postgres://me:hunter2@host/db?Hunter2!hunter2=1", "does not know; it knows"),
            ("postgres://me:hunter2@host/db?pgbouncer=hunter2", "neither session nor transaction"),
            ("postgres://me:hunter2@host/db?verbose", "an option without a value: verbose"),
            ("postgres://me:hunter2@host:hunter2/db", "the value of port in DATABASE_URL is not usable"),
            ("postgres://me:hunter2@hunter2@host/db", "contains an @; write %40"),
            ("mysql://me:hunter2@host/db", FORM),
            ("postgres//me:hunter2", FORM),
            ("\"postgres://me:hunter2@host/db\"", "begins with a quotation mark"),
            ("user=me passwort=hunter2", FORM),
        ] {
            assert!(says(text).contains(told), "{text}: {}", says(text));
        }
    }
}
