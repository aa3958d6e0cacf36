//! Logs on standard error: as text or JSON. `RUST_LOG` or `[log] filter` chooses what is logged, except the values of statements.
//!
//! A role reads `[log] filter` again on SIGHUP, and limits repeated warnings and errors ([`repeats`]).

mod repeats;

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use crate::args::{Args, Command, LogFormat};
use crate::exit::Refused;
use crate::logging::repeats::{Limit, Repeats};
use crate::otlp::{self, Export};

/// What roles log without a setting. The broker crate has its own log lines for broken connections.
const OF_ROLES: &str = "info,lapin=off";
/// What other commands log without a setting.
const OF_COMMANDS: &str = "error,lapin=off";
/// From `debug` on, this crate logs the values of statements, which are numbers and texts of recipients.
const WITHOUT_VALUES: [&str; 2] = ["tokio_postgres=info", "tokio_postgres::query=info"];
/// Spans for a collector are no context of log lines.
const WITHOUT_SPANS: &str = "flowcast_spans=off";
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The `[log]` section.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// What is logged, in the form of `RUST_LOG`, such as `info,store=debug`. `RUST_LOG` takes precedence. A role reads it again on
    /// SIGHUP. Default `info,lapin=off` for roles, and `error,lapin=off` for other commands.
    pub(crate) filter: Option<String>,
}

impl Config {
    /// Checks the filter.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Some(filter) = &self.filter else { return Ok(()) };
        parse(filter).map(drop).map_err(|error| {
            format!("filter is '{filter}', which is no filter: {error}; write one like info,store=debug")
        })
    }
}

/// The running log.
pub(crate) struct Log {
    filter: reload::Handle<EnvFilter, Registry>,
    /// What is logged without a setting.
    default: &'static str,
    /// Of roles only: a command ends before a line could be repeated.
    repeats: Option<Arc<Repeats>>,
    spans: Option<Export>,
}

/// Starts logging, and the export of spans if it is set. The long-running roles log their work; commands log errors only.
pub(crate) fn start(args: &Args, config: &Config, spans: &otlp::Config) -> Result<Log, Refused> {
    let is_role = is_role(&args.command);
    let default = if is_role { OF_ROLES } else { OF_COMMANDS };
    let set = std::env::var("RUST_LOG").ok().and_then(|filter| parse(&filter).ok());
    let filter = match set {
        Some(filter) => filter,
        None => of_config(config, default)?,
    };
    let (filter, handle) = reload::Layer::new(filter);
    let repeats = is_role.then(Arc::default);
    let lines = Limit::of(repeats.clone()).and_then(lines(args.log_format)).with_filter(filter);
    let spans = match args.command.role() {
        Some(role) => Export::start(spans, role)?,
        None => None,
    };
    match &spans {
        Some(export) => Registry::default().with(lines).with(export.layer()).init(),
        None => Registry::default().with(lines).init(),
    }
    Ok(Log { filter: handle, default, repeats, spans })
}

fn is_role(command: &Command) -> bool {
    command.role().is_some() || matches!(command, Command::Simulator(_))
}

fn lines(format: LogFormat) -> Box<dyn Layer<Registry> + Send + Sync> {
    let lines = fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    }
}

fn of_config(config: &Config, default: &str) -> Result<EnvFilter, Refused> {
    parse(config.filter.as_deref().unwrap_or(default))
        .map_err(|error| Refused(format!("[log] filter: {error}")))
}

fn parse(filter: &str) -> Result<EnvFilter, ParseError> {
    let without = WITHOUT_VALUES.iter().chain([&WITHOUT_SPANS]);
    let directives = without.filter_map(|directive| directive.parse().ok());
    Ok(directives.fold(EnvFilter::builder().parse(filter)?, EnvFilter::add_directive))
}

impl Log {
    /// Starts the tasks of a role's log: the filter is read again on SIGHUP, by `read`, and repeated lines are counted. Needs a
    /// runtime.
    pub(crate) fn follow(
        &self,
        command: &Command,
        read: impl Fn() -> Result<Config, Refused> + Send + 'static,
    ) -> std::io::Result<()> {
        if !is_role(command) {
            return Ok(());
        }
        let mut hangups = signal(SignalKind::hangup())?;
        let (filter, default) = (self.filter.clone(), self.default);
        tokio::spawn(async move {
            while hangups.recv().await.is_some() {
                read_again(&filter, default, &read);
            }
        });
        if let Some(repeats) = self.repeats.clone() {
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(LOOK_EVERY).await;
                    repeats.tell_ended(Instant::now());
                }
            });
        }
        Ok(())
    }

    /// Exports the last spans, and logs how often lines were repeated. Called when the process ends.
    pub(crate) fn finish(&self) {
        if let Some(spans) = &self.spans {
            spans.finish();
        }
        if let Some(repeats) = &self.repeats {
            repeats.tell_all();
        }
    }
}

/// Reads the filter of the configuration again. If it is wrong, the present one stays.
fn read_again(
    handle: &reload::Handle<EnvFilter, Registry>,
    default: &str,
    read: &impl Fn() -> Result<Config, Refused>,
) {
    if std::env::var("RUST_LOG").is_ok_and(|filter| parse(&filter).is_ok()) {
        tracing::warn!(
            "SIGHUP: the log filter stays, because RUST_LOG is set; to change it in a running process, use [log] filter"
        );
        return;
    }
    let filter = match read().and_then(|config| of_config(&config, default)) {
        Ok(filter) => filter,
        Err(error) => {
            tracing::warn!("SIGHUP: the log filter stays, because the configuration cannot be used: {error}");
            return;
        }
    };
    let shown = filter.to_string();
    match handle.reload(filter) {
        Ok(()) => tracing::info!("SIGHUP: the log filter is now {shown}"),
        Err(error) => tracing::warn!("SIGHUP: the log filter stays: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_statements_and_spans_are_not_logged_whatever_the_filter_says() {
        for filter in ["trace", "tokio_postgres=trace,flowcast_spans=trace", OF_ROLES] {
            let shown = parse(filter).unwrap().to_string();
            assert!(shown.contains("tokio_postgres=info"), "{shown}");
            assert!(shown.contains("flowcast_spans=off"), "spans are no context of log lines: {shown}");
        }
    }

    #[test]
    fn a_wrong_filter_is_named() {
        let config = |filter: &str| Config { filter: Some(filter.to_owned()) };
        assert_eq!((Config::default().check(), config("info,store=debug").check()), (Ok(()), Ok(())));
        let error = config("store=loud").check().unwrap_err();
        assert!(error.contains("'store=loud'") && error.contains("info,store=debug"), "{error}");
    }
}
