//! `flowcast sender …`

use campaign::Provider;
use store::{HoldResult, NewSender, Opened, SenderRow, Store, WebhookChange};

use crate::args::{SenderAdd, SenderCommand};
use crate::commands::prices;
use crate::commands::sender_test;
use crate::commands::waiting::time;
use crate::exit::Refused;
use crate::plane::Plane;
use crate::settings::Settings;
use crate::terminal::output::{line, table, thousands};

const OPERATOR: &str = "operator";

pub(crate) async fn run(settings: &Settings, command: SenderCommand) -> anyhow::Result<()> {
    let store = Store::connect(&settings.postgres()?).await?;
    match command {
        SenderCommand::Add(add) => self::add(&store, settings, add).await,
        SenderCommand::List => list(&store).await,
        SenderCommand::Show { name } => show(&store, &name).await,
        SenderCommand::Prices(args) => prices::run(&store, args).await,
        SenderCommand::Webhook { name } => webhook(&store, settings, &name).await,
        SenderCommand::Set { name, limits, webhook, new_webhook_path } => {
            let sender = store.sender(&name).await?;
            let change = match (webhook.change(), new_webhook_path) {
                (None, false) => None,
                (change, renews_path) => Some(WebhookChange { renews_path, ..change.unwrap_or_default() }),
            };
            if change.is_none() && limits.rate.is_none() && limits.daily_cap.is_none() {
                return Err(Refused(
                    "name a setting to change: --rate, --daily-cap, or a flag of the webhook; see 'flowcast sender set --help'"
                        .into(),
                )
                .into());
            }
            if let Some(change) = change {
                store.set_webhook(sender.id, &change).await?;
            }
            if let Some(rate) = limits.rate {
                store.set_rate(sender.id, rate.0).await?;
            }
            if let Some(cap) = limits.daily_cap {
                store.set_daily_cap(sender.id, cap.0.as_ref()).await?;
            }
            show(&store, &name).await
        }
        SenderCommand::Hold { name } => {
            let sender = store.sender(&name).await?;
            line(match store.hold_sender(sender.id, OPERATOR).await? {
                HoldResult::Now => format!("sender {name} is held"),
                HoldResult::TakenOver(reason) => format!(
                    "sender {name} is held; it was stopped for {reason} before. It is not probed, and stays stopped until \
                     'flowcast sender resume {name}'"
                ),
                HoldResult::Already => format!("sender {name} was held already"),
            });
            Ok(())
        }
        SenderCommand::Test(test) => sender_test::run(&Plane::open(settings).await?, test).await,
        SenderCommand::Resume { name } => {
            let sender = store.sender(&name).await?;
            resumed(&name, store.open_sender(sender.id, OPERATOR).await?)
        }
    }
}

/// Prints the result of a resume; refuses if the daily cap prevents it.
fn resumed(name: &str, opened: Opened) -> anyhow::Result<()> {
    match opened {
        Opened::Open => line(format!("sender {name} is open again")),
        Opened::Unchanged => line(format!("sender {name} was not stopped")),
        Opened::Capped { ended, recipients, until } => {
            let (cap, until) = (thousands(recipients), time(Some(until)));
            let used_up = format!("its daily cap of {cap} recipients is used up");
            let raise = format!("to go on before, raise it with 'flowcast sender set {name} --daily-cap'");
            let Some(reason) = ended else {
                return Err(Refused(format!(
                    "sender {name} stays stopped until {until}: {used_up}; {raise}"
                ))
                .into());
            };
            line(format!(
                "sender {name} is no longer stopped for {reason}, but {used_up}: it opens at {until}; {raise}"
            ));
        }
    }
    Ok(())
}

async fn add(store: &Store, settings: &Settings, add: SenderAdd) -> anyhow::Result<()> {
    let api_key_ref = match (add.api_key_env, add.api_key_file) {
        (Some(name), _) => format!("env:{name}"),
        (None, Some(path)) => format!("file:{path}"),
        (None, None) => {
            return Err(
                Refused("the API key is missing; write --api-key-env or --api-key-file".into()).into()
            );
        }
    };
    let new = NewSender {
        provider: add.provider,
        base_url: add.base_url,
        account: add.account,
        number: add.number.trim_start_matches('+').to_owned(),
        api_key_ref,
        rate: add.rate.0,
        daily_cap: add.daily_cap.0,
        name: add.name,
    };
    check_address(settings, &new)?;
    let id = store.add_sender(&new).await?;
    if let Some(change) = add.webhook.change() {
        store.set_webhook(id, &change).await?;
    }
    line(format!("sender {} added", new.name));
    Ok(())
}

/// Prints the webhook address of the provider's posts, and how they are authenticated.
async fn webhook(store: &Store, settings: &Settings, name: &str) -> anyhow::Result<()> {
    let sender = store.sender(name).await?;
    let webhook = store.webhook(sender.id).await?;
    let base = settings.server()?.public_url;
    let base = base.as_ref().map_or("https://YOUR-SERVER", |url| url.as_str().trim_end_matches('/'));
    line(format!("{:<13} {base}/webhook/{}", "address", webhook.path));
    let secret = webhook.secret_ref.as_deref();
    match sender.provider {
        Provider::Meta => {
            line(format!("{:<13} {}", "verify token", webhook.verify_token));
            let none = "not set: every post is refused; set it with --webhook-secret-env";
            line(format!("{:<13} {}", "app secret", secret.unwrap_or(none)));
        }
        Provider::Kaleyra | Provider::LipaChat | Provider::OneMsg => {
            line(format!(
                "{:<13} {}",
                "basic auth",
                secret.unwrap_or("none: the address alone is the secret")
            ));
        }
    }
    let sources = webhook.sources.map_or_else(|| "any".to_owned(), |sources| sources.join(", "));
    line(format!("{:<13} {sources}", "sources"));
    let words = |own: Option<Vec<String>>, default: &[&str]| {
        own.map_or_else(|| default.join(", "), |own| own.join(", "))
    };
    line(format!("{:<13} {}", "opt-out words", words(webhook.opt_out_words, campaign::OPT_OUT_WORDS)));
    line(format!("{:<13} {}", "opt-in words", words(webhook.opt_in_words, campaign::OPT_IN_WORDS)));
    Ok(())
}

/// Refuses an address that workers would refuse later; only the workers can check the key.
fn check_address(settings: &Settings, new: &NewSender) -> anyhow::Result<()> {
    let client = whatsapp::Client::new(&settings.http()?)?;
    let base_url = new.base_url.parse().map_err(|error| {
        Refused(format!("'{}' is not an address like https://api.in.kaleyra.io: {error}", new.base_url))
    })?;
    let account = whatsapp::Account {
        provider: new.provider,
        base_url,
        account: new.account.clone(),
        number: new.number.clone(),
        api_key: "not-looked-at-here".into(),
        plus_in_path: true,
    };
    whatsapp::Channel::new(client, &account).map_err(|error| Refused(error.to_string()))?;
    Ok(())
}

async fn list(store: &Store) -> anyhow::Result<()> {
    let senders = store.senders().await?;
    if senders.is_empty() {
        line("no senders yet; add one with 'flowcast sender add'");
        return Ok(());
    }
    let rows: Vec<Vec<String>> = senders.iter().map(cells).collect();
    table(&["name", "provider", "number", "rate", "gate"], &rows);
    Ok(())
}

fn cells(sender: &SenderRow) -> Vec<String> {
    vec![
        sender.name.clone(),
        sender.provider.to_string(),
        format!("+{}", sender.number),
        sender.rate.map_or_else(|| "no limit".into(), |rate| rate.to_string()),
        if sender.is_open { "open".into() } else { "stopped".into() },
    ]
}

async fn show(store: &Store, name: &str) -> anyhow::Result<()> {
    let sender = store.sender(name).await?;
    for (label, value) in ["name", "provider", "number", "rate", "gate"].iter().zip(cells(&sender)) {
        line(format!("{label:<9} {value}"));
    }
    if let Some(cap) = &sender.daily_cap {
        let used = thousands(sender.used_today);
        let most = thousands(cap.recipients);
        line(format!("{:<9} {used} of {most} recipients used, days in {}", "today", cap.zone));
    }
    line(format!("{:<9} {}", "address", sender.base_url));
    line(format!("{:<9} {}", "account", sender.account.as_deref().unwrap_or("-")));
    line(format!("{:<9} {}", "key", sender.api_key_ref));
    for hold in store.holds().await?.iter().filter(|hold| hold.sender == name) {
        let what = hold.campaign.map_or_else(|| "sender".into(), |id| format!("campaign {id}"));
        let detail = hold.detail.as_deref().unwrap_or("no detail");
        line(format!(
            "{what} stopped: {} ({detail}), since {}, by {}{}",
            hold.reason,
            hold.since,
            hold.caused_by,
            hold.until.map(|until| format!(", until {until}")).unwrap_or_default()
        ));
    }
    Ok(())
}
