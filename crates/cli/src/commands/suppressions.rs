//! `flowcast suppression …`: numbers that must not get messages.

use campaign::{Msisdn, SenderId};
use producer::{ImportOptions, ListsConfig};
use store::{Store, SuppressionReason};

use crate::args::lists::{SuppressionCommand, SuppressionImport, SuppressionNumber};
use crate::commands::import;
use crate::exit::Refused;
use crate::settings::Settings;
use crate::terminal::output::{line, table, thousands};

const EVERY_SENDER: &str = "every sender";

pub(crate) async fn run(settings: &Settings, command: SuppressionCommand) -> anyhow::Result<()> {
    let store = Store::connect(&settings.postgres()?).await?;
    match command {
        SuppressionCommand::Add(number) => add(&store, &number).await,
        SuppressionCommand::Remove(number) => remove(&store, &number).await,
        SuppressionCommand::List { most } => list(&store, most).await,
        SuppressionCommand::Import(import) => self::import(&store, &settings.lists()?, import).await,
    }
}

async fn add(store: &Store, args: &SuppressionNumber) -> anyhow::Result<()> {
    let (msisdn, sender) = (number(args)?, sender(store, args.sender.as_deref()).await?);
    let added = store.suppress(std::iter::once(msisdn), sender, SuppressionReason::Operator).await?;
    let whom = args.sender.as_deref().unwrap_or(EVERY_SENDER);
    line(if added == 0 {
        format!("the number was on the suppression list already, for {whom}")
    } else {
        format!("the number is on the suppression list, for {whom}")
    });
    Ok(())
}

async fn remove(store: &Store, args: &SuppressionNumber) -> anyhow::Result<()> {
    let (msisdn, sender) = (number(args)?, sender(store, args.sender.as_deref()).await?);
    let whom = args.sender.as_deref().unwrap_or(EVERY_SENDER);
    if !store.unsuppress(msisdn, sender).await? {
        let problem = format!(
            "the number is not on the suppression list for {whom}; 'flowcast suppression list' shows its senders"
        );
        return Err(Refused(problem).into());
    }
    line(format!("the number was removed from the suppression list, for {whom}"));
    Ok(())
}

async fn list(store: &Store, most: u32) -> anyhow::Result<()> {
    let (suppressed, all) = store.suppressed(most).await?;
    if suppressed.is_empty() {
        line("the suppression list is empty");
        return Ok(());
    }
    let shown = i64::try_from(suppressed.len())?;
    let rows: Vec<Vec<String>> = suppressed
        .into_iter()
        .map(|row| {
            let since = row.added_at.strftime("%Y-%m-%d %H:%M UTC").to_string();
            vec![row.msisdn.to_string(), row.sender.unwrap_or_else(|| EVERY_SENDER.into()), row.reason, since]
        })
        .collect();
    table(&["number", "for", "reason", "since"], &rows);
    if all > shown {
        line(format!("… and {} more; --most shows them", thousands(all - shown)));
    }
    Ok(())
}

async fn import(store: &Store, lists: &ListsConfig, args: SuppressionImport) -> anyhow::Result<()> {
    let sender = sender(store, args.sender.as_deref()).await?;
    let list = import::open(&args.file, lists).await?;
    line(format!("{}: {list}", list.name()));
    let options = ImportOptions {
        default_country: args.file.default_country,
        number_column: args.file.number_column.clone(),
        ..ImportOptions::default()
    };
    let reading = tokio::task::spawn_blocking(move || producer::read_numbers(&list, &options));
    let numbers = reading.await?.map_err(|error| import::refused(&args.file.list, error))?;
    let found = i64::try_from(numbers.iter().count())?;
    let added = store.suppress(numbers.iter(), sender, SuppressionReason::Operator).await?;
    let rejected = &numbers.rejected;
    line(&numbers.header);
    line(format!(
        "{} numbers: {} are new on the suppression list; {} rows hold no number",
        thousands(found),
        thousands(i64::try_from(added)?),
        thousands(rejected.total())
    ));
    import::print_hidden(i64::try_from(numbers.hidden)?);
    import::print_rejected(rejected, None);
    Ok(())
}

fn number(args: &SuppressionNumber) -> anyhow::Result<Msisdn> {
    Msisdn::parse(&args.number, None)
        .map_err(|error| Refused(format!("{error}; write the number with its country code")).into())
}

async fn sender(store: &Store, name: Option<&str>) -> anyhow::Result<Option<SenderId>> {
    match name {
        Some(name) => Ok(Some(store.sender(name).await?.id)),
        None => Ok(None),
    }
}
