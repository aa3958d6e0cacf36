//! A hundred senders at 5/s, half of them with a running campaign, sent by eight workers and fed by two producers.

use std::time::Duration;

use campaign::Rate;
use tokio::time::sleep;

use crate::figures::{Figures, MEBIBYTES};
use crate::flowcast::Flowcast;
use crate::many::arrivals::{Arrivals, excess, micros, used};
use crate::many::fleet::{Fleet, Running};
use crate::many::refused_claims::Claims;
use crate::many::{EXCESS, USED};
use crate::output::{line, number};
use crate::services::{self, Services};
use crate::stand::difference;
use crate::usage;

const SENDERS: u32 = 100;
const CAMPAIGNS: usize = 50;
const PRODUCERS: u32 = 2;
const WORKERS: u32 = 8;
const RATE: &str = "5/s";
/// Time from the last start to the measured part, and the length of that part.
const SETTLING: Duration = Duration::from_secs(10);
const MEASURED: Duration = Duration::from_mins(1);
/// Recipients of a campaign: enough for the time of starting all campaigns, one after the other, and for the measured part.
const RECIPIENTS: u32 = 900;

/// Measures one run.
pub(crate) async fn run(measured: (&Services, &Flowcast), figures: &mut Figures) -> anyhow::Result<()> {
    let mut fleet = Fleet::start(measured, (PRODUCERS, WORKERS)).await?;
    let names: Vec<String> = (1..=SENDERS).map(|n| format!("sender-{n}")).collect();
    for name in &names {
        fleet.add_sender((name, RATE), None).await?;
    }
    let mut campaigns: Vec<Running> = Vec::new();
    for name in names.iter().step_by(names.len() / CAMPAIGNS) {
        campaigns.push(fleet.import(name, 1, RECIPIENTS).await?);
    }
    for campaign in &campaigns {
        fleet.start_campaign(campaign).await?;
    }
    sleep(SETTLING).await;
    measure(&mut fleet, &campaigns, figures).await?;
    fleet.stand.stop().await
}

async fn measure(fleet: &mut Fleet<'_>, campaigns: &[Running], figures: &mut Figures) -> anyhow::Result<()> {
    let rate: Rate = RATE.parse()?;
    let stand = &mut fleet.stand;
    let (claims, cpu) = (Claims::of(stand.consumers()).await?, stand.cpu()?);
    let from = stand.ledger.summary().await?.last_arrival_us.unwrap_or_default();
    sleep(MEASURED).await;
    let claims = Claims::of(stand.consumers()).await?.since(claims);
    let arrivals = Arrivals::read(&stand.ledger).await?;
    let (mut least, mut above) = (f64::INFINITY, 0.0_f64);
    for campaign in campaigns {
        let of_campaign = arrivals.of(campaign)?;
        least = least.min(used(&of_campaign, (from, from + micros(MEASURED)), rate));
        above = above.max(excess(&of_campaign, rate));
    }
    stand.are_alive()?;
    figures.add("100 senders: the least used rate", USED, least);
    figures.add("100 senders: the fullest window", EXCESS, above);
    figures.add("100 senders: claims refused", "% of claims", claims.refused_share());
    for (name, cpu) in difference(&cpu, &stand.cpu()?) {
        figures.add(
            format!("100 senders: {name}"),
            "% of a core",
            cpu.as_secs_f64() / MEASURED.as_secs_f64() * 100.0,
        );
    }
    let worst = |figure: fn(u32) -> std::io::Result<u32>| {
        stand
            .consumers()
            .map(|role| figure(role.pid))
            .try_fold(0, |most, value| value.map(|value| most.max(value)))
    };
    let memory = f64::from(worst(|pid| Ok(usage::memory(pid)?.peak))?) / 1024.0;
    figures.add("100 senders: the largest worker, peak memory", MEBIBYTES, memory);
    figures.add("100 senders: the largest worker, threads", "threads", worst(usage::threads)?.into());
    let broker = usage::port_of(stand.scope.amqp_url());
    let connections = |pid| usage::connections_to(pid, broker);
    let most =
        stand.consumers().map(|role| connections(role.pid)).try_fold(0, |most, n| n.map(|n| most.max(n)))?;
    figures.add("100 senders: the largest worker, AMQP connections", "connections", most.into());
    let backends = services::postgres_backends();
    let private: u32 = backends.iter().sum();
    figures.add("100 senders: PostgreSQL processes", "processes", f64::from(u32::try_from(backends.len())?));
    figures.add("100 senders: PostgreSQL, private memory of all", MEBIBYTES, f64::from(private) / 1024.0);
    line(format!(
        "    least used rate {} %, refused claims {} % of {}, memory {} MiB",
        number(least),
        number(claims.refused_share()),
        number(claims.granted + claims.refused),
        number(memory)
    ));
    Ok(())
}
