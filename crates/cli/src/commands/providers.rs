//! `flowcast provider …`

use campaign::Provider;

use crate::args::ProviderCommand;
use crate::settings::Settings;
use crate::terminal::output::{line, table};

pub(crate) fn run(settings: &Settings, command: &ProviderCommand) -> anyhow::Result<()> {
    match command {
        ProviderCommand::Errors { provider } => errors(settings, *provider),
    }
}

/// The table of documented answers, with what the configuration changes of it.
fn errors(settings: &Settings, provider: Provider) -> anyhow::Result<()> {
    let overrides = settings.http()?.overrides;
    let rules = whatsapp::error_map(provider);
    let rows: Vec<Vec<String>> = rules
        .iter()
        .map(|rule| {
            let given = rule.code().and_then(|code| overrides.class(provider, &code));
            let code = rule.code().unwrap_or_default().into_owned();
            let sign = rule.pattern.to_string();
            // What is known by its code alone needs no other word.
            let known_by = if sign == code { String::new() } else { sign };
            vec![
                code,
                known_by,
                rule.http_status.map_or_else(|| "any".into(), |status| status.to_string()),
                given.map_or_else(|| rule.class.to_string(), |class| format!("{class} (configured)")),
                rule.text.to_owned(),
            ]
        })
        .collect();
    let is_in_table = |code: &str| rules.iter().any(|rule| rule.code().is_some_and(|known| known == code));
    let others = overrides.codes(provider).filter(|(code, _)| !is_in_table(code)).map(|(code, class)| {
        vec![code.into(), String::new(), "any".into(), format!("{class} (configured)"), String::new()]
    });
    table(
        &["code", "known by", "http", "what is done", "what it means"],
        &rows.into_iter().chain(others).collect::<Vec<_>>(),
    );
    line("");
    if provider == Provider::OneMsg {
        line("Meta's codes are passed on by this provider: see 'flowcast provider errors meta'.");
    }
    line(
        "Anything else: 429 and 503 slow down, other 4xx are rejected, the rest is unknown and never sent again by itself.",
    );
    Ok(())
}
