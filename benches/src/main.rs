//! `make bench`: how fast Flowcast is on this machine, what it costs, and how close that is to what the machine can do.
//!
//! **Invariants.** One file a question. Every service, the simulator and every role is a process of its own on this
//! machine, so that its CPU can be told apart. A run that does not hold its promises is an error, never a number.

mod ceilings;
mod contestant;
mod envelope;
mod feed;
mod figures;
mod flowcast;
mod group;
mod history;
mod idle;
mod import;
mod jobs;
mod latency;
mod ledger;
mod limiter;
mod list;
mod machine;
mod memory;
mod output;
mod own_pass;
mod peer_pass;
mod peers;
mod pipeline;
mod protocols;
mod prototype;
mod receipts;
mod recovery;
mod reports;
mod services;
mod stand;
mod usage;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use crate::contestant::Contestant;
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
    /// Numbers of past campaigns of the history question
    #[arg(long, default_value = "100,1000,10000", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(100..=100_000))]
    past: Vec<u32>,
    /// Who is compared by the peers question
    #[arg(long, value_enum, value_delimiter = ',')]
    peers: Vec<Contestant>,
    /// Let the peers question kill nobody; a run of Flowcast is a minute shorter then
    #[arg(long)]
    without_kills: bool,
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
    /// How many confirmed ids a producer publishes
    Feed,
    /// What reading the reports costs those who send
    Reports,
    /// Whether memory stays flat over a long list
    Memory,
    /// What HTTP/2 would change
    Protocols,
    /// What a slow provider changes, and how workers add up
    Latency,
    /// How long the full rate takes to come back after a kill
    Recovery,
    /// What each role takes with nothing to do
    Idle,
    /// How much of a rate is used, and whether it is exceeded
    Limiter,
    /// Whether a year of past campaigns slows anything down, on PostgreSQL's default settings; takes an hour and 25 GB
    History,
    /// The same job done by Flowcast, by a prototype without its promises, and by what people use instead
    Peers,
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
    if std::env::var_os(prototype::CHILD).is_some() {
        return prototype::run().await;
    }
    let flowcast = match &args.flowcast {
        Some(path) => Flowcast::at(path)?,
        None => Flowcast::build().await?,
    };
    let services = Services::start().await?;
    let (machine, mut figures) = (machine::describe(&services), Figures::default());
    line(&machine);
    // The questions take turns, so that a busy minute of the machine does not fall on one of them alone.
    for run in 1..=args.runs {
        if !args.asks_only_once() {
            line(format!("\nrun {run} of {}", args.runs));
        }
        Box::pin(take_turns(&args, (&services, &flowcast), &mut figures)).await?;
    }
    if args.questions.contains(&Question::History) {
        Box::pin(history::run(&flowcast, &args.past)).await?;
    }
    let mut verdict = None;
    if args.asks(Question::Peers) {
        let contestants = (args.peers.as_slice(), args.recipients);
        let passes = (args.runs, !args.without_kills);
        verdict = Some(peers::run((&services, &flowcast), contestants, passes, &mut figures).await?);
    }
    if args.asks(Question::Memory) {
        line(format!("\nmemory over {} recipients", thousands(args.memory_recipients)));
        let size = (args.most_consumers(), args.memory_recipients);
        let flat = memory::run(&services, &flowcast, size, &mut figures).await?;
        verdict = Some(verdict.map_or(flat.clone(), |said: String| format!("{said}\n\n{flat}")));
    }
    line(format!("\n{machine}"));
    if args.asks(Question::Pipeline) || args.asks(Question::Ceilings) {
        line(format!("{} runs of {} recipients", args.runs, thousands(args.recipients)));
    }
    line("");
    figures.print();
    if let Some(verdict) = verdict {
        line(format!("\n{verdict}"));
    }
    Ok(())
}

/// Each question that is asked every time, once.
async fn take_turns(
    args: &Args,
    (services, flowcast): (&Services, &Flowcast),
    figures: &mut Figures,
) -> anyhow::Result<()> {
    if args.asks(Question::Pipeline) {
        for consumers in &args.consumers {
            line(format!("pipeline, consumers: {consumers}"));
            pipeline::run(services, flowcast, (*consumers, args.recipients), figures).await?;
        }
    }
    if args.asks(Question::Import) {
        line("import");
        import::run(services, flowcast, args.import_rows, figures).await?;
    }
    if args.asks(Question::Ceilings) {
        line("ceilings");
        ceilings::run(services, flowcast, args.recipients, figures).await?;
    }
    if args.asks(Question::Receipts) {
        line("receipts");
        receipts::run(services, flowcast, args.recipients, figures).await?;
    }
    if args.asks(Question::Feed) {
        line("feed");
        feed::run((services, flowcast), args.recipients, figures).await?;
    }
    if args.asks(Question::Reports) {
        line("reports");
        reports::run(services, flowcast, (args.most_consumers(), args.recipients), figures).await?;
    }
    if args.asks(Question::Protocols) {
        line("protocols");
        protocols::run(args.recipients, figures).await?;
    }
    if args.asks(Question::Latency) {
        line("latency");
        Box::pin(latency::run((services, flowcast), args.recipients, figures)).await?;
    }
    if args.asks(Question::Recovery) {
        line("recovery");
        recovery::run((services, flowcast), figures).await?;
    }
    if args.asks(Question::Idle) {
        line("idle");
        idle::run((services, flowcast), figures).await?;
    }
    if args.asks(Question::Limiter) {
        line("limiter");
        limiter::run((services, flowcast), figures).await?;
    }
    Ok(())
}

impl Args {
    fn most_consumers(&self) -> u32 {
        self.consumers.iter().copied().max().unwrap_or(1)
    }

    /// Whether only such questions are asked as count their runs themselves.
    fn asks_only_once(&self) -> bool {
        let counts_itself =
            |question: &Question| matches!(question, Question::Peers | Question::Memory | Question::History);
        !self.questions.is_empty() && self.questions.iter().all(counts_itself)
    }

    fn asks(&self, question: Question) -> bool {
        self.questions.is_empty() || self.questions.contains(&question)
    }
}
