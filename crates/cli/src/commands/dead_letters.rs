//! `flowcast dead-letters …`: queue messages that no worker could use.

use store::{Redriven, Store};

use crate::args::DeadLetterCommand;
use crate::commands::waiting::time;
use crate::exit::Refused;
use crate::settings::Settings;
use crate::terminal::output::{line, table, thousands};

/// The most dead letters that are listed.
const LISTED: u32 = 1_000;

pub(crate) async fn run(settings: &Settings, command: DeadLetterCommand) -> anyhow::Result<()> {
    let store = Store::connect(&settings.postgres()?).await?;
    match command {
        DeadLetterCommand::List { json } => list(&store, json).await,
        DeadLetterCommand::Redrive { ids } => redrive(&store, &ids).await,
    }
}

async fn list(store: &Store, json: bool) -> anyhow::Result<()> {
    let letters = store.dead_letters(LISTED).await?;
    if json {
        line(serde_json::to_string_pretty(&letters)?);
        return Ok(());
    }
    if letters.is_empty() {
        line("no dead letters");
        return Ok(());
    }
    let rows: Vec<Vec<String>> = letters
        .into_iter()
        .map(|letter| {
            let nothing = || "-".to_owned();
            vec![
                letter.dead_letter_id.to_string(),
                letter.queue,
                letter.reason,
                letter.campaign_id.map_or_else(nothing, |id| id.to_string()),
                letter.seq.map_or_else(nothing, |seq| seq.to_string()),
                thousands(letter.deaths),
                time(Some(letter.last_died_at)),
                time(letter.redriven_at),
            ]
        })
        .collect();
    table(&["id", "queue", "reason", "campaign", "recipient", "deaths", "last", "redriven"], &rows);
    Ok(())
}

async fn redrive(store: &Store, ids: &[i64]) -> anyhow::Result<()> {
    let only = (!ids.is_empty()).then_some(ids);
    let Redriven { tasks, waiting } = store.redrive(only).await?;
    if tasks == 0 {
        let problem = "none of these dead letters is a task that can be published again; see 'flowcast dead-letters list'";
        return Err(Refused(problem.into()).into());
    }
    let (waiting, rest) = (i64::try_from(waiting)?, i64::try_from(tasks)?);
    let (waiting, tasks) = (thousands(waiting), thousands(rest));
    line(format!("{waiting} of {tasks} tasks have waiting recipients, which are published again"));
    Ok(())
}
