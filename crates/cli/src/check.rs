//! `flowcast check-config`: the configuration, Postgres and RabbitMQ, and everything that is wrong at once.

use broker::{Publisher, State, Topology};
use store::Store;
use tokio_util::sync::CancellationToken;

use crate::exit::Refused;
use crate::output::line;
use crate::settings::Settings;

/// Says everything that is wrong, or that all is fine.
pub(crate) async fn run(settings: &Settings) -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    let sections = [
        settings.producer().err(),
        settings.http().err(),
        settings.consumer().err(),
        settings.server().err(),
        settings.alerts().err(),
    ];
    for problem in sections {
        wrong.extend(problem.map(|problem| problem.to_string()));
    }
    match settings.postgres() {
        Ok(config) => match Store::connect(&config).await {
            Ok(store) => wrong.extend(store.check_schema().await.err().map(|error| error.to_string())),
            Err(error) => wrong.push(error.to_string()),
        },
        Err(problem) => wrong.push(problem.to_string()),
    }
    match settings.broker() {
        Ok(config) => {
            wrong.extend(broker_answers(config).await.err().map(|error| error.to_string()));
        }
        Err(problem) => wrong.push(problem.to_string()),
    }
    wrong.dedup();
    if wrong.is_empty() {
        line("configuration, Postgres and RabbitMQ are fine");
        return Ok(());
    }
    Err(Refused(wrong.join("\nflowcast: ")).into())
}

/// Tells whether RabbitMQ answers. One attempt to connect is enough: who waits here is a person.
async fn broker_answers(config: broker::Config) -> anyhow::Result<()> {
    let topology = Topology::new(&config.prefix);
    let closing = CancellationToken::new();
    let (publisher, publishing) = Publisher::start(config, closing.clone());
    let mut state = publisher.state();
    let queue = topology.dead_queue();
    let answer = tokio::select! {
        answer = publisher.depth(&queue) => answer.map(drop).map_err(anyhow::Error::new),
        // The publisher itself goes on trying.
        _ = state.wait_for(|state| *state == State::Down) => {
            Err(match publisher.last_failure() {
                refused @ broker::Error::Refused { .. } => refused.into(),
                _ => anyhow::anyhow!("RabbitMQ cannot be reached; look whether it runs and whether AMQP_URL is right"),
            })
        }
    };
    closing.cancel();
    publishing.await?;
    answer
}
