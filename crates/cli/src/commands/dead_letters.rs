//! `flowcast dead-letters …`: queue messages that no worker could use.

use control::RedrivenLetters;

use crate::args::DeadLetterCommand;
use crate::commands::waiting::time;
use crate::plane::Plane;
use crate::settings::Settings;
use crate::terminal::output::{line, table, thousands};

/// The most dead letters that are listed.
const LISTED: u32 = 1_000;

pub(crate) async fn run(settings: &Settings, command: DeadLetterCommand) -> anyhow::Result<()> {
    let plane = Plane::open(settings).await?;
    match command {
        DeadLetterCommand::List { json } => list(&plane, json).await,
        DeadLetterCommand::Redrive { ids } => redrive(&plane, &ids).await,
    }
}

async fn list(plane: &Plane, json: bool) -> anyhow::Result<()> {
    let letters = plane.latest_dead_letters(LISTED).await?;
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
                thousands(i64::from(letter.recipients)),
                thousands(letter.deaths),
                time(Some(letter.last_died_at)),
                time(letter.redriven_at),
            ]
        })
        .collect();
    table(
        &["id", "queue", "reason", "campaign", "first recipient", "recipients", "deaths", "last", "redriven"],
        &rows,
    );
    Ok(())
}

async fn redrive(plane: &Plane, ids: &[i64]) -> anyhow::Result<()> {
    let only = (!ids.is_empty()).then_some(ids);
    let RedrivenLetters { recipients, waiting } = plane.redrive(only).await?;
    let (waiting, recipients) = (thousands(waiting), thousands(recipients));
    line(format!("{waiting} of {recipients} recipients are still waiting and are published again"));
    Ok(())
}
