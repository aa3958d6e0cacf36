//! `flowcast database …`: the database from which senders may send.

use control::{DatabaseIdentity, DatabaseView};

use crate::args::database::{Confirm, DatabaseCommand};
use crate::commands::waiting::time;
use crate::plane::Database;
use crate::terminal::output::{line, table};

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
    Ok(())
}

/// Whether senders may send, and what to do.
fn verdict(view: &DatabaseView) -> String {
    if view.is_confirmed {
        return "this is the confirmed database; senders that are open send".into();
    }
    let since = view.differs_since.map(|since| format!(", seen since {}", time(Some(since))));
    format!(
        "not confirmed{}: {}; nothing is sent; if commits may be lost, run 'flowcast restored' first, else 'flowcast database confirm'",
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
    let done = control.confirm_database(caller, confirm.by.as_deref(), confirm.resume).await?.result;
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
