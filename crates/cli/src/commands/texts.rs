//! `flowcast flow …` and `flowcast template …`

use control::{FlowView, NewFlow, NewTemplate, Page, PageRequest, TemplateView, utc};

use crate::args::texts::{FlowCommand, TemplateCommand, TemplateSet};
use crate::exit::Refused;
use crate::plane::{Database, Plane};
use crate::settings::Settings;
use crate::terminal::output::{line, raw, table};

pub(crate) async fn flow(settings: &Settings, command: FlowCommand) -> anyhow::Result<()> {
    if let FlowCommand::Decode { token, number, json } = command {
        return decode(&Database::open(settings).await?, &token, number, json).await;
    }
    let plane = Plane::open(settings).await?;
    match command {
        FlowCommand::Decode { .. } => {}
        FlowCommand::List { sender, json } => {
            let flows = all(async |page| plane.flows(&sender, &page).await).await?;
            if json {
                line(serde_json::to_string_pretty(&flows)?);
            } else {
                list_flows(&sender, &flows);
            }
        }
        FlowCommand::Show { sender, flow_id } => {
            let mut text = plane.flow(&sender, &flow_id).await?.flow_json.into_bytes();
            if !text.ends_with(b"\n") {
                text.push(b'\n');
            }
            raw(&text);
        }
        FlowCommand::Set { sender, flow_id, file, name } => {
            let refused = |error: String| Refused(format!("{}: {error}", file.display()));
            // A file that is too long is not read to its end.
            let length = tokio::fs::metadata(&file).await.map_err(|error| refused(error.to_string()))?.len();
            if length > campaign::MAX_FLOW_JSON as u64 {
                return Err(refused(campaign::FlowJsonError::TooLong.to_string()).into());
            }
            let text = tokio::fs::read_to_string(&file).await.map_err(|error| refused(error.to_string()))?;
            let set = plane.set_flow(&sender, &flow_id, &NewFlow { name, flow_json: text }).await?;
            line(format!("flow {} of sender {} has {} screens", set.flow_id, set.sender, set.screens.len()));
        }
        FlowCommand::Remove { sender, flow_id } => {
            let removed = plane.remove_flow(&sender, &flow_id).await?;
            line(format!("flow {} of sender {} is removed", removed.flow_id, removed.sender));
        }
    }
    Ok(())
}

pub(crate) async fn template(settings: &Settings, command: TemplateCommand) -> anyhow::Result<()> {
    if let TemplateCommand::Fetch { sender, business_account } = command {
        return fetch(&Database::open(settings).await?, &sender, business_account.as_deref()).await;
    }
    let plane = Plane::open(settings).await?;
    match command {
        TemplateCommand::Fetch { .. } => {}
        TemplateCommand::List { sender, json } => {
            let templates = all(async |page| plane.templates(&sender, &page).await).await?;
            if json {
                line(serde_json::to_string_pretty(&templates)?);
            } else {
                list_templates(&sender, &templates);
            }
        }
        TemplateCommand::Show(of) => {
            let shown = plane.template(&of.sender, (&of.name, &of.language)).await?;
            line(serde_json::to_string_pretty(&shown)?);
        }
        TemplateCommand::Set(set) => {
            let TemplateSet { template: of, body, header, header_format, footer, buttons, category, status } =
                set;
            let new = NewTemplate { header_format, header, body, footer, buttons, category, status };
            let set = plane.set_template(&of.sender, (&of.name, &of.language), &new).await?;
            line(format!(
                "the text of template {} ({}) of sender {} is stored",
                set.name, set.language, set.sender
            ));
        }
        TemplateCommand::Remove(of) => {
            let removed = plane.remove_template(&of.sender, (&of.name, &of.language)).await?;
            line(format!(
                "template {} ({}) of sender {} is removed",
                removed.name, removed.language, removed.sender
            ));
        }
    }
    Ok(())
}

/// Prints the campaign and the place of a token's recipient, and the number if it is asked for.
async fn decode(
    Database { control, caller }: &Database,
    token: &str,
    with_number: bool,
    as_json: bool,
) -> anyhow::Result<()> {
    let found = control.decode_flow_token(caller, token, with_number).await?;
    if as_json {
        line(serde_json::to_string_pretty(&found)?);
        return Ok(());
    }
    let number = found.number.map(|number| format!(", {number}")).unwrap_or_default();
    line(format!("campaign {} ({}), recipient {}{number}", found.campaign_id, found.campaign, found.seq));
    Ok(())
}

/// Reads the templates of a sender from its provider, with the key on this machine.
async fn fetch(
    Database { control, caller }: &Database,
    sender: &str,
    business_account: Option<&str>,
) -> anyhow::Result<()> {
    let fetched = control.fetch_templates(caller, sender, business_account).await?;
    line(format!("{} templates of sender {} are stored", fetched.stored, fetched.sender));
    for one in &fetched.left_out {
        line(format!("not stored: {one}"));
    }
    Ok(())
}

/// The items of all pages.
async fn all<T>(
    page: impl AsyncFn(PageRequest) -> Result<Page<T>, control::Error>,
) -> Result<Vec<T>, control::Error> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let read = page(PageRequest { after, limit: Some(control::MAX_LIMIT) }).await?;
        items.extend(read.items);
        after = read.next;
        if after.is_none() {
            return Ok(items);
        }
    }
}

fn list_flows(sender: &str, flows: &[FlowView]) {
    if flows.is_empty() {
        line(format!("no flow of sender {sender} is known; add one with 'flowcast flow set'"));
        return;
    }
    let cells = |flow: &FlowView| {
        let screens: Vec<&str> = flow.screens.iter().map(|screen| screen.id.as_str()).collect();
        vec![
            flow.flow_id.clone(),
            flow.name.clone(),
            screens.join(", "),
            utc(flow.updated_at),
            flow.updated_by.clone(),
        ]
    };
    table(&["flow", "name", "screens", "changed", "by"], &flows.iter().map(cells).collect::<Vec<_>>());
}

fn list_templates(sender: &str, templates: &[TemplateView]) {
    if templates.is_empty() {
        line(format!("no template text of sender {sender} is known; add one with 'flowcast template set'"));
        return;
    }
    let cells = |one: &TemplateView| {
        let first = one.text.body.lines().next().unwrap_or_default().chars().take(60).collect();
        vec![one.name.clone(), one.language.clone(), first, utc(one.updated_at), one.updated_by.clone()]
    };
    table(
        &["template", "language", "text", "changed", "by"],
        &templates.iter().map(cells).collect::<Vec<_>>(),
    );
}
