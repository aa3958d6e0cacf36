//! `flowcast suppression …`: numbers that must not get messages.

use producer::ListsConfig;

use crate::args::lists::{SuppressionCommand, SuppressionImport, SuppressionNumber};
use crate::commands::import;
use crate::plane::Plane;
use crate::settings::Settings;
use crate::terminal::output::{line, table, thousands};

const EVERY_SENDER: &str = "every sender";

pub(crate) async fn run(settings: &Settings, command: SuppressionCommand) -> anyhow::Result<()> {
    let plane = Plane::open(settings).await?;
    match command {
        SuppressionCommand::Add(number) => add(&plane, &number).await,
        SuppressionCommand::Remove(number) => remove(&plane, &number).await,
        SuppressionCommand::List { most } => list(&plane, most).await,
        SuppressionCommand::Import(import) => self::import(&plane, &settings.lists()?, import).await,
    }
}

async fn add(plane: &Plane, args: &SuppressionNumber) -> anyhow::Result<()> {
    let added = plane.suppress(&args.number, args.sender.as_deref()).await?;
    let whom = args.sender.as_deref().unwrap_or(EVERY_SENDER);
    line(if added.is_new {
        format!("the number is on the suppression list, for {whom}")
    } else {
        format!("the number was on the suppression list already, for {whom}")
    });
    Ok(())
}

async fn remove(plane: &Plane, args: &SuppressionNumber) -> anyhow::Result<()> {
    plane.unsuppress(&args.number, args.sender.as_deref()).await?;
    let whom = args.sender.as_deref().unwrap_or(EVERY_SENDER);
    line(format!("the number was removed from the suppression list, for {whom}"));
    Ok(())
}

async fn list(plane: &Plane, most: u32) -> anyhow::Result<()> {
    let newest = plane.newest_suppressions(most).await?;
    let (suppressed, all) = (newest.items, newest.total);
    if suppressed.is_empty() {
        line("the suppression list is empty");
        return Ok(());
    }
    let shown = i64::try_from(suppressed.len())?;
    let rows: Vec<Vec<String>> = suppressed
        .into_iter()
        .map(|row| {
            let since = row.added_at.strftime("%Y-%m-%d %H:%M UTC").to_string();
            vec![row.number, row.sender.unwrap_or_else(|| EVERY_SENDER.into()), row.reason, since]
        })
        .collect();
    table(&["number", "for", "reason", "since"], &rows);
    if all > shown {
        line(format!("… and {} more; --most shows them", thousands(all - shown)));
    }
    Ok(())
}

async fn import(plane: &Plane, lists: &ListsConfig, args: SuppressionImport) -> anyhow::Result<()> {
    if let Some(sender) = &args.sender {
        plane.sender(sender).await?;
    }
    let list = import::open(&args.file, lists).await?;
    line(format!("{}: {list}", list.name()));
    let imported = plane.import_suppressions(list, &args.file, args.sender.as_deref()).await?;
    line(&imported.header);
    line(format!(
        "{} numbers: {} are new on the suppression list; {} rows hold no number",
        thousands(imported.numbers),
        thousands(imported.added),
        thousands(imported.rejected)
    ));
    import::print_hidden(imported.hidden);
    import::print_rejected((imported.rejected, &imported.reasons, &imported.first), None);
    Ok(())
}
