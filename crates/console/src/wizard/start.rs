//! `/campaigns/ID/start`: the last step.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use campaign::{CampaignId, Definition};
use control::{Campaign, Check, Error, Problem, SenderView, StartApproval};
use maud::{Markup, html};
use uuid::Uuid;

use crate::failure::Failure;
use crate::frame::sentence;
use crate::part::alert::{alert, form_error};
use crate::part::button::{Weight, submit};
use crate::part::card::{card, flush};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::wizard::approval::{self, Role};
use crate::wizard::checked::Checked;
use crate::wizard::difference::{self, Difference};
use crate::wizard::faults::Fault;
use crate::wizard::fields::Fields;
use crate::wizard::inputs::{Inputs, summary};
use crate::wizard::message::{Sent, once};
use crate::wizard::paragraph::paragraph;
use crate::wizard::{Exit, Step, StepPage, draft, times};
use crate::words::Tone;
use crate::words::number::{counted, thousands};
use crate::words::state::Clock;

/// The id of the form of times, which starts the campaign as well.
pub(crate) const TIMES: &str = "times";

/// What the page shows.
struct Known {
    draft: Campaign,
    checked: Checked,
    sender: SenderView,
    approval: StartApproval,
}

impl Known {
    async fn read(console: &Console, viewer: &Viewer, id: i64) -> Result<Self, Exit> {
        let draft = draft(console, viewer, id).await?;
        let checked = Checked::read(console, viewer, &draft).await?;
        let sender = console.control.sender(&viewer.caller, &draft.definition.sender).await?;
        let approval = console.control.start_approval(&viewer.caller, CampaignId(id)).await?;
        Ok(Self { draft, checked, sender, approval })
    }

    /// The page. `note` is what happened to the last form; `fields` and `faults` are those of the times.
    fn page(&self, viewer: &Viewer, note: &Markup, (fields, faults): (&Fields, &[Fault])) -> Markup {
        let id = self.draft.campaign_id;
        let ready = match &self.checked {
            Checked::Done(check) if check.can_start => Some(&**check),
            Checked::Done(_) | Checked::No { .. } | Checked::Running | Checked::Failed(_) => None,
        };
        let body = html! {
            (note)
            (summary(faults))
            @if ready.is_some() { (approval::note(viewer, &self.approval)) }
            @if let Some(waiting) = self.checked.waiting(viewer, id, Step::Start) { (waiting) }
            @if let Checked::Done(check) = &self.checked { (self.summary_card(viewer, check)) }
            (self.times_card(viewer, ready, Inputs { fields, faults }))
        };
        let next = ready.map(|check| self.button(viewer, check));
        let back = (Step::Check.address(id), "Back");
        StepPage {
            step: Step::Start,
            draft: Some(&self.draft),
            is_checked: ready.is_some(),
            body,
            aside: None,
            next,
            back,
        }
        .draw(viewer)
    }

    /// What the button below the page sends besides the times: what the person has seen.
    fn seen(&self, viewer: &Viewer, check: &Check) -> Markup {
        let seen = serde_json::to_string(&self.draft.definition).unwrap_or_default();
        let role = approval::role(viewer, &self.approval);
        html! {
            @if role != Role::Waits {
                input type="hidden" name="fingerprint" value=(check.fingerprint);
                input type="hidden" name="once" value=(Uuid::new_v4());
            }
            @if role == Role::Starts {
                input type="hidden" name="seen" value=(seen);
                input type="hidden" name="seen_recipients" value=(self.draft.recipients);
            }
        }
    }

    fn button(&self, viewer: &Viewer, check: &Check) -> Markup {
        match approval::role(viewer, &self.approval) {
            Role::Starts => {
                let label =
                    format!("Start: send to {}", counted(check.recipients, "recipient", "recipients"));
                let address = Step::Start.address(self.draft.campaign_id);
                html! { button id="start" type="submit" class="button primary" form=(TIMES) formaction=(address) { (label) } }
            }
            Role::Requests => approval::request_button(self.draft.campaign_id, check),
            Role::Waits => html! { p class="hint" { "A person who may start campaigns starts it." } },
        }
    }

    fn summary_card(&self, viewer: &Viewer, check: &Check) -> Markup {
        let clock = Clock { now: viewer.visit.now, zone: &viewer.zone };
        let id = self.draft.campaign_id;
        let body = html! {
            @if check.can_start { (paragraph(&self.draft, check, &self.sender, clock)) }
            @else { p { "The campaign cannot be started yet: " (sentence(check.problem.as_deref().unwrap_or_default())) " " a href=(Step::Check.address(id)) { "Show what is missing" } } }
            @if check.can_start && !self.sender.is_open {
                p class="note" { "The sender is stopped. The campaign can be started; its recipients wait until the sender is resumed." }
            }
        };
        card("What happens", None, &body)
    }

    fn times_card(&self, viewer: &Viewer, ready: Option<&Check>, inputs: Inputs<'_>) -> Markup {
        let id = self.draft.campaign_id;
        let body = html! {
            // One form with the start: a start sees times that are not saved. Enter in a field saves them.
            form class="stack" id=(TIMES) method="post" action={ "/campaigns/" (id) "/times" } {
                input type="hidden" name="version" value=(self.draft.version);
                @if let Some(check) = ready { (self.seen(viewer, check)) }
                (times::draw(inputs, &viewer.zone))
                div class="actions" { (submit("Save times", Weight::Plain)) }
                p class="hint" { "The campaign is checked again after a change." }
            }
        };
        card("When", None, &body)
    }

    fn fields(&self, viewer: &Viewer) -> Fields {
        times::fields(&self.draft.definition, &viewer.zone)
    }
}

/// `GET /campaigns/ID/start`
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
) -> Result<Markup, Exit> {
    let known = Box::pin(Known::read(&console, &viewer, id)).await?;
    Ok(known.page(&viewer, &html! {}, (&known.fields(&viewer), &[])))
}

/// `POST /campaigns/ID/times`
pub(crate) async fn save_times(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
    Form(sent): Sent,
) -> Result<Response, Exit> {
    let (known, fields) = (Box::pin(Known::read(&console, &viewer, id)).await?, Fields::sent(sent));
    let version: i32 =
        fields.get("version").parse().map_err(|_| Failure::of_status(StatusCode::BAD_REQUEST))?;
    let definition = match times::read(&fields, &known.draft.definition, &viewer.zone) {
        Ok(definition) => definition,
        Err(faults) => {
            let page = known.page(&viewer, &html! {}, (&fields, &faults));
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
    };
    if definition != known.draft.definition || version != known.draft.version {
        match console.control.edit_campaign(&viewer.caller, CampaignId(id), version, &definition).await {
            Ok(_) => {}
            Err(error) if error.problem() == Problem::VersionConflict => {
                // The form has times only, so the person sees the stored version and repeats the change.
                let text = "the campaign was edited since you opened this page, and your times were not stored; compare and save them again";
                let page = known.page(&viewer, &form_error(&sentence(text)), (&fields, &[]));
                return Ok((StatusCode::CONFLICT, page).into_response());
            }
            Err(error) => return Err(error.into()),
        }
        Checked::begin(&console, &viewer, id).await?;
    }
    Ok(Redirect::to(&Step::Start.address(id)).into_response())
}

/// `POST /campaigns/ID/start`
pub(crate) async fn send(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
    Form(sent): Sent,
) -> Result<Response, Exit> {
    let fields = Fields::sent(sent);
    let fingerprint = seen_fingerprint(&fields)?;
    if let Some(page) = unsaved(&console, &viewer, id, &fields).await? {
        return Ok(page);
    }
    let caller = once(&viewer.caller, fields.get("once"), &(id, fingerprint));
    let started = Box::pin(console.control.start_campaign(&caller, CampaignId(id), Some(fingerprint))).await;
    let Err(error) = started else {
        return Ok(Redirect::to(&format!("/campaigns/{id}")).into_response());
    };
    match error.problem() {
        Problem::CheckOutdated => {
            let known = Box::pin(Known::read(&console, &viewer, id)).await?;
            let page = known.page(&viewer, &outdated(&known.draft, &fields), (&known.fields(&viewer), &[]));
            Ok((StatusCode::CONFLICT, page).into_response())
        }
        Problem::ConflictState
        | Problem::ApprovalNeeded
        | Problem::InvalidDefinition
        | Problem::ProviderCannot => refused(&console, &viewer, id, &error).await,
        _ => Err(error.into()),
    }
}

/// The fingerprint of the check that the person has seen.
pub(crate) fn seen_fingerprint(fields: &Fields) -> Result<&str, Exit> {
    let fingerprint = fields.get("fingerprint");
    if fingerprint.is_empty() {
        return Err(Failure::of_status(StatusCode::BAD_REQUEST).into());
    }
    Ok(fingerprint)
}

/// The page with times that were changed and not saved, if there are any: a start would ignore them.
pub(crate) async fn unsaved(
    console: &Console,
    viewer: &Viewer,
    id: i64,
    fields: &Fields,
) -> Result<Option<Response>, Exit> {
    // A form that was opened before a change of the draft is refused by its fingerprint.
    if !fields.has("start") {
        return Ok(None);
    }
    let known = Box::pin(Known::read(console, viewer, id)).await?;
    if fields.get("version") != known.draft.version.to_string()
        || !times::are_changed(fields, &known.draft.definition, &viewer.zone)
    {
        return Ok(None);
    }
    let text = "Nothing was sent: the times were changed and are not saved. Save the times, compare what happens, then start the campaign.";
    let page = known.page(viewer, &form_error(text), (fields, &[]));
    Ok(Some((StatusCode::CONFLICT, page).into_response()))
}

/// The page as it is now, with the refusal.
pub(crate) async fn refused(
    console: &Console,
    viewer: &Viewer,
    id: i64,
    error: &Error,
) -> Result<Response, Exit> {
    let known = Box::pin(Known::read(console, viewer, id)).await?;
    let note = form_error(&sentence(&error.to_string()));
    let page = known.page(viewer, &note, (&known.fields(viewer), &[]));
    Ok((StatusCode::CONFLICT, page).into_response())
}

/// What was changed between what the person has seen and the draft.
fn outdated(draft: &Campaign, fields: &Fields) -> Markup {
    let seen: Option<Definition> = serde_json::from_str(fields.get("seen")).ok();
    let mut found = seen.map(|seen| difference::between(&seen, &draft.definition)).unwrap_or_default();
    if let Some(recipients) =
        fields.get("seen_recipients").parse::<i32>().ok().filter(|n| *n != draft.recipients)
    {
        let (one, other) = (thousands(recipients), thousands(draft.recipients));
        found.insert(0, Difference { part: "Recipients".into(), one, other });
    }
    let text = html! { p { "Nothing was sent. The campaign was changed since the check that you have seen; check it again, then start it." } };
    html! {
        div id="refused" role="alert" tabindex="-1" autofocus { (alert(Tone::Bad, "The campaign was not started", &text, None)) }
        @if !found.is_empty() {
            (flush(Some("What was changed"), &difference::draw("Changes since the check", ("You have seen", "Now"), &found)))
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
