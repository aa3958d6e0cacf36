//! `flowcast check-config`: checks the configuration, the temporary folder, the directory of departure journals, PostgreSQL and
//! RabbitMQ, and prints every problem.

use broker::{Publisher, State, Topology};
use producer::Spool;
use store::Store;
use tokio_util::sync::CancellationToken;

use crate::exit::Refused;
use crate::settings::Settings;
use crate::terminal::output::line;
use crate::{keys, plane};

/// Prints every problem, or that there is none, and warns about settings that are probably mistakes.
pub(crate) async fn run(settings: &Settings) -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    let sections = [
        settings.producer().err(),
        settings.http().err(),
        settings.consumer().err(),
        settings.server().err(),
        settings.console().err(),
        settings.pages().err(),
        temporary_folder(settings).err(),
        journal_directory(settings).err(),
        settings.alerts().err(),
        settings.metrics().err(),
        settings.log().err(),
        settings.otlp().err(),
        plane::webhook_key(settings).err(),
        settings.pages().and_then(|pages| plane::second_factors(&pages)).err(),
        plane::company_log_ins(settings, "https://flowcast.example").err(),
    ];
    for problem in sections {
        wrong.extend(problem.map(|problem| problem.to_string()));
    }
    if let Some(reference) = settings.server().ok().and_then(|config| config.upload_key) {
        wrong.extend(keys::resolve_upload_key(&reference).err());
    }
    match settings.postgres() {
        Ok(config) => match Store::connect(&config).await {
            Ok(store) => {
                let checked = match store.check_schema().await {
                    Ok(()) => store.check_confirmed().await,
                    refused => refused,
                };
                wrong.extend(checked.err().map(|error| error.to_string()));
                match store.failover_warning().await {
                    Ok(warning) => warn_of_failover(warning),
                    Err(error) => wrong.push(error.to_string()),
                }
            }
            Err(error) => wrong.push(error.to_string()),
        },
        Err(problem) => wrong.push(problem.to_string()),
    }
    match settings.broker() {
        Ok(config) => {
            wrong.extend(brokers_answer(&config).await);
        }
        Err(problem) => wrong.push(problem.to_string()),
    }
    if let Some(warning) = settings.server().ok().and_then(|config| config.warning()) {
        line(format!("warning: [server] {warning}"));
    }
    wrong.dedup();
    if wrong.is_empty() {
        line("configuration, temporary folder, Postgres and RabbitMQ are fine");
        return Ok(());
    }
    Err(Refused(wrong.join("\nflowcast: ")).into())
}

/// Warns if a failover would wait for a person although the settings say otherwise.
fn warn_of_failover(warning: Option<&str>) {
    if let Some(warning) = warning {
        line(format!(
            "warning: [postgres] failover is trust-synchronous, but {warning}, so a failover would wait for a person"
        ));
    }
}

/// Checks that the consumer can keep departure journals, if it should.
fn journal_directory(settings: &Settings) -> Result<(), Refused> {
    // Problems of the consumer settings are reported already.
    let directory = settings.consumer().ok().and_then(|config| config.journal);
    directory.map_or(Ok(()), |directory| consumer::check_journal(&directory).map(drop).map_err(Refused))
}

/// Checks that lists can be stored while they are imported, including the longest upload.
fn temporary_folder(settings: &Settings) -> Result<(), Refused> {
    let spool = Spool::new(&settings.lists()?);
    let refused = |error: producer::SpoolError| Refused(error.to_string());
    spool.check().map_err(refused)?;
    // Problems of the server settings are reported already.
    let Ok(server) = settings.server() else { return Ok(()) };
    let free = spool.free_bytes().map_err(refused)?;
    if server.upload_key.is_none() || free >= server.max_upload_bytes {
        return Ok(());
    }
    Err(Refused(format!(
        "the temporary folder {} has {free} bytes free, and an uploaded list may have {}; free space there, name a folder with \
         more space in [lists] temporary_folder, or lower [server] max_upload_bytes",
        spool.folder().display(),
        server.max_upload_bytes
    )))
}

/// Tries each address of RabbitMQ by itself, and returns what is wrong. If there are several, a line tells of each that answers.
async fn brokers_answer(config: &broker::Config) -> Vec<String> {
    let each = match config.each_address() {
        Ok(each) => each,
        Err(problem) => return vec![problem.to_string()],
    };
    let is_list = each.len() > 1;
    let mut wrong = Vec::new();
    for (place, config) in each {
        match broker_answers(config).await {
            Ok(()) if is_list => line(format!("RabbitMQ at {place} answers")),
            Ok(()) => {}
            Err(error) => wrong.push(error.to_string()),
        }
    }
    wrong
}

/// Whether RabbitMQ answers. One attempt to connect is enough, because a person waits for the result.
async fn broker_answers(config: broker::Config) -> anyhow::Result<()> {
    let topology = Topology::new(&config.prefix);
    let closing = CancellationToken::new();
    let (publisher, publishing) = Publisher::start(config, closing.clone());
    let mut state = publisher.state();
    let queue = topology.dead_queue();
    let answer = tokio::select! {
        answer = publisher.depth(&queue) => answer.map(drop).map_err(anyhow::Error::new),
        // The publisher itself would retry.
        _ = state.wait_for(|state| *state == State::Down) => {
            Err(match publisher.last_failure() {
                wrong @ (broker::Error::Refused { .. } | broker::Error::Invalid { .. }) => wrong.into(),
                broker::Error::Unreachable { tried, .. } => {
                    anyhow::anyhow!("RabbitMQ is unreachable: {tried}; check that it runs and that AMQP_URL is correct")
                }
                _ => anyhow::anyhow!("RabbitMQ is unreachable; check that it runs and that AMQP_URL is correct"),
            })
        }
    };
    closing.cancel();
    publishing.await?;
    answer
}
