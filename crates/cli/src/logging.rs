//! Logs on standard error: as text or JSON. `RUST_LOG` chooses what is logged, except the values of statements.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::args::{Args, Command, LogFormat};

/// Starts logging. The long-running roles log their work; commands log errors only.
pub(crate) fn start(args: &Args) {
    let is_role = matches!(
        args.command,
        Command::Producer | Command::Consumer | Command::Server | Command::Simulator(_)
    );
    // The broker crate has its own log lines for broken connections.
    let default = if is_role { "info,lapin=off" } else { "error,lapin=off" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    // From `debug` on, this crate logs the values of statements, which are numbers and texts of recipients.
    let without_values = ["tokio_postgres=info", "tokio_postgres::query=info"];
    let filter = without_values
        .iter()
        .filter_map(|directive| directive.parse().ok())
        .fold(filter, EnvFilter::add_directive);
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match args.log_format {
        LogFormat::Text => log.with_target(false).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}
