//! `flowcast provider …`

use campaign::Provider;
use serde_json::{Value, json};
use whatsapp::{DocumentedAnswer, Effect, documented_answers};

use crate::args::ProviderCommand;
use crate::settings::Settings;
use crate::terminal::output::{line, table};

pub(crate) fn run(settings: &Settings, command: &ProviderCommand) -> anyhow::Result<()> {
    match command {
        ProviderCommand::Errors { provider } => errors(settings, *provider),
        ProviderCommand::Answers { provider, json } => answers(settings, *provider, *json),
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

/// Prints every documented answer of these providers, with what happens after it.
fn answers(settings: &Settings, provider: Option<Provider>, as_json: bool) -> anyhow::Result<()> {
    let overrides = settings.http()?.overrides;
    let providers = provider.map_or_else(|| Provider::ALL.to_vec(), |provider| vec![provider]);
    let all = providers.into_iter().flat_map(|provider| {
        documented_answers(provider, &overrides).into_iter().map(move |answer| (provider, answer))
    });
    if as_json {
        let rows: Vec<Value> = all.map(|(provider, answer)| answer_in_json(provider, &answer)).collect();
        line(serde_json::to_string_pretty(&rows)?);
        return Ok(());
    }
    let rows: Vec<Vec<String>> = all
        .map(|(provider, answer)| {
            let recipient =
                |effect: Option<&Effect>| effect.map_or("-".into(), |effect| effect.recipient.to_string());
            let stops = [&answer.in_answer, &answer.in_receipt];
            let stops = stops.into_iter().flatten().find_map(Effect::stop_words);
            vec![
                provider.to_string(),
                answer.recognized_by(provider),
                answer.rule.http_status.map_or_else(|| "any".into(), |status| status.to_string()),
                recipient(answer.in_answer.as_ref()),
                recipient(answer.in_receipt.as_ref()),
                stops.unwrap_or_else(|| "-".into()),
            ]
        })
        .collect();
    table(&["provider", "answer", "http", "recipient", "recipient, if a receipt says it", "stops"], &rows);
    Ok(())
}

fn answer_in_json(provider: Provider, answer: &DocumentedAnswer) -> Value {
    let effect = |effect: Option<&Effect>| {
        effect.map(|effect| json!({"recipient": effect.recipient, "stops": effect.stop_words()}))
    };
    json!({
        "provider": provider.to_string(),
        "documented_by": answer.source.to_string(),
        "code": answer.rule.code(),
        "recognized_by": answer.recognized_by(provider),
        "http_status": answer.rule.http_status,
        "class": answer.class.to_string(),
        "is_configured": answer.is_configured,
        "in_answer": effect(answer.in_answer.as_ref()),
        "in_receipt": effect(answer.in_receipt.as_ref()),
        "meaning": answer.rule.text,
    })
}
