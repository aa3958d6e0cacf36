//! Compares the template of a campaign with what is known of it.
//!
//! A difference refuses a draft and a start, because WhatsApp would refuse the message for every recipient. Language and approval
//! only warn about a draft, because they may change until the start; they refuse a start. A template that is not known is not
//! compared.

use campaign::{Definition, KnownButton, KnownTemplate, SenderId, TemplateUse};
use serde::Deserialize;
use serde_json::Value;
use store::{CampaignRow, Store, TemplateRow, TemplateTexts};

use crate::error::{Error, Problem};

const AGAIN: &str = "if the known template is outdated, read it again with 'flowcast template fetch' or 'flowcast template set'";

/// Refuses a definition whose template differs from the known template.
pub(crate) async fn refuse_difference(
    store: &Store,
    sender: SenderId,
    definition: &Definition,
) -> Result<(), Error> {
    let Some(written) = &definition.template else { return Ok(()) };
    let Some(known) = find(store, sender, written).await? else { return Ok(()) };
    known_template(&known.texts)
        .check(written)
        .map_err(|difference| Error::refused(Problem::InvalidDefinition, format!("{difference}; {AGAIN}")))
}

/// Why the template of a definition is not sent, as far as it is known: its language or its approval.
pub(crate) async fn unsendable(
    store: &Store,
    sender: SenderId,
    definition: &Definition,
) -> Result<Option<String>, Error> {
    let Some(written) = &definition.template else { return Ok(None) };
    let TemplateUse { name, language, .. } = written;
    if let Some(known) = find(store, sender, written).await? {
        let status = known.texts.status.filter(|status| status != "approved");
        return Ok(status.map(|status| {
            format!("[template] name: the template {name} ({language}) is {status} and is not sent; {AGAIN}")
        }));
    }
    if name.contains('\0') {
        return Ok(None);
    }
    let others = store.template_languages(sender, name).await?;
    let others = Some(others.join(", ")).filter(|others| !others.is_empty());
    Ok(others.map(|others| {
        format!(
            "[template] language: the template {name} is known in {others}, but not in {language}; {AGAIN}"
        )
    }))
}

/// Refuses to start a campaign whose template differs from the known template, or is known as not sendable.
pub(crate) async fn refuse_start(
    store: &Store,
    sender: SenderId,
    campaign: &CampaignRow,
) -> Result<(), Error> {
    refuse_difference(store, sender, &campaign.definition).await?;
    match unsendable(store, sender, &campaign.definition).await? {
        Some(reason) => Err(Error::conflict(format!("campaign {} cannot be started: {reason}", campaign.id))),
        None => Ok(()),
    }
}

async fn find(store: &Store, sender: SenderId, written: &TemplateUse) -> Result<Option<TemplateRow>, Error> {
    // PostgreSQL refuses a text with U+0000, which no name has.
    if written.name.contains('\0') || written.language.contains('\0') {
        return Ok(None);
    }
    Ok(store.template(sender, &written.name, &written.language).await?)
}

fn known_template(texts: &TemplateTexts) -> KnownTemplate {
    KnownTemplate {
        header_format: texts.header_format.clone(),
        header: texts.header.clone(),
        body: texts.body.clone(),
        buttons: known_buttons(&texts.buttons),
    }
}

#[derive(Deserialize)]
struct StoredButton {
    kind: Option<String>,
    url: Option<String>,
    flow_id: Option<String>,
}

fn known_buttons(buttons: &Value) -> Vec<KnownButton> {
    let stored = Vec::<StoredButton>::deserialize(buttons).unwrap_or_default();
    let known = |StoredButton { kind, url, flow_id }| KnownButton {
        kind: kind.or_else(|| flow_id.map(|_| "flow".to_owned())),
        has_variable: url.map(|url| url.contains("{{")),
    };
    stored.into_iter().map(known).collect()
}
