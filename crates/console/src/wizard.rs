//! The wizard "New campaign": message, list, check, start. Each step is a page with an address of its own; a draft can be left and
//! continued.
//!
//! ```text
//! page ─▶ Fields (what was typed) ─▶ Definition or Faults (at their fields) ─▶ control (draft, preview, import, check, start)
//! ```
//!
//! **Invariants.**
//! - A form carries the version of the draft that it shows; an edit of another version is refused and shown beside the stored one.
//! - The start carries the fingerprint of the check that the person has seen.
//! - Every step works with plain forms. htmx redraws the preview and the progress of jobs, `console.js` shows the progress of an
//!   upload.

pub(crate) mod approval;
pub(crate) mod check;
pub(crate) mod checked;
pub(crate) mod conflict;
pub(crate) mod data;
pub(crate) mod difference;
pub(crate) mod faults;
pub(crate) mod fields;
pub(crate) mod import_job;
pub(crate) mod imported;
pub(crate) mod inputs;
pub(crate) mod known_choice;
pub(crate) mod links;
pub(crate) mod list;
pub(crate) mod message;
pub(crate) mod message_form;
pub(crate) mod message_preview;
pub(crate) mod paragraph;
pub(crate) mod start;
pub(crate) mod times;
pub(crate) mod trial;
pub(crate) mod upload;
pub(crate) mod upload_form;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use campaign::{CampaignId, CampaignState};
use control::{Campaign, Error, Right};
use maud::{Markup, html};

use crate::failure::Failure;
use crate::frame::{Page, Section};
use crate::part::badge::badge;
use crate::session::Console;
use crate::viewer::Viewer;
use crate::words::Tone;

/// A step of the wizard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Message,
    List,
    Check,
    Start,
}

impl Step {
    const ALL: [Self; 4] = [Self::Message, Self::List, Self::Check, Self::Start];

    fn label(self) -> &'static str {
        match self {
            Self::Message => "Message",
            Self::List => "List",
            Self::Check => "Check",
            Self::Start => "Start",
        }
    }

    /// The address of the step for a draft.
    pub(crate) fn address(self, id: i64) -> String {
        let name = match self {
            Self::Message => "message",
            Self::List => "list",
            Self::Check => "check",
            Self::Start => "start",
        };
        format!("/campaigns/{id}/{name}")
    }
}

/// Why a step shows no page of its own.
pub(crate) enum Exit {
    /// The request failed.
    Failure(Failure),
    /// The campaign is no draft any more, so its own page is shown.
    Started(i64),
}

impl IntoResponse for Exit {
    fn into_response(self) -> Response {
        match self {
            Self::Failure(failure) => failure.into_response(),
            Self::Started(id) => Redirect::to(&format!("/campaigns/{id}")).into_response(),
        }
    }
}

impl From<Error> for Exit {
    fn from(error: Error) -> Self {
        Self::Failure(error.into())
    }
}

impl From<Failure> for Exit {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// Refuses people who may not prepare campaigns. The control plane refuses each action of theirs as well.
pub(crate) fn may_prepare(viewer: &Viewer) -> Result<(), Exit> {
    if viewer.caller.rights.has(Right::Prepare) {
        return Ok(());
    }
    let text = "your account may not prepare campaigns; ask an admin for the role marketer";
    Err(Failure::new(StatusCode::FORBIDDEN, text).into())
}

/// A draft, for a person who may prepare it.
pub(crate) async fn draft(console: &Console, viewer: &Viewer, id: i64) -> Result<Campaign, Exit> {
    may_prepare(viewer)?;
    let campaign = console.control.campaign(&viewer.caller, CampaignId(id)).await?;
    if campaign.state == CampaignState::Draft.word() { Ok(campaign) } else { Err(Exit::Started(id)) }
}

/// The page of a step.
pub(crate) struct StepPage<'a> {
    pub(crate) step: Step,
    /// The draft; `None` before the first Next.
    pub(crate) draft: Option<&'a Campaign>,
    /// Whether the draft was checked as it is now, and can be started.
    pub(crate) is_checked: bool,
    /// The content, left of the preview if there is one.
    pub(crate) body: Markup,
    /// What stands at the right.
    pub(crate) aside: Option<Markup>,
    /// The button that leads to the next step.
    pub(crate) next: Option<Markup>,
    /// The way back: its address and its label.
    pub(crate) back: (String, &'static str),
}

impl StepPage<'_> {
    /// The whole document.
    pub(crate) fn draw(self, viewer: &Viewer) -> Markup {
        let body = html! {
            (steps(self.step, self.draft, self.is_checked))
            div class=[self.aside.is_some().then_some("wizard")] {
                div class="stack" { (self.body) }
                @if let Some(aside) = &self.aside { aside class="beside" { (aside) } }
            }
            div class="stepper" {
                a class="button" href=(self.back.0) { (self.back.1) }
                @if let Some(next) = &self.next { (next) }
            }
        };
        let title = self.draft.map_or("New campaign", |draft| draft.definition.name.as_str());
        let page = Page::new(title, Section::Campaigns, body);
        let badge = self.draft.map(|_| badge(Tone::Quiet, "Draft"));
        Page { parent: Some(("/campaigns", "Campaigns")), badge, is_live: true, ..page }.draw(viewer)
    }
}

/// The four steps; those that can be opened are links.
fn steps(present: Step, draft: Option<&Campaign>, is_checked: bool) -> Markup {
    let has_list = draft.is_some_and(|draft| draft.recipients > 0);
    let state = |step| match step {
        Step::Message => draft.is_some(),
        Step::List => has_list,
        Step::Check => is_checked,
        Step::Start => false,
    };
    let can_open = |step| match step {
        Step::Message | Step::List => draft.is_some(),
        Step::Check | Step::Start => has_list,
    };
    html! {
        nav class="steps" aria-label="Steps" {
            ol {
                @for (n, step) in (1..).zip(Step::ALL) {
                    li class=[state(step).then_some("is-done")] aria-current=[(step == present).then_some("step")] {
                        @let text = html! { span class="step-number" aria-hidden="true" { (n) } (step.label()) };
                        @if let Some(draft) = draft.filter(|_| can_open(step) && step != present) {
                            a href=(step.address(draft.campaign_id)) { (text) }
                        } @else { span { (text) } }
                    }
                }
            }
        }
    }
}

/// The button of a form elsewhere on the page, which leads to the next step.
pub(crate) fn next_button(form: &str, label: &str) -> Markup {
    html! { button type="submit" class="button primary" form=(form) { (label) } }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use campaign::Definition;

    /// A draft of the example campaign with this many recipients.
    pub(crate) fn draft(recipients: i32) -> Campaign {
        let definition = Definition::parse(include_str!("../../../examples/campaign.toml")).unwrap();
        let state = CampaignState::Draft.word().to_owned();
        Campaign { campaign_id: 7, state, version: 3, recipients, started_at: None, definition }
    }

    #[test]
    fn a_step_is_a_link_if_it_can_be_opened() {
        let drawn = |draft: Option<&Campaign>| steps(Step::Message, draft, false).into_string();
        assert!(!drawn(None).contains("href"), "nothing can be opened before the draft exists");
        let (empty, full) = (draft(0), draft(5));
        assert!(drawn(Some(&empty)).contains("/campaigns/7/list") && !drawn(Some(&empty)).contains("/check"));
        assert!(drawn(Some(&full)).contains("/campaigns/7/start"), "{}", drawn(Some(&full)));
        assert!(drawn(Some(&full)).contains(r#"aria-current="step""#));
    }
}
