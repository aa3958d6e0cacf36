//! `flowcast database …`: the database from which senders may send.

use control::{Confirmation, DatabaseIdentity, DatabaseView, WorkerView};

use crate::args::database::{Confirm, DatabaseCommand};
use crate::commands::waiting::time;
use crate::plane::Database;
use crate::terminal::output::{line, table, thousands};

pub(crate) async fn run(database: &Database, command: DatabaseCommand) -> anyhow::Result<()> {
    match command {
        DatabaseCommand::Show { json } => show(database, json).await,
        DatabaseCommand::Confirm(confirm) => confirmed(database, confirm).await,
    }
}

async fn show(Database { control, caller }: &Database, json: bool) -> anyhow::Result<()> {
    let view = control.database(caller).await?;
    if json {
        line(serde_json::to_string_pretty(&view)?);
        return Ok(());
    }
    let (now, then) = (cells(&view.now), cells(&view.confirmed));
    let rows: Vec<Vec<String>> = ["system identifier", "timeline", "database oid", "table oid"]
        .into_iter()
        .zip(now.into_iter().zip(then))
        .map(|(part, (now, then))| vec![part.to_owned(), now, then])
        .collect();
    table(&["", "this database", "confirmed"], &rows);
    line(match &view.confirmed_by {
        Some(by) => format!("confirmed by {by} at {}", time(view.confirmed_at)),
        None => "no database was confirmed".to_owned(),
    });
    line(verdict(&view));
    if !view.held.is_empty() {
        line(format!("held senders: {}", view.held.join(", ")));
    }
    if !view.workers.is_empty() {
        let rows: Vec<Vec<String>> = view.workers.iter().map(worker_row).collect();
        table(
            &["consumer", "alive at", "recorded again at", "recipients that were missing", "knows all since"],
            &rows,
        );
    }
    Ok(())
}

fn worker_row(worker: &WorkerView) -> Vec<String> {
    let WorkerView { worker, seen_at, recorded_again_at, recipients, knows_since } = worker;
    let when = |at: &Option<_>| at.map_or_else(|| "not yet".to_owned(), |at| time(Some(at)));
    let recipients = recipients.map_or_else(|| "not yet".to_owned(), thousands);
    vec![worker.to_string(), time(Some(*seen_at)), when(recorded_again_at), recipients, when(knows_since)]
}

/// Whether senders may send, and what to do.
fn verdict(view: &DatabaseView) -> String {
    if view.is_confirmed {
        return "this is the confirmed database; senders that are open send".into();
    }
    let since = view.differs_since.map(|since| format!(", seen since {}", time(Some(since))));
    format!(
        "not confirmed{}: {}; nothing is sent; consumers record again what PostgreSQL lost; then run 'flowcast database confirm', with \
         --assume-sent if consumers were killed as well; after a restore from a backup run 'flowcast restored'",
        since.unwrap_or_default(),
        view.differences.join("; ")
    )
}

fn cells(identity: &DatabaseIdentity) -> [String; 4] {
    let DatabaseIdentity { system, timeline, database, table } = identity;
    let number = |oid: &Option<i64>| oid.map(|oid| oid.to_string());
    [system.clone(), timeline.clone(), number(database), number(table)]
        .map(|part| part.unwrap_or_else(|| "not known".into()))
}

async fn confirmed(Database { control, caller }: &Database, confirm: Confirm) -> anyhow::Result<()> {
    let Confirm { by, resume, assume_sent, force } = confirm;
    let how = Confirmation { by, resume, assume_sent, force };
    let done = control.confirm_database(caller, &how).await?.result;
    if done.unknown > 0 {
        line(format!(
            "{} recipients that may have been sent to are unknown; resolve them with 'flowcast campaign resolve' when receipts have come",
            thousands(i64::try_from(done.unknown).unwrap_or(i64::MAX))
        ));
    }
    line(if done.was_confirmed {
        "this is the confirmed database already"
    } else {
        "the database is confirmed"
    });
    if !done.resumed.is_empty() {
        line(format!("resumed senders: {}", done.resumed.join(", ")));
    }
    if !done.held.is_empty() {
        line(format!(
            "held senders: {}; resume each with 'flowcast sender resume NAME', or all with 'flowcast database confirm --resume'",
            done.held.join(", ")
        ));
    }
    Ok(())
}
