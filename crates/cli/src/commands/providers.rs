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

/// Prints the table of documented answers, with the changes of the configuration.
fn errors(settings: &Settings, provider: Provider) -> anyhow::Result<()> {
    let overrides = settings.http()?.overrides;
    let rules = whatsapp::error_map(provider);
    let rows: Vec<Vec<String>> = rules
        .iter()
        .map(|rule| {
            let given = rule.code().and_then(|code| overrides.class(provider, &code));
            let code = rule.code().unwrap_or_default().into_owned();
            let sign = rule.pattern.to_string();
            // An answer that is recognized by its code alone has no further sign.
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
        &["code", "recognized by", "http", "handling", "meaning"],
        &rows.into_iter().chain(others).collect::<Vec<_>>(),
    );
    line("");
    if provider == Provider::OneMsg {
        line("This provider passes on Meta's codes: see 'flowcast provider errors meta'.");
    }
    line(
        "Other answers: 429 and 503 throttle the sender, other 4xx are rejected, all others are unknown and not sent to again without a rule or an operator.",
    );
    Ok(())
}
