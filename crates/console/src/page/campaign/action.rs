//! `/campaigns/ID/pause`, `/resume`, `/end`, `/retry` and `/resolve`: actions on one campaign.

pub(crate) mod end;
pub(crate) mod pause;
pub(crate) mod resolve;
pub(crate) mod retry;

use campaign::{CampaignId, CampaignState, StopReason};
use control::{CampaignPage, CampaignReport, Right};
use maud::{Markup, html};
use serde::Deserialize;

use crate::failure::Failure;
use crate::frame::{Section, sentence};
use crate::page::ask::Ask;
use crate::part::alert;
use crate::part::button::{Weight, dialog, form, form_back, link};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::words::number::counted;
use crate::words::waiting::{Reason, first};

/// What was done before the page was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Done {
    Paused,
    Resumed,
    Ended,
    Retried,
    Resolved,
    Probed,
    SenderResumed,
    SenderPaused,
    Changed,
    Added,
}

impl Done {
    /// The sentence above the page.
    pub(crate) fn draw(self, n: i64) -> Markup {
        let recipients = counted(n, "recipient", "recipients");
        let text = match self {
            Self::Paused => "The campaign is paused. Messages that were being sent are completed.".into(),
            Self::Resumed => "The campaign is resumed.".into(),
            Self::Ended => format!("The campaign is ended; {recipients} were not sent to."),
            Self::Retried => format!("The message is sent again to {recipients}."),
            Self::Resolved => format!("{recipients} are resolved."),
            Self::Probed => "One message is tried now; if it is accepted, sending resumes. If nothing changes within a minute, try again.".into(),
            Self::SenderPaused => "The sender is paused.".into(),
            Self::Changed => "The sender is changed. Workers use the new value within a second.".into(),
            Self::Added => "The sender is added. Copy its webhook address to the provider, and give the consumers its API key.".into(),
            Self::SenderResumed => "The sender is resumed.".into(),
        };
        alert::done(&text)
    }
}

/// Recipients that wait for a first or a further message.
pub(crate) fn waiting(report: &CampaignReport) -> i64 {
    report.pending + report.sending + report.retry
}

fn may(viewer: &Viewer, right: Right) -> bool {
    viewer.caller.rights.has(right)
}

/// The buttons of the page: what the person may do in this state. A campaign that a fault stopped is resumed beside the explanation.
pub(crate) fn buttons(viewer: &Viewer, page: &CampaignPage, is_resumed_here: bool) -> Markup {
    let report = &page.report;
    let (id, state) = (report.campaign_id, report.state.parse::<CampaignState>().ok());
    let address = |action: &str| format!("/campaigns/{id}/{action}");
    let is_open = matches!(state, Some(CampaignState::Running | CampaignState::Paused));
    let is_started = is_open || state == Some(CampaignState::Finished);
    html! {
        @if may(viewer, Right::Send) {
            @if state == Some(CampaignState::Running) { (dialog(&address("pause"), "Pause…", Weight::Plain)) }
            @if state == Some(CampaignState::Paused) && is_resumed_here { (form(&address("resume"), "Resume", Weight::Primary)) }
            @if is_started && report.failed + report.undelivered > 0 { (dialog(&address("retry"), "Retry failed…", Weight::Plain)) }
            @if is_started && report.unknown > 0 { (dialog(&address("resolve"), "Resolve unconfirmed…", Weight::Plain)) }
            @if is_open { (dialog(&address("end"), "End campaign…", Weight::Danger)) }
        }
        @if may(viewer, Right::Numbers) && is_started { (link(&address("download"), "Download…", Weight::Plain)) }
    }
}

/// The main button of a stop of the sender or of the campaign.
pub(crate) fn stop_button(viewer: &Viewer, page: &CampaignPage) -> Markup {
    let report = &page.report;
    let Some((Reason::Stop(reason), _)) = first(&page.waiting, report.campaign_id) else { return html! {} };
    let is_of_campaign = page.stops.iter().any(|stop| {
        stop.ended_at.is_none()
            && stop.stop.campaign_id == Some(report.campaign_id)
            && stop.stop.reason == reason.word()
    });
    let back = format!("/campaigns/{}", report.campaign_id);
    if is_of_campaign {
        // A pause by a person has its button in the heading.
        let is_shown = reason != StopReason::Operator && may(viewer, Right::Send);
        return html! { @if is_shown { (form(&format!("{back}/resume"), "Resume", Weight::Primary)) } };
    }
    sender_button(viewer, &report.sender, reason, &back)
}

/// The main button of a stop of a sender; `back` is the page to return to.
pub(crate) fn sender_button(viewer: &Viewer, sender: &str, reason: StopReason, back: &str) -> Markup {
    if !may(viewer, Right::HoldSenders) {
        return html! { p class="aside" { "An operator can resume the sender." } };
    }
    let address = |action: &str| format!("/senders/{sender}/{action}");
    match (reason.probing(), reason) {
        (Some(_), _) => form_back(&address("probe"), "Retry now", Weight::Primary, back),
        (None, StopReason::DailyCap) => dialog(&address("cap"), "Change the daily cap…", Weight::Plain),
        (None, _) => form_back(&address("resume"), "Resume sender", Weight::Primary, back),
    }
}

/// The campaign that an action is for.
pub(crate) struct Subject {
    pub(crate) report: CampaignReport,
    back: String,
}

impl Subject {
    /// Reads the campaign with the rights of the person.
    pub(crate) async fn read(console: &Console, viewer: &Viewer, id: CampaignId) -> Result<Self, Failure> {
        let reader = console.control.reader().await?;
        let report = Box::pin(reader.report(&viewer.caller, id)).await?;
        Ok(Self { back: format!("/campaigns/{id}"), report })
    }

    /// The form of an action.
    pub(crate) fn ask<'a>(
        &'a self,
        title: &'a str,
        button: &'a str,
        body: Markup,
        error: Option<String>,
    ) -> Ask<'a> {
        Ask {
            name: &self.report.name,
            section: Section::Campaigns,
            back: &self.back,
            title,
            body,
            button,
            weight: Weight::Primary,
            error,
        }
    }
}

/// An error of an action that belongs beside its form; other errors have their own page.
pub(crate) fn beside_form(error: control::Error) -> Result<String, Failure> {
    match error.problem() {
        control::Problem::ConflictState | control::Problem::InvalidBody => Ok(sentence(&error.to_string())),
        _ => Err(error.into()),
    }
}
