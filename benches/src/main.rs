//! `make bench`: the speed and cost of Flowcast on this machine, and how close they are to the machine's limits.
//!
//! **Invariants.** One file per measurement. Every service, the simulator and every role is a separate process on this
//! machine, so that its CPU time can be measured. A run that breaks its promises is an error, never a figure.

mod api;
mod ceilings;
mod console;
mod console_server;
mod contestant;
mod envelope;
mod feed;
mod fence;
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
mod many;
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

/// Measures Flowcast on this machine, with a private RabbitMQ and PostgreSQL.
#[derive(Parser)]
#[command(max_term_width = 110)]
struct Args {
    /// What to measure; default: everything
    #[arg(value_enum)]
    questions: Vec<Question>,
    /// Recipients of one run
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    recipients: u32,
    /// Number of consumers; several numbers are measured one after the other
    #[arg(long, default_value = "1,2", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=16))]
    consumers: Vec<u32>,
    /// Number of runs of each measurement
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// Recipients of the memory measurement
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(10_000..=50_000_000))]
    memory_recipients: u32,
    /// Rows of the import measurement; a workbook has a tenth of them
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(10_000..=10_000_000))]
    import_rows: u32,
    /// Numbers of past campaigns of the history measurement
    #[arg(long, default_value = "100,1000,10000", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(100..=100_000))]
    past: Vec<u32>,
    /// Contestants of the peers measurement
    #[arg(long, value_enum, value_delimiter = ',')]
    peers: Vec<Contestant>,
    /// Run the peers measurement without kills; a run of Flowcast is a minute shorter then
    #[arg(long)]
    without_kills: bool,
    /// Path of the flowcast executable; default: a release build of this source
    #[arg(long, value_name = "FILE")]
    flowcast: Option<PathBuf>,
}

/// What can be measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Question {
    /// A whole campaign, from the list to the last committed outcome
    Pipeline,
    /// Imports of all list formats, with their memory
    Import,
    /// Lists over the HTTP API: upload, export, memory of the server
    Api,
    /// Pages of the console beside a running campaign, and the cost of their viewers
    Console,
    /// The speed of each step alone on the same services
    Ceilings,
    /// Receipts that a server stores, and the latency of its answers
    Receipts,
    /// Confirmed ids that a producer publishes
    Feed,
    /// The cost of reading reports while sending
    Reports,
    /// Whether memory stays flat over a long list
    Memory,
    /// The effect of HTTP/2
    Protocols,
    /// The effect of a slow provider, and the scaling of workers
    Latency,
    /// The cost of comparing the database with the confirmed one in each claim
    Fence,
    /// The time until the full rate returns after a kill
    Recovery,
    /// The CPU time of each role with nothing to do
    Idle,
    /// How much of a rate is used, and whether it is exceeded
    Limiter,
    /// A hundred senders with eight workers, an urgent campaign, a rate that changes, and senders that cannot send; takes 10 minutes
    Many,
    /// Whether a year of past campaigns slows anything down, on PostgreSQL's default settings; takes an hour and 25 GB
    History,
    /// The same job done by Flowcast, by a prototype without its promises, and by the usual alternatives
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

/// Measures until the end, or until a signal. What was started is removed in both cases.
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
    // The measurements take turns, so that a busy minute of the machine does not affect only one of them.
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
        verdict = Some(verdict.map_or(flat.clone(), |earlier: String| format!("{earlier}\n\n{flat}")));
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

/// Runs each measurement once, except those that run only once.
async fn take_turns(
    args: &Args,
    (services, flowcast): (&Services, &Flowcast),
    figures: &mut Figures,
) -> anyhow::Result<()> {
    for consumers in args.consumers.iter().filter(|_| args.asks(Question::Pipeline)) {
        line(format!("pipeline, consumers: {consumers}"));
        pipeline::run(services, flowcast, (*consumers, args.recipients), figures).await?;
    }
    if args.asks(Question::Import) {
        line("import");
        import::run(services, flowcast, args.import_rows, figures).await?;
    }
    if args.asks(Question::Api) {
        line("api");
        api::run(services, flowcast, args.import_rows, figures).await?;
    }
    if args.asks(Question::Console) {
        line("console");
        Box::pin(console::run(services, flowcast, args.import_rows, figures)).await?;
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
    take_turns_of_roles(args, (services, flowcast), figures).await
}

/// The measurements of running roles beside what happens to them.
async fn take_turns_of_roles(
    args: &Args,
    (services, flowcast): (&Services, &Flowcast),
    figures: &mut Figures,
) -> anyhow::Result<()> {
    if args.asks(Question::Fence) {
        line("fence");
        fence::run(services, flowcast, (args.most_consumers(), args.recipients), figures).await?;
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
    if args.asks(Question::Many) {
        line("many");
        Box::pin(many::run((services, flowcast), figures)).await?;
    }
    Ok(())
}

impl Args {
    fn most_consumers(&self) -> u32 {
        self.consumers.iter().copied().max().unwrap_or(1)
    }

    /// Whether all requested measurements count their runs themselves.
    fn asks_only_once(&self) -> bool {
        let counts_itself =
            |question: &Question| matches!(question, Question::Peers | Question::Memory | Question::History);
        !self.questions.is_empty() && self.questions.iter().all(counts_itself)
    }

    fn asks(&self, question: Question) -> bool {
        self.questions.is_empty() || self.questions.contains(&question)
    }
}
