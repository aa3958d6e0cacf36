//! `flowcast webhook-endpoint …`: addresses that receive events.

use control::{
    NewWebhookEndpoint, PageRequest, WebhookDelivery, WebhookEndpoint, WebhookEndpointEdit,
    WebhookEndpointSecret,
};

use crate::args::webhook_endpoint::{
    WebhookEndpointAdd, WebhookEndpointCommand, WebhookEndpointResend, WebhookEndpointSet,
};
use crate::commands::waiting::time;
use crate::exit::Refused;
use crate::plane::Database;
use crate::settings::Settings;
use crate::terminal::output::{line, table};

pub(crate) async fn run(settings: &Settings, command: WebhookEndpointCommand) -> anyhow::Result<()> {
    let plane = Database::open(settings).await?;
    let (control, caller) = (&plane.control, &plane.caller);
    match command {
        WebhookEndpointCommand::Add(args) => add(&plane, args).await,
        WebhookEndpointCommand::List { json } => list(&control.webhook_endpoints(caller).await?, json),
        WebhookEndpointCommand::Show { name, json } => {
            show(&control.webhook_endpoint(caller, &name).await?, json)
        }
        WebhookEndpointCommand::Set(args) => set(&plane, args).await,
        WebhookEndpointCommand::Renew { name } => {
            secret(&control.renew_webhook_secret(caller, &name).await?.result);
            line("for 24 hours, deliveries are signed with the secret before as well");
            Ok(())
        }
        WebhookEndpointCommand::Remove { name } => {
            let removed = control.remove_webhook_endpoint(caller, &name).await?.result;
            line(format!("webhook endpoint '{}' is removed", removed.name));
            Ok(())
        }
        WebhookEndpointCommand::Ping { name } => {
            let event = control.ping_webhook_endpoint(caller, &name).await?.result.event_id;
            line(format!(
                "event {event} is sent to webhook endpoint '{name}'; see 'flowcast webhook-endpoint deliveries {name}'"
            ));
            Ok(())
        }
        WebhookEndpointCommand::Deliveries { name, limit, before, json } => {
            let page = PageRequest { after: before.map(|event| event.to_string()), limit: Some(limit) };
            deliveries(&control.webhook_deliveries(caller, &name, &page).await?.items, json)
        }
        WebhookEndpointCommand::Resend(args) => resend(&plane, args).await,
    }
}

fn secret(shown: &WebhookEndpointSecret) {
    line(format!("{:<17} {}", "webhook endpoint", shown.endpoint.name));
    line(format!("{:<17} {}", "secret", shown.secret));
    line("the secret is shown only once: store it where the receiver reads it");
}

async fn add(plane: &Database, args: WebhookEndpointAdd) -> anyhow::Result<()> {
    let WebhookEndpointAdd { name, url, events } = args;
    let new = NewWebhookEndpoint { name, url, events: (!events.is_empty()).then_some(events) };
    secret(&plane.control.add_webhook_endpoint(&plane.caller, &new).await?.result);
    Ok(())
}

async fn set(plane: &Database, args: WebhookEndpointSet) -> anyhow::Result<()> {
    let WebhookEndpointSet { name, url, events, all_events, enabled } = args;
    let events = if all_events { Some(None) } else { (!events.is_empty()).then_some(Some(events)) };
    let edit = WebhookEndpointEdit { url, events, is_enabled: enabled };
    if edit == WebhookEndpointEdit::default() {
        return Err(
            Refused("nothing to change; give --url, --event, --all-events or --enabled".into()).into()
        );
    }
    let changed = plane.control.change_webhook_endpoint(&plane.caller, &name, &edit).await?.result;
    line(format!("webhook endpoint '{}' is changed", changed.name));
    Ok(())
}

async fn resend(plane: &Database, args: WebhookEndpointResend) -> anyhow::Result<()> {
    let (control, caller, name) = (&plane.control, &plane.caller, args.name.as_str());
    let resent = match (args.event, args.since) {
        (Some(event), _) => control.resend_webhook_delivery(caller, name, event).await?.result,
        (None, Some(since)) => control.recover_webhook_deliveries(caller, name, since).await?.result,
        (None, None) => return Ok(()),
    };
    line(format!("{} events are sent again to webhook endpoint '{name}'", resent.events));
    Ok(())
}

/// The state in words.
fn state(endpoint: &WebhookEndpoint) -> String {
    match (endpoint.disabled_reason.as_deref(), endpoint.failing_since) {
        (Some("gone"), _) => "disabled: it answered with HTTP status 410".into(),
        (Some("failing"), _) => "disabled: it failed for 5 days".into(),
        (Some(_), _) => "disabled by an operator".into(),
        (None, Some(since)) => format!("failing since {}", time(Some(since))),
        (None, None) => "enabled".into(),
    }
}

fn kinds(endpoint: &WebhookEndpoint) -> String {
    endpoint.events.as_ref().map_or_else(|| "all".into(), |events| events.join(", "))
}

fn list(endpoints: &[WebhookEndpoint], json: bool) -> anyhow::Result<()> {
    if json {
        line(serde_json::to_string_pretty(endpoints)?);
        return Ok(());
    }
    if endpoints.is_empty() {
        line("no webhook endpoints yet; add one with 'flowcast webhook-endpoint add'");
        return Ok(());
    }
    let cells = |endpoint: &WebhookEndpoint| {
        vec![
            endpoint.name.clone(),
            endpoint.url.clone(),
            kinds(endpoint),
            state(endpoint),
            endpoint.due.to_string(),
        ]
    };
    let rows: Vec<_> = endpoints.iter().map(cells).collect();
    table(&["name", "address", "events", "state", "due"], &rows);
    Ok(())
}

fn show(endpoint: &WebhookEndpoint, json: bool) -> anyhow::Result<()> {
    if json {
        line(serde_json::to_string_pretty(endpoint)?);
        return Ok(());
    }
    for (label, value) in [
        ("name", endpoint.name.clone()),
        ("address", endpoint.url.clone()),
        ("events", kinds(endpoint)),
        ("state", state(endpoint)),
        ("disabled", time(endpoint.disabled_at)),
        ("due deliveries", endpoint.due.to_string()),
        ("added", format!("{} by {}", time(Some(endpoint.created_at)), endpoint.created_by)),
        ("secret renewed", time(endpoint.renewed_at)),
    ] {
        line(format!("{label:<15} {value}"));
    }
    Ok(())
}

fn deliveries(items: &[WebhookDelivery], json: bool) -> anyhow::Result<()> {
    if json {
        line(serde_json::to_string_pretty(items)?);
        return Ok(());
    }
    if items.is_empty() {
        line("no deliveries");
        return Ok(());
    }
    let cells = |item: &WebhookDelivery| {
        let answer = item.problem.as_deref().or(item.answer.as_deref()).unwrap_or("");
        vec![
            item.event_id.to_string(),
            item.kind.clone(),
            time(Some(item.at)),
            item.state.clone(),
            item.attempts.to_string(),
            item.status.map_or_else(|| "-".into(), |status| status.to_string()),
            item.latency_ms.map_or_else(|| "-".into(), |latency| format!("{latency} ms")),
            time(item.next_at),
            answer.chars().map(|sign| if sign == '\n' { ' ' } else { sign }).take(60).collect(),
        ]
    };
    let header =
        ["event", "kind", "time", "state", "attempts", "status", "latency", "next attempt", "answer"];
    table(&header, &items.iter().map(cells).collect::<Vec<_>>());
    Ok(())
}
