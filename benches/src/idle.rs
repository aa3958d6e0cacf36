//! The CPU time of each role when there is nothing to do.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::figures::Figures;
use crate::flowcast::{Flowcast, Surroundings};
use crate::output::{line, number};
use crate::services::Services;
use crate::stand::{Cpu, Stand, difference};

/// How long to wait for the end of earlier work, and how long to measure then.
const SETTLE: Duration = Duration::from_secs(5);
const WATCHED: Duration = Duration::from_secs(30);
/// The unit: hundredths of one core.
const OF_A_CORE: &str = "% of a core";

/// Measures producer, consumer, server, and the services.
pub(crate) async fn run(
    (services, flowcast): (&Services, &Flowcast),
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let stand = Stand::start(services, flowcast, 1).await?;
    let at = std::net::SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, devstack::free_port()?));
    let Surroundings { folder, environment } = &stand.surroundings;
    let mut environment = environment.clone();
    environment.push(("FLOWCAST_SERVER_LISTEN", at.to_string()));
    environment.push(("FLOWCAST_CONSOLE_ENABLED", "false".to_owned()));
    let surroundings = Surroundings { folder: folder.clone(), environment };
    let server = flowcast.start("server", &["server"], &surroundings)?;
    sleep(SETTLE).await;
    let cpu = || -> anyhow::Result<Vec<Cpu>> {
        Ok(stand.cpu()?.into_iter().chain([("server".to_owned(), server.cpu()?)]).collect())
    };
    let (before, began) = (cpu()?, Instant::now());
    sleep(WATCHED).await;
    let took = began.elapsed().as_secs_f64();
    for (name, cpu) in difference(&before, &cpu()?) {
        let share = cpu.as_secs_f64() / took * 100.0;
        line(format!("  {name}: {} {OF_A_CORE}", number(share)));
        figures.add(format!("idle: {name}"), OF_A_CORE, share);
    }
    server.stop().await?;
    stand.stop().await
}
