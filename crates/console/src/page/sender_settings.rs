//! `/senders/NAME/settings`: how a sender reaches its provider.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use campaign::Provider;
use control::{Problem, Right, SenderChange, SenderView, Versioned as _};
use maud::{Markup, html};

use crate::failure::Failure;
use crate::frame::{Page, Section, sentence};
use crate::page::flow::based_on;
use crate::part::button::{Weight, link, submit};
use crate::part::card::card;
use crate::session::Console;
use crate::viewer::Viewer;
use crate::wizard::faults::Fault;
use crate::wizard::fields::Fields;
use crate::wizard::inputs::{Inputs, summary};

fn refuse(viewer: &Viewer) -> Result<(), Failure> {
    if viewer.may(Right::ManageSenders) {
        return Ok(());
    }
    let text = "your account may not change senders; ask an operator";
    Err(Failure::new(StatusCode::FORBIDDEN, text))
}

/// `GET /senders/NAME/settings`
pub(crate) async fn ask(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(name): Path<String>,
) -> Result<Markup, Failure> {
    refuse(&viewer)?;
    let sender = console.control.sender(&viewer.caller, &name).await?;
    Ok(draw(&viewer, &sender, Inputs { fields: &fields(&sender), faults: &[] }))
}

/// `POST /senders/NAME/settings`
pub(crate) async fn change(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(name): Path<String>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    refuse(&viewer)?;
    let mut sent = Fields::sent(sent);
    let sender = console.control.sender(&viewer.caller, &name).await?;
    let own = format!("/senders/{}", sender.name);
    let change = changed(&sender, &sent);
    if change.is_empty() {
        return Ok(Redirect::to(&own).into_response());
    }
    let basis = based_on(&viewer, sent.get("version"));
    let error = match console.control.change_sender(&basis.caller, &name, change).await {
        Ok(_) => return Ok(Redirect::to(&format!("{own}?done=changed")).into_response()),
        Err(error) if matches!(error.problem(), Problem::InvalidBody | Problem::VersionConflict) => error,
        Err(error) => return Err(error.into()),
    };
    let faults = [Fault::new(error.member().unwrap_or("form"), sentence(&error.to_string()))];
    // What another person stored meanwhile is shown beside the form; the person may replace it.
    let sender = console.control.sender(&viewer.caller, &name).await?;
    sent.set("version", &sender.version());
    let page = draw(&viewer, &sender, Inputs { fields: &sent, faults: &faults });
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

fn fields(sender: &SenderView) -> Fields {
    let mut fields = Fields::default();
    fields.set("version", &sender.version());
    fields.set("base_url", &sender.base_url);
    fields.set("number", &format!("+{}", sender.number));
    for (name, value) in [
        ("account", &sender.account),
        ("api_key_ref", &sender.api_key_ref),
        ("api_version", &sender.api_version),
    ] {
        fields.set(name, value.as_deref().unwrap_or_default());
    }
    if sender.plus_in_path {
        fields.set("plus_in_path", "yes");
    }
    fields
}

/// The settings of the form that the sender does not have.
fn changed(sender: &SenderView, sent: &Fields) -> SenderChange {
    let given = |field: &str| sent.get(field).trim().to_owned();
    let optional = |field: &str| Some(given(field)).filter(|text| !text.is_empty());
    let (base_url, number) = (given("base_url"), given("number").trim_start_matches('+').replace(' ', ""));
    let (account, version) = (optional("account"), optional("api_version"));
    let (key, plus) = (given("api_key_ref"), sent.has("plus_in_path"));
    SenderChange {
        base_url: (base_url != sender.base_url).then_some(base_url),
        number: (number != sender.number).then_some(number),
        api_key_ref: (Some(&key) != sender.api_key_ref.as_ref()).then_some(key),
        api_version: (is_meta(sender) && version != sender.api_version).then_some(version),
        plus_in_path: (is_kaleyra(sender) && plus != sender.plus_in_path).then_some(plus),
        account: (account != sender.account).then_some(account),
        ..SenderChange::default()
    }
}

fn is_meta(sender: &SenderView) -> bool {
    sender.provider == Provider::Meta.word()
}

fn is_kaleyra(sender: &SenderView) -> bool {
    sender.provider == Provider::Kaleyra.word()
}

fn draw(viewer: &Viewer, sender: &SenderView, inputs: Inputs<'_>) -> Markup {
    let own = format!("/senders/{}", sender.name);
    let key = html! { "The key itself is never entered here. Write " code { "env:NAME" } " for an environment variable of the consumers, or " code { "file:PATH" } " for a file on their machines." };
    let form = html! {
        form class="form" method="post" action={ (own) "/settings" } {
            input type="hidden" name="version" value=(inputs.fields.get("version"));
            (inputs.line("base_url", Some(&html! { "Scheme and host of the provider's API." })))
            div class="pair" {
                (inputs.line("number", Some(&html! { "With its country code." })))
                (inputs.line("account", Some(&html! { "Empty: none." })))
            }
            (inputs.line("api_key_ref", Some(&key)))
            @if is_meta(sender) { (inputs.line("api_version", Some(&html! { "Such as v23.0. Empty: the version that this program was built for." }))) }
            @if is_kaleyra(sender) { (inputs.check("plus_in_path", ("yes", "The number in the address of a request has a +"), None)) }
            p class="hint" { "Workers use the new settings within seconds. Messages that are being sent keep the old ones." }
            div class="actions" { (submit("Change", Weight::Primary)) (link(&own, "Back", Weight::Plain)) }
        }
    };
    let body = html! { (summary(inputs.faults)) div class="narrow-card" { (card("", None, &form)) } };
    let page = Page::new("Change the settings", Section::Senders, body);
    Page { parent: Some((&own, &sender.name)), ..page }.draw(viewer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wizard::start::tests::sender;

    #[test]
    fn only_settings_that_differ_are_changed() {
        let sender = SenderView { api_key_ref: Some("env:KEY".into()), ..sender() };
        let own = fields(&sender);
        assert!(changed(&sender, &own).is_empty());
        let mut other = own.clone();
        other.set("number", "+254 700 000 001");
        other.set("api_version", "v23.0");
        let change = changed(&sender, &other);
        assert_eq!(
            (change.number.as_deref(), change.base_url, change.api_key_ref),
            (Some("254700000001"), None, None)
        );
        assert_eq!(change.api_version, None, "Kaleyra has no Graph API");
        assert!(change.rate.is_none() && change.account.is_none() && change.plus_in_path.is_none());
        let without = Fields::sent(
            own.pairs()
                .filter(|(name, _)| *name != "plus_in_path")
                .map(|(n, v)| (n.into(), v.into()))
                .collect(),
        );
        assert_eq!(changed(&sender, &without).plus_in_path, Some(false));
    }
}
