//! `flowcast account …`

use control::{Account, AccountEdit, AccountLink, Grant, NewAccount};

use crate::args::accounts::{AccountCommand, AccountSet, GrantArgs};
use crate::commands::waiting::time;
use crate::exit::Refused;
use crate::plane::Database;
use crate::settings::Settings;
use crate::terminal::output::{line, table, warning};

pub(crate) async fn run(settings: &Settings, command: AccountCommand) -> anyhow::Result<()> {
    let Database { control, caller } = &Database::open(settings).await?;
    match command {
        AccountCommand::Add(add) => {
            let new = NewAccount { name: add.name, email: add.email, grant: grant(add.grant) };
            let added = control.add_account(caller, new).await?.result;
            line(format!("account {} added", added.account.name));
            link(settings, &added)
        }
        AccountCommand::List { json } => list(&control.accounts(caller).await?, json),
        AccountCommand::Show { name, json } => show(&control.account(caller, &name).await?, json),
        AccountCommand::Set(set) => {
            let name = set.name.clone();
            show(&control.change_account(caller, &name, edit(set)?).await?.result, false)
        }
        AccountCommand::Disable { name } => {
            let edit = AccountEdit { is_disabled: Some(true), ..AccountEdit::default() };
            let account = control.change_account(caller, &name, edit).await?.result;
            line(format!("account {} is disabled; its sessions and links have ended", account.name));
            Ok(())
        }
        AccountCommand::Enable { name } => {
            let edit = AccountEdit { is_disabled: Some(false), ..AccountEdit::default() };
            let account = control.change_account(caller, &name, edit).await?.result;
            line(format!("account {} is enabled", account.name));
            Ok(())
        }
        AccountCommand::RemoveApp { name } => {
            let removed = control.remove_second_factor(caller, &name).await?.result;
            line(if removed {
                format!("the authenticator app of account '{name}' was removed")
            } else {
                format!("account '{name}' has no authenticator app; nothing was changed")
            });
            Ok(())
        }
        AccountCommand::Link { name } => link(settings, &control.new_link(caller, &name).await?.result),
    }
}

pub(crate) fn grant(args: GrantArgs) -> Grant {
    let GrantArgs { role, senders, numbers: has_numbers } = args;
    Grant { role, has_numbers, senders: (!senders.is_empty()).then(|| senders.into_iter().collect()) }
}

/// The senders of a grant in words.
pub(crate) fn senders(grant: &Grant) -> String {
    let names =
        |senders: &std::collections::BTreeSet<String>| senders.iter().cloned().collect::<Vec<_>>().join(", ");
    grant.senders.as_ref().map_or_else(|| "all".into(), names)
}

fn edit(set: AccountSet) -> Result<AccountEdit, Refused> {
    let text = |text: String| (text != "none").then_some(text);
    let AccountSet { name: _, role, senders, all_senders, numbers: has_numbers, email, zone } = set;
    let senders = if all_senders { Some(None) } else { (!senders.is_empty()).then_some(Some(senders)) };
    let (email, zone) = (email.map(text), zone.map(text));
    if role.is_none() && senders.is_none() && has_numbers.is_none() && email.is_none() && zone.is_none() {
        let problem =
            "name a setting to change, such as --role or --sender; see 'flowcast account set --help'";
        return Err(Refused(problem.into()));
    }
    Ok(AccountEdit { email, role, has_numbers, senders, zone, is_disabled: None })
}

/// Prints a link, which is not stored and cannot be printed again.
fn link(settings: &Settings, linked: &AccountLink) -> anyhow::Result<()> {
    let (pages, console) = (settings.pages()?, settings.console()?);
    let Some(path) = linked.path() else { return Ok(()) };
    line(format!("{:<13} {}{path}", "link", pages.base(console.listen)));
    let valid = humantime::format_duration(linked.valid);
    line(format!("{:<13} {valid}, for one use; give it to the person in private", "valid for"));
    if pages.public_url.is_none() {
        warning(
            "the link works on the machine of the server only; set [console] public_url to the address at which browsers reach the console",
        );
    }
    Ok(())
}

fn list(accounts: &[Account], json: bool) -> anyhow::Result<()> {
    if json {
        line(serde_json::to_string_pretty(accounts)?);
        return Ok(());
    }
    if accounts.is_empty() {
        line("no accounts yet; add one with 'flowcast account add NAME --role admin'");
        return Ok(());
    }
    let cells = |account: &Account| {
        vec![
            account.name.clone(),
            account.grant.role.to_string(),
            senders(&account.grant),
            if account.grant.has_numbers { "yes" } else { "no" }.into(),
            state(account).into(),
        ]
    };
    table(&["name", "role", "senders", "numbers", "state"], &accounts.iter().map(cells).collect::<Vec<_>>());
    Ok(())
}

fn state(account: &Account) -> &'static str {
    match (account.disabled_at, account.has_password) {
        (Some(_), _) => "disabled",
        (None, true) => "enabled",
        (None, false) => "no password yet",
    }
}

fn show(account: &Account, json: bool) -> anyhow::Result<()> {
    if json {
        line(serde_json::to_string_pretty(account)?);
        return Ok(());
    }
    let shown = [
        ("name", account.name.clone()),
        ("role", account.grant.role.to_string()),
        ("senders", senders(&account.grant)),
        ("numbers", if account.grant.has_numbers { "yes" } else { "no" }.into()),
        ("state", state(account).into()),
        ("email", account.email.clone().unwrap_or_else(|| "-".into())),
        ("time zone", account.zone.clone().unwrap_or_else(|| "-".into())),
        ("added", format!("{} by {}", time(Some(account.created_at)), account.created_by)),
    ];
    for (label, value) in shown {
        line(format!("{label:<13} {value}"));
    }
    Ok(())
}
