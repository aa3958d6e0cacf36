//! `flowcast sender …`

use campaign::Provider;
use control::{PageRequest, ResumedSender, SenderChange, SenderToAdd, SenderView, utc};

use crate::args::senders::{SenderAdd, SenderCommand};
use crate::commands::prices;
use crate::commands::sender_test;
use crate::exit::Refused;
use crate::plane::{Database, Plane};
use crate::settings::Settings;
use crate::terminal::output::{line, table, thousands};

pub(crate) async fn run(settings: &Settings, command: SenderCommand) -> anyhow::Result<()> {
    if let SenderCommand::Test(test) = command {
        return sender_test::run(&Database::open(settings).await?, test).await;
    }
    let plane = Plane::open(settings).await?;
    match command {
        SenderCommand::Add(add) => self::add(&plane, add).await,
        SenderCommand::List => list(&plane).await,
        SenderCommand::Show { name } => {
            show(&plane.sender(&name).await?);
            Ok(())
        }
        SenderCommand::Prices(args) => prices::run(&plane, args).await,
        SenderCommand::Webhook { name } => webhook(&plane, settings, &name).await,
        SenderCommand::Set { name, limits, account, webhook, new_webhook_path } => {
            let env = account.api_key_env.map(|name| format!("env:{name}"));
            let change = SenderChange {
                base_url: account.base_url,
                account: account.account.map(Some),
                number: account.number.map(|number| number.trim_start_matches('+').to_owned()),
                api_key_ref: env.or(account.api_key_file.map(|path| format!("file:{path}"))),
                api_version: account.api_version.map(|word| Some(word).filter(|word| word != "default")),
                plus_in_path: account.plus_in_path,
                rate: limits.rate.map(|rate| rate.0),
                daily_cap: limits.daily_cap.map(|cap| cap.0),
                webhook: webhook.settings(),
                new_webhook_path,
            };
            set(&plane, &name, change).await
        }
        SenderCommand::Hold { name } => {
            let held = plane.hold_sender(&name).await?;
            line(match held.replaced {
                Some(reason) => format!(
                    "sender {name} is held; it was stopped for {reason} before. It is not probed, and stays stopped until \
                     'flowcast sender resume {name}'"
                ),
                None if held.was_held => format!("sender {name} was held already"),
                None => format!("sender {name} is held"),
            });
            Ok(())
        }
        SenderCommand::Test(_) => Ok(()),
        SenderCommand::Probe { name } => {
            plane.probe_sender(&name).await?;
            line(format!(
                "sender {name} is probed now with one waiting recipient; it opens if the provider accepts the message"
            ));
            Ok(())
        }
        SenderCommand::Resume { name } => {
            resumed(&name, plane.resume_sender(&name).await?);
            Ok(())
        }
    }
}

async fn set(plane: &Plane, name: &str, change: SenderChange) -> anyhow::Result<()> {
    if change.is_empty() {
        plane.sender(name).await?;
        return Err(Refused(
            "name a setting to change, such as --rate, --base-url or a flag of the webhook; see 'flowcast sender set --help'".into(),
        )
        .into());
    }
    show(&plane.change_sender(name, change).await?);
    Ok(())
}

/// Prints the result of a resume.
fn resumed(name: &str, resumed: ResumedSender) {
    line(match resumed.capped {
        Some(cap) => format!(
            "sender {name} is no longer stopped for {}, but its daily cap of {} recipients is used up: it opens at {}; to go on \
             before, raise it with 'flowcast sender set {name} --daily-cap'",
            cap.ended,
            thousands(cap.recipients),
            utc(cap.until)
        ),
        None if resumed.was_stopped => format!("sender {name} is open again"),
        None => format!("sender {name} was not stopped"),
    });
}

async fn add(plane: &Plane, add: SenderAdd) -> anyhow::Result<()> {
    let api_key_ref = match (add.api_key_env, add.api_key_file) {
        (Some(name), _) => format!("env:{name}"),
        (None, Some(path)) => format!("file:{path}"),
        (None, None) => {
            return Err(
                Refused("the API key is missing; write --api-key-env or --api-key-file".into()).into()
            );
        }
    };
    let new = SenderToAdd {
        provider: add.provider.word().to_owned(),
        base_url: add.base_url,
        account: add.account,
        number: add.number.trim_start_matches('+').to_owned(),
        api_key_ref,
        rate: add.rate.0,
        daily_cap: add.daily_cap.0,
        webhook: add.webhook.settings(),
        name: add.name,
    };
    let added = plane.add_sender(new).await?;
    line(format!("sender {} added", added.name));
    Ok(())
}

/// Prints the webhook address of the provider's posts, and how they are authenticated.
async fn webhook(plane: &Plane, settings: &Settings, name: &str) -> anyhow::Result<()> {
    let webhook = plane.sender_webhook(name).await?;
    let base = settings.server()?.public_url;
    let base = base.as_ref().map_or("https://YOUR-SERVER", |url| url.as_str().trim_end_matches('/'));
    line(format!("{:<13} {base}{}", "address", webhook.path));
    let secret = webhook.secret_ref.as_deref();
    match webhook.provider.parse()? {
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

async fn list(plane: &Plane) -> anyhow::Result<()> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let request = PageRequest { after, limit: Some(control::MAX_LIMIT) };
        let page = plane.senders(&request).await?;
        rows.extend(page.items.iter().map(cells));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if rows.is_empty() {
        line("no senders yet; add one with 'flowcast sender add'");
        return Ok(());
    }
    table(&["name", "provider", "number", "rate", "gate"], &rows);
    Ok(())
}

fn cells(sender: &SenderView) -> Vec<String> {
    vec![
        sender.name.clone(),
        sender.provider.clone(),
        format!("+{}", sender.number),
        sender.rate.map_or_else(|| "no limit".into(), |rate| rate.to_string()),
        if sender.is_open { "open".into() } else { "stopped".into() },
    ]
}

fn show(sender: &SenderView) {
    for (label, value) in ["name", "provider", "number", "rate", "gate"].iter().zip(cells(sender)) {
        line(format!("{label:<9} {value}"));
    }
    if let Some(cap) = &sender.daily_cap {
        let used = thousands(sender.used_today);
        let most = thousands(cap.recipients);
        line(format!("{:<9} {used} of {most} recipients used, days in {}", "today", cap.zone));
    }
    line(format!("{:<9} {}", "address", sender.base_url));
    line(format!("{:<9} {}", "account", sender.account.as_deref().unwrap_or("-")));
    line(format!("{:<9} {}", "key", sender.api_key_ref.as_deref().unwrap_or("-")));
    if let Some(version) = &sender.api_version {
        line(format!("{:<9} {version}", "version"));
    }
    if !sender.plus_in_path {
        line(format!("{:<9} without +", "path"));
    }
    for stop in &sender.stops {
        let what = stop.campaign_id.map_or_else(|| "sender".into(), |id| format!("campaign {id}"));
        let detail = stop.detail.as_deref().unwrap_or("no detail");
        line(format!(
            "{what} stopped: {} ({detail}), since {}, by {}{}",
            stop.reason,
            stop.since,
            stop.caused_by,
            stop.until.map(|until| format!(", until {until}")).unwrap_or_default()
        ));
    }
}
