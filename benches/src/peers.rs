//! The fair job, done by Flowcast, by the batch prototype, and by the usual alternatives.
//!
//! Each contestant gets N rows in PostgreSQL and N persistent messages with their ids in one durable quorum queue. For
//! each job it claims and commits. It posts some 600 bytes of JSON with a bearer token to the simulator on a kept
//! connection. Then it records the provider's id, commits, and acknowledges. The order changes with every run. The
//! ledger checks each pass. In the first run each contestant has a second pass with one `kill -9` half-way.

use std::time::Duration;

use clap::ValueEnum;

use crate::contestant::{self, Contestant};
use crate::figures::{CPU_MICROS, Figures};
use crate::flowcast::Flowcast;
use crate::output::{line, number};
use crate::peer_pass::{Killed, Timed};
use crate::services::Services;
use crate::{own_pass, peer_pass};

/// The unit of what is wrong after a kill.
const JOBS: &str = "jobs";

/// Runs the job `runs` times with every contestant, and once with a kill, and returns what each promises.
pub(crate) async fn run(
    measured: (&Services, &Flowcast),
    (chosen, most): (&[Contestant], u32),
    (runs, with_kills): (u32, bool),
    figures: &mut Figures,
) -> anyhow::Result<String> {
    let mut contestants =
        if chosen.is_empty() { Contestant::value_variants().to_vec() } else { chosen.to_vec() };
    if contestants.iter().any(|contestant| contestant.is_peer()) {
        contestant::install().await?;
    }
    figures.pipeline_is(title(Contestant::Flowcast));
    let mut promises = Vec::new();
    for run in 1..=runs {
        for contestant in &contestants {
            let jobs = contestant.jobs().min(most);
            line(format!("\nrun {run} of {runs}: {}, {} jobs", contestant.name(), number(jobs.into())));
            let timed = match contestant {
                own if own.is_own() => Box::pin(own_pass::timed(measured, *own, jobs)).await,
                peer => Box::pin(peer_pass::timed(measured, *peer, jobs)).await,
            };
            match timed {
                Ok(timed) => add(figures, *contestant, &timed),
                // The other contestants are measured all the same.
                Err(error) => line(format!("  no figure: {error:#}")),
            }
            if run == 1 && with_kills {
                let killed = match contestant {
                    own if own.is_own() => Box::pin(own_pass::killed(measured, *own, jobs)).await?,
                    peer => Box::pin(peer_pass::killed(measured, *peer, jobs)).await?,
                };
                promises.push(add_killed(figures, *contestant, killed));
            }
        }
        contestants.rotate_left(1);
    }
    Ok(promises.join("\n"))
}

fn title(contestant: Contestant) -> String {
    format!("{}: jobs", contestant.name())
}

fn add(figures: &mut Figures, contestant: Contestant, timed: &Timed) {
    figures.add_ceiling(title(contestant), timed.per_second);
    let mut costs = Vec::new();
    for (name, cpu) in &timed.cpu {
        let micros = cpu.as_secs_f64() * 1e6 / f64::from(timed.jobs);
        let who = if name == contestant.name() { "own" } else { name };
        figures.add(format!("{}: {who}", contestant.name()), CPU_MICROS, micros);
        costs.push(format!("{who} {} µs", number(micros)));
    }
    let all: Duration = timed.cpu.iter().map(|(_, cpu)| *cpu).sum();
    let all = all.as_secs_f64() * 1e6 / f64::from(timed.jobs);
    figures.add(format!("{}: all processes", contestant.name()), CPU_MICROS, all);
    line(format!("  {}/s, CPU each: {}", number(timed.per_second), costs.join(", ")));
}

/// Adds the result of a kill, and returns it in words, with the promise that was kept.
fn add_killed(figures: &mut Figures, contestant: Contestant, killed: Killed) -> String {
    let name = contestant.name();
    let Killed { lost, doubled, unknown, open } = killed;
    for (what, count) in [("lost", lost), ("doubled", doubled), ("unknown", unknown), ("open claims", open)] {
        figures.add(format!("{name}, killed half-way: {what}"), JOBS, count.into());
    }
    let broken = match (lost, doubled > open) {
        (0, false) => "",
        (0, true) => "; weaker: sent again beyond the open claims",
        _ => "; weaker: jobs may be lost",
    };
    let words = format!(
        "{name}: a claim without an outcome is {}{broken} (killed with {open} open claims: {lost} lost, {doubled} doubled, \
         {unknown} unknown)",
        contestant.promise()
    );
    line(format!("  {words}"));
    words
}
