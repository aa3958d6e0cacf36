//! `make bench`: how fast Flowcast is on this machine, what it costs, and how close that is to what the machine can do.
//!
//! **Invariants.** One file a question. Every service, the simulator and every role is a process of its own on this
//! machine, so that its CPU can be told apart. A run that does not hold its promises is an error, never a number.

mod ceilings;
mod figures;
mod flowcast;
mod import;
mod ledger;
mod list;
mod machine;
mod memory;
mod output;
mod pipeline;
mod protocols;
mod receipts;
mod reports;
mod services;
mod stand;
mod usage;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use crate::figures::Figures;
use crate::flowcast::Flowcast;
use crate::output::{line, thousands};
use crate::services::Services;

/// Measures Flowcast on this machine, on a private RabbitMQ and Postgres.
#[derive(Parser)]
#[command(max_term_width = 110)]
struct Args {
    /// What to measure; without it everything
    #[arg(value_enum)]
    questions: Vec<Question>,
    /// Recipients of one run
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    recipients: u32,
    /// How many consumers; several numbers are measured one after the other
    #[arg(long, default_value = "1,2", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=16))]
    consumers: Vec<u32>,
    /// How often each is measured
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// Recipients of the memory question
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(10_000..=50_000_000))]
    memory_recipients: u32,
    /// Rows of the import question; a workbook has a tenth of them
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(10_000..=10_000_000))]
    import_rows: u32,
    /// The flowcast to measure; without it the one of this source, built for release first
    #[arg(long, value_name = "FILE")]
    flowcast: Option<PathBuf>,
}

/// What can be measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Question {
    /// A whole campaign, from the list to the last outcome committed
    Pipeline,
    /// Lists of every kind, with the memory they take
    Import,
    /// What each step could do alone on the same services
    Ceilings,
    /// How many receipts a server takes in, and how long an answer takes
    Receipts,
    /// What reading the reports costs those who send
    Reports,
    /// Whether memory stays flat over a long list
    Memory,
    /// What HTTP/2 would change
    Protocols,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(format!("bench: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Measures until the end, or until told to stop; what was started is removed either way.
async fn run(args: Args) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        measured = Box::pin(measure(args)) => measured,
        _ = terminate.recv() => anyhow::bail!("stopped before the end"),
        _ = interrupt.recv() => anyhow::bail!("stopped before the end"),
    }
}

async fn measure(args: Args) -> anyhow::Result<()> {
    if let Some(folder) = std::env::var_os(protocols::CHILD) {
        return protocols::measure(folder.as_ref(), args.recipients).await;
    }
    let most_consumers = args.consumers.iter().copied().max().unwrap_or(1);
    let asked = |question| args.questions.is_empty() || args.questions.contains(&question);
    let flowcast = match &args.flowcast {
        Some(path) => Flowcast::at(path)?,
        None => Flowcast::build().await?,
    };
    let services = Services::start().await?;
    let (machine, mut figures) = (machine::describe(&services), Figures::default());
    line(&machine);
    // The questions take turns, so that a busy minute of the machine does not fall on one of them alone.
    for run in 1..=args.runs {
        if asked(Question::Pipeline) {
            for consumers in &args.consumers {
                line(format!("\nrun {run} of {}: pipeline, consumers: {consumers}", args.runs));
                pipeline::run(&services, &flowcast, (*consumers, args.recipients), &mut figures).await?;
            }
        }
        if asked(Question::Import) {
            line(format!("\nrun {run} of {}: import", args.runs));
            import::run(&services, &flowcast, args.import_rows, &mut figures).await?;
        }
        if asked(Question::Ceilings) {
            line(format!("\nrun {run} of {}: ceilings", args.runs));
            ceilings::run(&services, &flowcast, args.recipients, &mut figures).await?;
        }
        if asked(Question::Receipts) {
            line(format!("\nrun {run} of {}: receipts", args.runs));
            receipts::run(&services, &flowcast, args.recipients, &mut figures).await?;
        }
        if asked(Question::Reports) {
            line(format!("\nrun {run} of {}: reports", args.runs));
            reports::run(&services, &flowcast, (most_consumers, args.recipients), &mut figures).await?;
        }
    }
    for run in 1..=args.runs {
        if asked(Question::Protocols) {
            line(format!("\nrun {run} of {}: protocols", args.runs));
            protocols::run(args.recipients, &mut figures).await?;
        }
    }
    let mut verdict = None;
    if asked(Question::Memory) {
        line(format!("\nmemory over {} recipients", thousands(args.memory_recipients)));
        let size = (most_consumers, args.memory_recipients);
        verdict = Some(memory::run(&services, &flowcast, size, &mut figures).await?);
    }
    line(format!("\n{machine}"));
    if asked(Question::Pipeline) || asked(Question::Ceilings) {
        line(format!("{} runs of {} recipients", args.runs, thousands(args.recipients)));
    }
    line("");
    figures.print();
    if let Some(verdict) = verdict {
        line(format!("\n{verdict}"));
    }
    Ok(())
}
