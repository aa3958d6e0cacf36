//! `/senders/NAME/probe`, `/resume`, `/hold`, `/rate` and `/cap`: a sender is tried, resumed, paused or changed.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use control::{DailyCap, SenderChange};
use maud::{Markup, html};
use serde::Deserialize;

use crate::failure::Failure;
use crate::frame::Section;
use crate::page::ask::Ask;
use crate::page::campaign::action::beside_form;
use crate::part::button::Weight;
use crate::session::{Console, safe_page};
use crate::viewer::Viewer;
use crate::words::time;

/// The page to return to.
#[derive(Deserialize)]
pub(crate) struct Back {
    #[serde(default)]
    back: Option<String>,
}

impl Back {
    /// Back to the page, which says what was done.
    fn to(&self, sender: &str, done: &str) -> Redirect {
        let own = format!("/senders/{sender}");
        let page = self.back.as_deref().filter(|back| !back.contains('?')).unwrap_or(&own);
        Redirect::to(&format!("{}?done={done}", safe_page(Some(page))))
    }
}

/// `POST /senders/NAME/probe`
pub(crate) async fn probe(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(name): Path<String>,
    Form(back): Form<Back>,
) -> Result<Redirect, Failure> {
    console.control.probe_sender(&viewer.caller, &name).await?;
    Ok(back.to(&name, "probed"))
}

/// `POST /senders/NAME/resume`
pub(crate) async fn resume(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(name): Path<String>,
    Form(back): Form<Back>,
) -> Result<Redirect, Failure> {
    console.control.resume_sender(&viewer.caller, &name).await?;
    Ok(back.to(&name, "sender_resumed"))
}

/// The sender that an action is for, and its form.
fn ask<'a>(name: &'a str, back: &'a str, title: &'a str, button: &'a str, body: Markup) -> Ask<'a> {
    let (section, weight) = (Section::Senders, Weight::Primary);
    Ask { name, section, back, title, body, button, weight, error: None }
}

/// `GET /senders/NAME/hold`
pub(crate) async fn ask_hold(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(name): Path<String>,
) -> Result<Response, Failure> {
    let sender = console.control.sender(&viewer.caller, &name).await?;
    let back = format!("/senders/{}", sender.name);
    let body = html! { p { "No campaign of " (sender.name) " sends a further message until the sender is resumed. No recipient is lost." } };
    let ask = ask(&sender.name, &back, "Pause the sender", "Pause sender", body);
    Ok(Ask { weight: Weight::Danger, ..ask }.draw(&viewer, &format!("{back}/hold")))
}

/// `POST /senders/NAME/hold`
pub(crate) async fn hold(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(name): Path<String>,
) -> Result<Redirect, Failure> {
    console.control.hold_sender(&viewer.caller, &name).await?;
    Ok(Redirect::to(&format!("/senders/{name}?done=sender_paused")))
}

/// A rate; empty: no limit.
#[derive(Deserialize)]
pub(crate) struct NewRate {
    rate: String,
}

/// `GET /senders/NAME/rate`
pub(crate) async fn ask_rate(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(name): Path<String>,
) -> Result<Response, Failure> {
    let sender = console.control.sender(&viewer.caller, &name).await?;
    let rate = sender.rate.map(|rate| rate.to_string()).unwrap_or_default();
    Ok(draw_rate(&viewer, &sender.name, &rate, None))
}

fn draw_rate(viewer: &Viewer, name: &str, rate: &str, error: Option<String>) -> Response {
    let body = html! {
        label {
            "Rate"
            input name="rate" value=(rate) maxlength="40" autocomplete="off" aria-describedby="rate-hint";
            span class="hint" id="rate-hint" { "Such as 80/s, or 50000/5m. Empty: no limit. Workers use it within a second." }
        }
    };
    let back = format!("/senders/{name}");
    Ask { error, ..ask(name, &back, "Change the rate", "Change", body) }.draw(viewer, &format!("{back}/rate"))
}

/// `POST /senders/NAME/rate`
pub(crate) async fn rate(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(name): Path<String>,
    Form(new): Form<NewRate>,
) -> Result<Response, Failure> {
    let text = new.rate.trim();
    let rate = if text.is_empty() { Ok(None) } else { text.parse().map(Some) };
    let rate = match rate {
        Ok(rate) => rate,
        Err(error) => return Ok(draw_rate(&viewer, &name, text, Some(format!("{error}")))),
    };
    let change = SenderChange { rate: Some(rate), ..SenderChange::default() };
    match console.control.change_sender(&viewer.caller, &name, change).await {
        Ok(_) => Ok(Redirect::to(&format!("/senders/{name}?done=changed")).into_response()),
        Err(error) => Ok(draw_rate(&viewer, &name, text, Some(beside_form(error)?))),
    }
}

/// A daily cap; empty: no cap.
#[derive(Default, Deserialize)]
pub(crate) struct NewCap {
    recipients: String,
    zone: String,
}

/// `GET /senders/NAME/cap`
pub(crate) async fn ask_cap(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(name): Path<String>,
) -> Result<Response, Failure> {
    let sender = console.control.sender(&viewer.caller, &name).await?;
    let new = match sender.daily_cap {
        Some(cap) => NewCap { recipients: cap.recipients.to_string(), zone: cap.zone },
        None => NewCap { recipients: String::new(), zone: time::zone_name(&viewer.zone) },
    };
    Ok(draw_cap(&viewer, &sender.name, &new, None))
}

fn draw_cap(viewer: &Viewer, name: &str, new: &NewCap, error: Option<String>) -> Response {
    let body = html! {
        label {
            "Recipients per day"
            input name="recipients" value=(new.recipients) inputmode="numeric" maxlength="12" autocomplete="off" aria-describedby="cap-hint";
            span class="hint" id="cap-hint" { "Empty: no cap. Recipients count on the day of their first message." }
        }
        label { "Time zone of the day" input name="zone" value=(new.zone) required maxlength="60" autocomplete="off"; }
    };
    let back = format!("/senders/{name}");
    Ask { error, ..ask(name, &back, "Change the daily cap", "Change", body) }
        .draw(viewer, &format!("{back}/cap"))
}

/// `POST /senders/NAME/cap`
pub(crate) async fn cap(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(name): Path<String>,
    Form(new): Form<NewCap>,
) -> Result<Response, Failure> {
    let text = new.recipients.replace([',', ' '], "");
    let cap = match text.parse() {
        Ok(recipients) => Some(DailyCap { recipients, zone: new.zone.trim().to_owned() }),
        Err(_) if text.is_empty() => None,
        Err(_) => {
            let text = "the daily cap is not a whole number of recipients; nothing was changed";
            return Ok(draw_cap(&viewer, &name, &new, Some(text.into())));
        }
    };
    let change = SenderChange { daily_cap: Some(cap), ..SenderChange::default() };
    match console.control.change_sender(&viewer.caller, &name, change).await {
        Ok(_) => Ok(Redirect::to(&format!("/senders/{name}?done=changed")).into_response()),
        Err(error) => Ok(draw_cap(&viewer, &name, &new, Some(beside_form(error)?))),
    }
}
