//! The `flowcast` command: parses arguments, loads the configuration, connects the parts, and runs.

mod actor;
mod alerts;
mod api_access;
mod args;
#[cfg(test)]
mod arrows;
#[cfg(test)]
mod build_commit;
mod commands;
#[cfg(test)]
mod config_page;
#[cfg(test)]
mod documented;
mod exit;
mod interrupt;
mod keys;
mod logging;
#[cfg(test)]
mod metrics_page;
mod monitoring;
mod otlp;
mod plane;
mod reach;
mod settings;
mod shutdown;
mod terminal;
mod version;

use std::process::ExitCode;

use clap::Parser;
use tikv_jemallocator::Jemalloc;
use tokio::runtime::{Builder, Runtime};

use crate::args::{Args, Command, RetentionCommand};
use crate::commands::{
    accounts, api_keys, audit, campaigns, check_config, database, dead_letters, demo, erasure, generate,
    health, providers, report, restored, roles, senders, suppressions, texts, top, waiting,
    webhook_endpoints,
};
use crate::logging::Log;
use crate::plane::{Database, Plane};
use crate::settings::Settings;

/// A consumer needs a tenth less time than with the allocator of the C library, in about the same memory
/// (docs/BENCHMARKS.md). The allocator's settings are compiled in: `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let args = Args::parse();
    if let Command::ReadWorkbook { request } = &args.command {
        // Before any setup: this process reads a file from an unknown sender.
        return producer::read_workbook(request).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    match start(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error),
    }
}

/// Loads the configuration and runs the command on its threads.
fn start(args: Args) -> anyhow::Result<()> {
    if let Command::Generate { command } = args.command {
        return generate::run(command);
    }
    reach::check(&args.command)?;
    failpoint::check().map_err(exit::Refused)?;
    let settings = Settings::load(args.config.as_deref(), std::env::vars())?;
    let log = start_log(&args, &settings)?;
    let ended = runtime(&args.command, &settings)?.block_on(async {
        let file = args.config.clone();
        log.follow(&args.command, move || Settings::load(file.as_deref(), std::env::vars())?.log())?;
        Box::pin(run(args.command, settings)).await
    });
    log.finish();
    ended
}

/// Starts the log. A wrong setting of it stops a role, but not a command such as `check-config`, which names it.
fn start_log(args: &Args, settings: &Settings) -> anyhow::Result<Log> {
    let is_role = args.command.role().is_some();
    let config = if is_role { settings.log()? } else { settings.log().unwrap_or_default() };
    let spans = if is_role { settings.otlp()? } else { otlp::Config::default() };
    Ok(logging::start(args, &config, &spans)?)
}

/// A consumer has as many threads as its section says, but not more than cores. With one thread nothing moves between
/// threads.
fn runtime(command: &Command, settings: &Settings) -> anyhow::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut builder = match command {
        Command::Consumer => match settings.consumer()?.threads_on(cores) {
            1 => Builder::new_current_thread(),
            threads => on(threads),
        },
        _ => Builder::new_multi_thread(),
    };
    Ok(builder.enable_all().build()?)
}

fn on(threads: usize) -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(threads);
    builder
}

async fn run(command: Command, settings: Settings) -> anyhow::Result<()> {
    match command {
        Command::Migrate => roles::migrate(&settings).await,
        Command::CheckConfig => check_config::run(&settings).await,
        Command::Sender { command } => senders::run(&settings, command).await,
        Command::Flow { command } => texts::flow(&settings, command).await,
        Command::Template { command } => texts::template(&settings, command).await,
        Command::Provider { command } => providers::run(&settings, &command),
        Command::Suppression { command } => suppressions::run(&settings, command).await,
        Command::Campaign { command } => Box::pin(campaigns::run(&settings, command)).await,
        Command::DeadLetters { command } => dead_letters::run(&settings, command).await,
        Command::Account { command } => accounts::run(&settings, command).await,
        Command::Key { command } => api_keys::run(&settings, command).await,
        Command::WebhookEndpoint { command } => webhook_endpoints::run(&settings, command).await,
        Command::Audit { command } => audit::run(&settings, command).await,
        Command::Waiting { json } => waiting::run(&settings, json).await,
        Command::Top(options) => top::run(&settings, options).await,
        Command::CheckCounts => report::check_counts(&Plane::open(&settings).await?).await,
        Command::Retention { command: RetentionCommand::Run { older_than } } => {
            erasure::retention(&Database::open(&settings).await?, older_than).await
        }
        Command::Erase { number } => erasure::number(&Database::open(&settings).await?, &number).await,
        Command::Database { command } => database::run(&Database::open(&settings).await?, command).await,
        Command::Restored(restored) => restored::run(&Database::open(&settings).await?, restored).await,
        Command::Metrics => health::metrics(&settings).await,
        Command::Health(args) => health::run(&settings, &args).await,
        Command::Producer => roles::producer(&settings).await,
        Command::Consumer => roles::consumer(&settings).await,
        Command::Server => roles::server(&settings).await,
        Command::Simulator(simulator) => roles::simulator(simulator).await,
        Command::Demo(demo) => Box::pin(demo::run(demo)).await,
        Command::Generate { .. } | Command::ReadWorkbook { .. } => Ok(()),
    }
}
