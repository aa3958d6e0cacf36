//! The configuration: `flowcast.toml`, overridden by `FLOWCAST_SECTION_KEY`, with the service addresses from the
//! environment.

use std::path::Path;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::alerts;
use crate::exit::Refused;
use crate::logging;
use crate::otlp;

/// The names of all sections.
pub(crate) const SECTIONS: &[&str] = &[
    "postgres",
    "broker",
    "producer",
    "consumer",
    "server",
    "console",
    "oidc",
    "lists",
    "http",
    "providers",
    "alerts",
    "webhooks",
    "metrics",
    "log",
    "otlp",
];
const DEFAULT_FILE: &str = "flowcast.toml";

/// The merged configuration. A section is parsed when it is needed.
#[derive(Debug)]
pub(crate) struct Settings {
    table: Table,
}

impl Settings {
    /// Reads the file and applies the environment to it.
    pub(crate) fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Refused> {
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        let mut table = match std::fs::read_to_string(path) {
            Ok(text) => parse(&text, path)?,
            Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => Table::new(),
            Err(error) => return Err(Refused(format!("cannot read {}: {error}", path.display()))),
        };
        for (name, value) in with_files(environment)? {
            overlay(&mut table, &name, value)?;
        }
        Ok(Self { table })
    }

    /// Whether the address of PostgreSQL is set.
    pub(crate) fn has_database(&self) -> bool {
        self.table.get("postgres").and_then(|section| section.get("url")).is_some()
    }

    pub(crate) fn postgres(&self) -> Result<store::Config, Refused> {
        let without_url = "DATABASE_URL is not set; write postgres://user:password@host:port/database";
        let config: store::Config = self.section("postgres", Some(without_url))?;
        config.check().map_err(|error| Refused(format!("[postgres] {error}")))?;
        Ok(config)
    }

    pub(crate) fn broker(&self) -> Result<broker::Config, Refused> {
        let config: broker::Config =
            self.section("broker", Some("AMQP_URL is not set; write amqp://user:password@host:port"))?;
        config.validate().map_err(|error| Refused(format!("[broker] {error}")))?;
        Ok(config)
    }

    pub(crate) fn producer(&self) -> Result<producer::Config, Refused> {
        self.section("producer", None)
    }

    pub(crate) fn http(&self) -> Result<whatsapp::Config, Refused> {
        let mut config: whatsapp::Config = self.section("http", None)?;
        config.overrides = self.section("providers", None)?;
        config.check().map_err(|error| Refused(format!("[http] {error}")))?;
        Ok(config)
    }

    pub(crate) fn consumer(&self) -> Result<consumer::Config, Refused> {
        let config: consumer::Config = self.section("consumer", None)?;
        config.check(self.http()?.timeout).map_err(Refused)?;
        Ok(config)
    }

    pub(crate) fn server(&self) -> Result<server::Config, Refused> {
        let config: server::Config = self.section("server", None)?;
        config.check().map_err(|error| Refused(format!("[server] {error}")))?;
        if config.upload_key.is_some() && self.lists()?.max_temporary_bytes < config.max_upload_bytes {
            let problem = "[lists] max_temporary_bytes is below [server] max_upload_bytes, so a long list could never be imported";
            return Err(Refused(problem.into()));
        }
        Ok(config)
    }

    pub(crate) fn console(&self) -> Result<api::Config, Refused> {
        let keys = console::Config::KEYS;
        let mut config: api::Config = self.part_of("console", None, |key| !keys.contains(&key))?;
        config.check().map_err(|error| Refused(format!("[console] {error}")))?;
        // A longer list could never be imported.
        config.max_list_bytes = config.max_list_bytes.min(self.lists()?.max_temporary_bytes);
        Ok(config)
    }

    /// The settings of the pages, which are in the section of the API's listener.
    pub(crate) fn pages(&self) -> Result<console::Config, Refused> {
        let keys = console::Config::KEYS;
        let config: console::Config = self.part_of("console", None, |key| keys.contains(&key))?;
        let listen = self.console()?.listen;
        config.check(listen).map_err(|error| Refused(format!("[console] {error}")))?;
        Ok(config)
    }

    /// Log-ins with the account of a company.
    pub(crate) fn oidc(&self) -> Result<oidc::Config, Refused> {
        let config: oidc::Config = self.section("oidc", None)?;
        config.check().map_err(|error| Refused(format!("[oidc] {error}")))?;
        Ok(config)
    }

    pub(crate) fn lists(&self) -> Result<producer::ListsConfig, Refused> {
        let config: producer::ListsConfig = self.section("lists", None)?;
        config.check().map_err(|error| Refused(format!("[lists] {error}")))?;
        Ok(config)
    }

    pub(crate) fn alerts(&self) -> Result<alerts::Config, Refused> {
        let config: alerts::Config = self.section("alerts", None)?;
        config.check().map_err(Refused)?;
        Ok(config)
    }

    pub(crate) fn metrics(&self) -> Result<telemetry::Config, Refused> {
        self.section("metrics", None)
    }

    pub(crate) fn log(&self) -> Result<logging::Config, Refused> {
        let config: logging::Config = self.section("log", None)?;
        config.check().map_err(|error| Refused(format!("[log] {error}")))?;
        Ok(config)
    }

    pub(crate) fn otlp(&self) -> Result<otlp::Config, Refused> {
        let config: otlp::Config = self.section("otlp", None)?;
        config.check().map_err(|error| Refused(format!("[otlp] {error}")))?;
        Ok(config)
    }

    pub(crate) fn webhooks(&self) -> Result<notifier::Config, Refused> {
        self.section("webhooks", None)
    }

    /// Parses one section. `without_url` is the error for a missing address.
    fn section<T: DeserializeOwned>(&self, name: &str, without_url: Option<&str>) -> Result<T, Refused> {
        self.part_of(name, without_url, |_| true)
    }

    /// Parses the settings of one section whose keys `is_wanted` selects.
    fn part_of<T: DeserializeOwned>(
        &self,
        name: &str,
        without_url: Option<&str>,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<T, Refused> {
        let mut section = self.table.get(name).and_then(Value::as_table).cloned().unwrap_or_default();
        section.retain(|key, _| is_wanted(key));
        if let Some(problem) = without_url.filter(|_| !section.contains_key("url")) {
            return Err(Refused(problem.to_owned()));
        }
        section.try_into().map_err(|error: toml::de::Error| {
            Refused(format!("[{name}] {}", error.message().replace('\n', " ")))
        })
    }
}

/// Addresses, which may have passwords.
const URLS: [&str; 4] =
    ["DATABASE_URL", "AMQP_URL", "FLOWCAST_POSTGRES_DIRECT_URL", "FLOWCAST_POSTGRES_REPORT_URL"];

/// Replaces `DATABASE_URL_FILE` and the like by the content of the files that they name: in a file, a password is in no list of
/// processes and in no description of a container.
fn with_files(environment: impl Iterator<Item = (String, String)>) -> Result<Vec<(String, String)>, Refused> {
    let mut variables: Vec<(String, String)> = environment.collect();
    for name in URLS {
        let of_file = format!("{name}_FILE");
        let Some(place) = variables.iter().position(|(found, _)| *found == of_file) else { continue };
        let (_, path) = variables.swap_remove(place);
        // Compose files can empty a variable, and cannot remove it.
        variables.retain(|(found, value)| found != name || !value.is_empty());
        if variables.iter().any(|(found, _)| found == name) {
            return Err(Refused(format!("{name} and {of_file} are both set; unset one of them")));
        }
        let content = std::fs::read_to_string(&path)
            .map_err(|error| Refused(format!("{of_file}: cannot read {path}: {error}")))?;
        variables.push((name.to_owned(), content.trim().to_owned()));
    }
    Ok(variables)
}

fn parse(text: &str, path: &Path) -> Result<Table, Refused> {
    let wrong = |what: &dyn std::fmt::Display| Refused(format!("{}: {what}", path.display()));
    let table: Table = text.parse().map_err(|error: toml::de::Error| wrong(&error))?;
    for (name, value) in &table {
        if !SECTIONS.contains(&name.as_str()) || !value.is_table() {
            return Err(wrong(&format!(
                "unknown section '{name}'; the sections are {}",
                SECTIONS.join(", ")
            )));
        }
    }
    Ok(table)
}

/// `FLOWCAST_CONSUMER_IN_FLIGHT=256` is `in_flight = 256` under `[consumer]`. Other variables are ignored: a sender's
/// key may be in `FLOWCAST_KEY`.
fn overlay(table: &mut Table, name: &str, value: String) -> Result<(), Refused> {
    let (section, key) = match name {
        "DATABASE_URL" => ("postgres", "url".to_owned()),
        "AMQP_URL" => ("broker", "url".to_owned()),
        // An option of the command line.
        "FLOWCAST_LOG_FORMAT" => return Ok(()),
        _ => {
            let Some(rest) = name.strip_prefix("FLOWCAST_") else { return Ok(()) };
            let rest = rest.to_ascii_lowercase();
            let Some((section, key)) = rest.split_once('_') else { return Ok(()) };
            let Some(section) = SECTIONS.iter().find(|known| **known == section) else { return Ok(()) };
            (*section, key.to_owned())
        }
    };
    let entry = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
    let Some(entry) = entry.as_table_mut() else {
        return Err(Refused(format!("[{section}] is not a section")));
    };
    entry.insert(key, read(value));
    Ok(())
}

/// Parses a number, a boolean or a list as TOML; anything else is a text.
fn read(value: String) -> Value {
    let parsed = format!("v = {value}").parse::<Table>().ok().and_then(|mut table| table.remove("v"));
    match parsed {
        Some(value @ (Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Array(_))) => value,
        _ => Value::String(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Settings, Refused> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Settings::load(Some(file.path()), environment)
    }

    #[test]
    fn the_example_file_is_valid_and_contains_the_defaults() {
        let settings = load(include_str!("../../../examples/flowcast.toml"), &[]).unwrap();
        let defaults = load("", &[]).unwrap();
        assert_eq!(
            format!("{:?}", settings.consumer().unwrap()),
            format!("{:?}", defaults.consumer().unwrap())
        );
        assert_eq!(
            format!("{:?}", settings.producer().unwrap()),
            format!("{:?}", defaults.producer().unwrap())
        );
        assert_eq!(format!("{:?}", settings.server().unwrap()), format!("{:?}", defaults.server().unwrap()));
        assert_eq!(
            format!("{:?}", settings.console().unwrap()),
            format!("{:?}", defaults.console().unwrap())
        );
        assert_eq!(settings.lists().unwrap(), defaults.lists().unwrap());
        assert_eq!(settings.http().unwrap(), defaults.http().unwrap());
        assert_eq!(format!("{:?}", settings.alerts().unwrap()), format!("{:?}", defaults.alerts().unwrap()));
        assert_eq!(settings.webhooks().unwrap(), defaults.webhooks().unwrap());
        assert_eq!(settings.metrics().unwrap(), defaults.metrics().unwrap());
        assert_eq!(settings.log().unwrap(), defaults.log().unwrap());
        assert_eq!(settings.otlp().unwrap(), defaults.otlp().unwrap());
        assert_eq!(format!("{:?}", settings.oidc().unwrap()), format!("{:?}", defaults.oidc().unwrap()));
        assert_eq!(format!("{:?}", settings.pages().unwrap()), format!("{:?}", defaults.pages().unwrap()));
        let urls = [("DATABASE_URL", "postgres://h/d"), ("AMQP_URL", "amqp://h")];
        let settings = load(include_str!("../../../examples/flowcast.toml"), &urls).unwrap();
        let defaults = load("", &urls).unwrap();
        assert_eq!(
            format!("{:?}", settings.postgres().unwrap()),
            format!("{:?}", defaults.postgres().unwrap())
        );
        assert_eq!(format!("{:?}", settings.broker().unwrap()), format!("{:?}", defaults.broker().unwrap()));
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let settings = load(
            "[consumer]\nin_flight = 100\nbatch = 10",
            &[
                ("FLOWCAST_CONSUMER_IN_FLIGHT", "256"),
                ("FLOWCAST_CONSUMER_DRAIN", "5s"),
                ("FLOWCAST_KEY", "x"),
            ],
        );
        let consumer = settings.unwrap().consumer().unwrap();
        assert_eq!((consumer.in_flight, consumer.batch, consumer.drain), (256, 10, Duration::from_secs(5)));
    }

    #[test]
    fn an_invalid_key_section_or_value_gives_one_clear_sentence() {
        let error = load("[consumers]\n", &[]).unwrap_err().to_string();
        assert!(error.ends_with(
                "unknown section 'consumers'; the sections are postgres, broker, producer, consumer, server, console, oidc, lists, http, providers, alerts, webhooks, metrics, log, otlp"
        ));
        let error = load("[consumer]\ninflight = 1", &[]).unwrap().consumer().unwrap_err().to_string();
        assert!(error.starts_with("[consumer] unknown field `inflight`, expected one of"), "{error}");
        let error =
            load("[providers.meta.errors]\n1 = \"ignore\"", &[]).unwrap().http().unwrap_err().to_string();
        assert!(
            error.starts_with("[providers] meta.errors.1: 'ignore' is not a class; use throttle"),
            "{error}"
        );
        let error = load("", &[]).unwrap().postgres().unwrap_err().to_string();
        assert!(error.starts_with("DATABASE_URL is not set"), "{error}");
        let url = [("DATABASE_URL", "postgres://h/d")];
        for (key, told) in [
            ("answer_timeout = \"10s\"", "answer_timeout (10s) is not longer than statement_timeout (10s)"),
            ("address_timeout = \"0s\"", "address_timeout is 0"),
            ("failover = \"trust\"", "unknown variant `trust`, expected `hold` or `trust-synchronous`"),
        ] {
            let error =
                load(&format!("[postgres]\n{key}"), &url).unwrap().postgres().unwrap_err().to_string();
            assert!(error.starts_with("[postgres] ") && error.contains(told), "{error}");
        }
        let error = load("[consumer]\nlease = \"10s\"", &[]).unwrap().consumer().unwrap_err().to_string();
        assert!(error.starts_with("consumer.lease is 10s, too short"), "{error}");
        let few = "[lists]\nmax_temporary_bytes = 1000\n[server]\nupload_key = \"env:KEY\"";
        let error = load(few, &[]).unwrap().server().unwrap_err().to_string();
        assert!(
            error.starts_with("[lists] max_temporary_bytes is below [server] max_upload_bytes"),
            "{error}"
        );
        let error =
            load("", &[("FLOWCAST_LISTS_TEMPORARY_FOLDER", "")]).unwrap().lists().unwrap_err().to_string();
        assert!(error.starts_with("[lists] temporary_folder is empty; name a folder"), "{error}");
    }

    #[test]
    fn settings_of_pages_and_of_the_api_share_a_section() {
        let text = "[console]\nlisten = \"127.0.0.1:9000\"\nzone = \"Africa/Nairobi\"";
        let settings = load(text, &[("FLOWCAST_CONSOLE_INSECURE_LOOPBACK", "true")]).unwrap();
        let (api, pages) = (settings.console().unwrap(), settings.pages().unwrap());
        assert_eq!((api.listen.port(), pages.zone.as_str()), (9000, "Africa/Nairobi"));
        assert!(pages.insecure_loopback);
        let error = load("[console]\nzome = \"UTC\"", &[]).unwrap().console().unwrap_err().to_string();
        assert!(error.contains("zome"), "{error}");
    }

    #[test]
    fn no_password_is_shown() {
        let settings = load(
            "",
            &[("DATABASE_URL", "postgres://me:hunter2@host/db"), ("AMQP_URL", "amqp://me:hunter2@host")],
        );
        let settings = settings.unwrap();
        let shown = format!("{:?} {:?}", settings.postgres().unwrap(), settings.broker().unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn an_address_can_be_in_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "postgres://user:hunter2@host/db\n").unwrap();
        let path = file.path().to_str().unwrap();
        let settings = load("", &[("DATABASE_URL_FILE", path)]).unwrap();
        assert!(settings.postgres().is_ok() && settings.has_database());
        assert!(load("", &[("DATABASE_URL", ""), ("DATABASE_URL_FILE", path)]).unwrap().postgres().is_ok());
        let both = load("", &[("DATABASE_URL_FILE", path), ("DATABASE_URL", "postgres://h/d")]).unwrap_err();
        assert_eq!(both.to_string(), "DATABASE_URL and DATABASE_URL_FILE are both set; unset one of them");
        let urls = [("DATABASE_URL", "postgres://h/d"), ("FLOWCAST_POSTGRES_REPORT_URL_FILE", path)];
        assert!(load("", &urls).unwrap().postgres().unwrap().report_url.is_some());
        let missing = load("", &[("AMQP_URL_FILE", "/nowhere/url")]).unwrap_err().to_string();
        assert!(missing.starts_with("AMQP_URL_FILE: cannot read /nowhere/url"), "{missing}");
    }
}
