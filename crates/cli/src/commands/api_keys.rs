//! `flowcast key …`: API keys of programs.

use control::{ApiKey, NewApiKey};

use crate::args::accounts::{KeyAdd, KeyCommand};
use crate::commands::accounts::{grant, senders};
use crate::commands::waiting::time;
use crate::plane::{Database, Plane};
use crate::settings::Settings;
use crate::terminal::output::{line, table};

pub(crate) async fn run(settings: &Settings, command: KeyCommand) -> anyhow::Result<()> {
    match command {
        KeyCommand::Add(args) => add(&Database::open(settings).await?, args).await,
        KeyCommand::List { json } => list(&Plane::open(settings).await?.keys().await?, json),
        KeyCommand::Revoke { id } => {
            let key = Plane::open(settings).await?.revoke_key(&id).await?;
            line(format!("API key {} ({}) is revoked", key.id, key.name));
            Ok(())
        }
    }
}

async fn add(database: &Database, args: KeyAdd) -> anyhow::Result<()> {
    let KeyAdd { name, grant: args, expires: valid, networks } = args;
    let new = NewApiKey { name, grant: grant(args), networks, valid };
    let added = database.control.add_key(&database.caller, new).await?.result;
    let Some(secret) = added.secret else { return Ok(()) };
    line(format!("{:<13} {}", "API key", secret.secret()));
    line(format!("{:<13} {}", "id", added.key.id));
    line(format!("{:<13} {}", "expires", time(Some(added.key.expires_at))));
    line("the key is shown only once: store it where the program reads it");
    Ok(())
}

fn list(keys: &[ApiKey], json: bool) -> anyhow::Result<()> {
    if json {
        line(serde_json::to_string_pretty(keys)?);
        return Ok(());
    }
    if keys.is_empty() {
        line("no API keys yet; add one with 'flowcast key add'");
        return Ok(());
    }
    let cells = |key: &ApiKey| {
        vec![
            key.id.clone(),
            key.name.clone(),
            key.grant.role.to_string(),
            senders(&key.grant),
            if key.grant.has_numbers { "yes" } else { "no" }.into(),
            key.networks.as_ref().map_or_else(|| "any".into(), |networks| networks.join(", ")),
            key.created_by.clone(),
            time(Some(key.expires_at)),
            time(key.last_used_at),
            time(key.revoked_at),
        ]
    };
    let header = [
        "id",
        "name",
        "role",
        "senders",
        "numbers",
        "networks",
        "added by",
        "expires",
        "last used",
        "revoked",
    ];
    table(&header, &keys.iter().map(cells).collect::<Vec<_>>());
    Ok(())
}
