//! The form of a flow: its name and its Flow JSON, as a file or as a pasted text.

use axum::extract::multipart::{Field, Multipart};
use axum::http::StatusCode;
use campaign::MAX_FLOW_JSON;
use maud::{Markup, html};

use crate::failure::Failure;
use crate::part::button::{Weight, submit};
use crate::wizard::fields::Fields;
use crate::wizard::inputs::Inputs;

/// The longest other field in bytes.
const LONGEST: usize = 4_096;
/// The most fields.
const MOST: usize = 10;

/// A form that has arrived.
pub(crate) struct FlowForm {
    /// The fields without the Flow JSON of a file.
    pub(crate) fields: Fields,
    /// The Flow JSON: the file if one was chosen, else the pasted text.
    pub(crate) flow_json: String,
}

impl FlowForm {
    /// Reads a form. Memory is bounded by the limit of the route.
    pub(crate) async fn read(mut sent: Multipart) -> Result<Self, Failure> {
        let (mut pairs, mut file, mut pasted) = (Vec::new(), String::new(), String::new());
        while let Some(field) = sent.next_field().await.map_err(|_| broken())? {
            let name = field.name().unwrap_or_default().to_owned();
            match name.as_str() {
                "file" => file = text(field, MAX_FLOW_JSON).await?,
                "pasted" => pasted = text(field, MAX_FLOW_JSON).await?,
                _ if pairs.len() < MOST => pairs.push((name, text(field, LONGEST).await?)),
                _ => return Err(broken()),
            }
        }
        let flow_json = if file.is_empty() { pasted.clone() } else { file };
        pairs.push(("pasted".to_owned(), pasted));
        Ok(Self { fields: Fields::sent(pairs), flow_json })
    }
}

/// The text of a field. Of a longer text one byte more than `most` is kept, so that the control plane refuses it. Bytes that are no
/// UTF-8 become signs that no Flow JSON has outside of texts.
async fn text(mut field: Field<'_>, most: usize) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|_| broken())? {
        let kept = chunk.len().min((most + 1).saturating_sub(bytes.len()));
        bytes.extend(chunk.iter().take(kept));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn broken() -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, "the form did not arrive completely; send it again")
}

/// The form, with the id of a new flow.
pub(crate) fn form(inputs: Inputs<'_>, address: &str, is_new: bool) -> Markup {
    let export = html! { "In WhatsApp Manager open the flow, choose its JSON editor, and save the text as a file. At most 512 KiB; pictures inside are not shown." };
    let name =
        html! { "For you and your colleagues, and for campaigns that name the flow instead of its id." };
    html! {
        form class="form" method="post" action=(address) enctype="multipart/form-data" {
            @if !is_new { input type="hidden" name="version" value=(inputs.fields.get("version")); }
            @if is_new { (inputs.line("flow_id", Some(&html! { "The digits that WhatsApp Manager shows beside the flow." }))) }
            (inputs.line("flow_name", Some(&name)))
            (inputs.file("file", ".json,application/json,text/plain", Some(&export)))
            (pasted(inputs))
            div class="actions" { (submit(if is_new { "Add flow" } else { "Replace" }, Weight::Primary)) }
        }
    }
}

fn pasted(inputs: Inputs<'_>) -> Markup {
    html! {
        details class="more" open[!inputs.fields.get("pasted").is_empty()] {
            summary { "Or paste its text" }
            div class="field" {
                label for="f-pasted" { "Text of the Flow JSON" }
                textarea id="f-pasted" name="pasted" rows="8" spellcheck="false" { "\n" (inputs.fields.get("pasted")) }
            }
        }
    }
}
