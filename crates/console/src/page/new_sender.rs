//! `/senders/new`: a sender is added.

use std::sync::Arc;

use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use campaign::Provider;
use control::{DailyCap, Error, Problem, Right, SenderToAdd, WebhookSettings};
use maud::{Markup, html};

use crate::failure::Failure;
use crate::frame::{Page, Section, sentence};
use crate::part::button::{Weight, link, submit};
use crate::part::card::card;
use crate::session::Console;
use crate::viewer::Viewer;
use crate::wizard::faults::Fault;
use crate::wizard::fields::Fields;
use crate::wizard::inputs::{Inputs, summary};
use crate::words::{provider, time};

/// The address of the page.
pub(crate) const ADDRESS: &str = "/senders/new";

/// The values of a form.
type Sent = Form<Vec<(String, String)>>;

/// Whether a person may add senders: a person who is limited to some senders could not see the new one.
pub(crate) fn may_add(viewer: &Viewer) -> bool {
    viewer.may_everywhere(Right::ManageSenders)
}

fn refuse(viewer: &Viewer) -> Result<(), Failure> {
    if may_add(viewer) {
        return Ok(());
    }
    Err(Failure::new(
        StatusCode::FORBIDDEN,
        "your account may not add senders; ask an operator who may see every sender",
    ))
}

/// `GET /senders/new`
pub(crate) async fn ask(viewer: Viewer) -> Result<Markup, Failure> {
    refuse(&viewer)?;
    let mut fields = Fields::default();
    fields.set("cap_zone", &time::zone_name(&viewer.zone));
    Ok(draw(&viewer, Inputs { fields: &fields, faults: &[] }))
}

/// `POST /senders/new`
pub(crate) async fn add(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Form(sent): Sent,
) -> Result<Response, Failure> {
    refuse(&viewer)?;
    let fields = Fields::sent(sent);
    let refused = |faults: &[Fault]| {
        let page = draw(&viewer, Inputs { fields: &fields, faults });
        Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
    };
    let (new, mut faults) = sender(&fields);
    let found = console.control.sender_faults(&new);
    faults.extend(found.iter().map(|fault| Fault::new(field_of(fault.member), sentence(&fault.text))));
    if !faults.is_empty() {
        return refused(&faults);
    }
    match console.control.add_sender(&viewer.caller, new).await {
        Ok(added) => Ok(Redirect::to(&format!("/senders/{}?done=added", added.result.name)).into_response()),
        Err(error) if matches!(error.problem(), Problem::InvalidBody | Problem::ConflictState) => {
            refused(&[of_refusal(&error)])
        }
        Err(error) => Err(error.into()),
    }
}

/// The sender that the form means, and what only a form can have wrong.
fn sender(fields: &Fields) -> (SenderToAdd, Vec<Fault>) {
    let mut faults = Vec::new();
    let optional = |field: &str| Some(fields.get(field).trim()).filter(|text| !text.is_empty());
    let rate = optional("rate").filter(|rate| *rate != "none").and_then(|rate| {
        rate.parse()
            .map_err(|error: campaign::RateError| {
                faults.push(Fault::new("rate", sentence(&error.to_string())));
            })
            .ok()
    });
    let cap = optional("cap").map(|cap| cap.replace([',', ' ', '_'], ""));
    let daily_cap = cap.and_then(|cap| {
        let Ok(recipients @ 1..) = cap.parse() else {
            let text = "Write how many recipients a day, such as 10000, or nothing for no cap";
            faults.push(Fault::new("cap", text));
            return None;
        };
        Some(DailyCap { recipients, zone: fields.get("cap_zone").trim().to_owned() })
    });
    let new = SenderToAdd {
        name: fields.get("sender_name").trim().to_owned(),
        provider: fields.get("provider").to_owned(),
        base_url: fields.get("base_url").trim().to_owned(),
        account: optional("account").map(str::to_owned),
        number: fields.get("number").trim().trim_start_matches('+').replace(' ', ""),
        api_key_ref: fields.get("api_key_ref").trim().to_owned(),
        rate,
        daily_cap,
        webhook: WebhookSettings::default(),
    };
    (new, faults)
}

/// The field for a member of a sender.
fn field_of(member: &str) -> &str {
    if member == "name" { "sender_name" } else { member }
}

/// The field that a refusal of the database is about.
fn of_refusal(error: &Error) -> Fault {
    let text = error.to_string();
    let field = if text.contains("no time zone") {
        "cap_zone"
    } else if text.starts_with("sender '") {
        "sender_name"
    } else {
        "form"
    };
    Fault::new(field, sentence(&text))
}

fn draw(viewer: &Viewer, inputs: Inputs<'_>) -> Markup {
    let providers = Provider::ALL.map(|one| (one.word(), provider::name(one.word()).to_owned()));
    let account =
        html! { "Kaleyra: the SID, 1msg: the instance id, Meta: the phone number id. LipaChat needs none." };
    let key = html! { "The key itself is never entered here. Write " code { "env:NAME" } " for an environment variable of the consumers, or " code { "file:PATH" } " for a file on their machines." };
    let form = html! {
        form class="form" method="post" action=(ADDRESS) {
            (inputs.line("sender_name", Some(&html! { "In campaigns and commands: a-z, 0-9, - and _. It cannot be changed." })))
            (inputs.choice("provider", &providers, None))
            (inputs.line("base_url", Some(&html! { "Scheme and host of the provider's API, such as https://api.in.kaleyra.io." })))
            div class="pair" {
                (inputs.line("number", Some(&html! { "The WhatsApp number of the sender, with its country code." })))
                (inputs.line("account", Some(&account)))
            }
            (inputs.line("api_key_ref", Some(&key)))
            (inputs.line("rate", Some(&html! { "What the provider allows: 20/s, 80/s,burst=10 or 50000/5m. Empty: no limit." })))
            div class="pair" {
                (inputs.line("cap", Some(&html! { "Most recipients a day. Empty: no cap." })))
                (inputs.line("cap_zone", Some(&html! { "Its midnight begins a day." })))
            }
            div class="actions" { (submit("Add sender", Weight::Primary)) (link("/senders", "Back", Weight::Plain)) }
        }
    };
    let body = html! { (summary(inputs.faults)) div class="narrow-card" { (card("", None, &form)) } };
    let page = Page::new("Add a sender", Section::Senders, body);
    Page { parent: Some(("/senders", "Senders")), ..page }.draw(viewer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewer::tests::viewer;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        Fields::sent(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn the_form_means_a_sender_or_says_what_is_wrong_at_the_field() {
        let filled = fields(&[
            ("sender_name", " ke-main "),
            ("provider", "kaleyra"),
            ("number", "+254 712 000 001"),
            ("rate", "80/s,burst=10"),
            ("cap", "10,000"),
            ("cap_zone", "Africa/Nairobi"),
        ]);
        let (new, faults) = sender(&filled);
        assert_eq!((new.name.as_str(), new.number.as_str(), faults), ("ke-main", "254712000001", vec![]));
        assert_eq!(new.daily_cap, Some(DailyCap { recipients: 10_000, zone: "Africa/Nairobi".into() }));
        assert_eq!(new.rate.unwrap().to_string(), "80/s,burst=10");
        let (_, faults) = sender(&fields(&[("rate", "fast"), ("cap", "0")]));
        assert_eq!(faults.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), ["rate", "cap"]);
        for (text, field) in [
            ("sender 'x' exists already", "sender_name"),
            ("'Mars' is no time zone; write one", "cap_zone"),
            ("other", "form"),
        ] {
            assert_eq!(of_refusal(&Error::refused(Problem::InvalidBody, text)).field, field);
        }
    }

    #[test]
    fn operators_who_see_every_sender_may_add_one() {
        let mut operator = viewer();
        assert!(!may_add(&operator));
        operator.caller.rights = control::Role::Operator.rights();
        assert!(may_add(&operator));
        operator.caller.senders = Some(["ke-main".to_owned()].into());
        assert!(!may_add(&operator) && refuse(&operator).is_err());
    }
}
