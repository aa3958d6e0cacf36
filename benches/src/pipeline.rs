//! The speed of a whole campaign, from the first byte of its list to its last committed outcome, and the CPU time of
//! each process.
//!
//! The simulator has no latency and the sender has no rate. Import and start are `flowcast` commands.

use tokio::time::Instant;

use crate::figures::{CPU_MICROS, Figures, MEBIBYTES, PER_SECOND};
use crate::flowcast::{Flowcast, Ran};
use crate::list;
use crate::output::{line, number};
use crate::services::Services;
use crate::stand::{Cpu, Stand, difference};

/// The measurements of one campaign.
struct Measured {
    import: Ran,
    began: Instant,
    started: Instant,
    committed: Instant,
    cpu: [Vec<Cpu>; 3],
}

/// Measures one campaign of `recipients` sent by `consumers`.
pub(crate) async fn run(
    services: &Services,
    flowcast: &Flowcast,
    (consumers, recipients): (u32, u32),
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let stand = Stand::start(services, flowcast, consumers).await?;
    let title = if consumers == 1 { "1 consumer".to_owned() } else { format!("{consumers} consumers") };
    on(stand, flowcast, &title, recipients, figures).await
}

/// Measures one campaign of `recipients` on this stand, and ends it.
pub(crate) async fn on(
    mut stand: Stand,
    flowcast: &Flowcast,
    title: &str,
    recipients: u32,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let measured = measure(&mut stand, flowcast, recipients).await?;
    add(figures, title, recipients, &measured);
    for role in stand.roles() {
        let peak = f64::from(role.memory()?.peak) / 1024.0;
        figures.add(format!("{title}: peak memory of {}", role.name), MEBIBYTES, peak);
    }
    stand.stop().await
}

async fn measure(stand: &mut Stand, flowcast: &Flowcast, recipients: u32) -> anyhow::Result<Measured> {
    let id = stand.campaign().await?;
    let list = stand.list(list::MEASURED..list::MEASURED + recipients)?.display().to_string();
    let before = stand.cpu()?;
    let began = Instant::now();
    let arguments = ["campaign", "import", &id.to_string(), &list];
    let import = flowcast.run(&arguments, &stand.surroundings, drop).await?;
    stand.start_campaign(flowcast, id).await?;
    let started = Instant::now();
    let between = stand.cpu()?;
    let committed = stand.wait_until_sent(id, recipients).await?;
    let after = stand.cpu()?;
    stand.check(id, recipients).await?;
    Ok(Measured { import, began, started, committed, cpu: [before, between, after] })
}

fn add(figures: &mut Figures, title: &str, recipients: u32, measured: &Measured) {
    let Measured { import, began, started, committed, cpu: [before, between, after] } = measured;
    let all = f64::from(recipients);
    let per_second = |from: &Instant| all / (*committed - *from).as_secs_f64();
    let sending = format!("{title}: sending");
    figures.add(format!("{title}: import"), PER_SECOND, all / import.time.as_secs_f64());
    figures.add(&sending, PER_SECOND, per_second(started));
    figures.add(format!("{title}: import to last commit"), PER_SECOND, per_second(began));
    figures.pipeline_is(sending);
    let micros = |cpu: std::time::Duration| cpu.as_secs_f64() * 1e6 / all;
    figures.add(format!("{title}: import command"), CPU_MICROS, micros(import.cpu));
    for (name, cpu) in difference(before, between).into_iter().filter(|(name, _)| name == "Postgres") {
        figures.add(format!("{title}: {name}, import"), CPU_MICROS, micros(cpu));
    }
    let sending = difference(between, after);
    for (name, cpu) in &sending {
        figures.add(format!("{title}: {name}, sending"), CPU_MICROS, micros(*cpu));
    }
    let sum = micros(sending.iter().map(|(_, cpu)| *cpu).sum());
    figures.add(format!("{title}: all processes, sending"), CPU_MICROS, sum);
    figures.add(format!("{title}: peak memory of import"), MEBIBYTES, f64::from(import.memory.peak) / 1024.0);
    line(format!(
        "  import {}/s, sending {}/s, import to last commit {}/s, {} µs CPU each",
        number(all / import.time.as_secs_f64()),
        number(per_second(started)),
        number(per_second(began)),
        number(sum)
    ));
}
