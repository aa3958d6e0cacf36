//! Ways into the wizard from other pages.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Redirect;
use campaign::{CampaignId, CampaignState};
use control::{CampaignReport, Right};
use maud::{Markup, html};

use crate::part::button::{Weight, link, submit};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::wizard::{Exit, Step};

/// The button "New campaign", for people who may prepare campaigns.
pub(crate) fn new_campaign(viewer: &Viewer) -> Option<Markup> {
    let may = viewer.caller.rights.has(Right::Prepare);
    may.then(|| link("/campaigns/new", "New campaign", Weight::Primary))
}

/// What can be done with a campaign in the wizard: continue a draft, and duplicate.
pub(crate) fn actions(viewer: &Viewer, report: &CampaignReport) -> Option<Markup> {
    let id = report.campaign_id;
    let is_draft = report.state == CampaignState::Draft.word();
    viewer.caller.rights.has(Right::Prepare).then(|| {
        html! {
            form method="post" action={ "/campaigns/" (id) "/duplicate" } { (submit("Duplicate", Weight::Plain)) }
            @if is_draft { (link(&step_of(report).address(id), "Continue", Weight::Primary)) }
        }
    })
}

/// The step that a draft needs next.
fn step_of(report: &CampaignReport) -> Step {
    if report.recipients() == 0 { Step::List } else { Step::Check }
}

/// What a draft lacks or waits for, as a link to the step; `None` for other campaigns, and for people who may not prepare any.
pub(crate) fn missing(viewer: &Viewer, report: &CampaignReport, is_requested: bool) -> Option<Markup> {
    let is_draft = report.state == CampaignState::Draft.word();
    if is_draft && is_requested {
        let may_open = viewer.caller.rights.has(Right::Prepare) || viewer.caller.rights.has(Right::Send);
        let text = "Waits for a second person";
        return Some(html! {
            @if may_open { a href=(Step::Start.address(report.campaign_id)) { (text) } } @else { (text) }
        });
    }
    (is_draft && viewer.caller.rights.has(Right::Prepare)).then(|| {
        let step = step_of(report);
        let text = if step == Step::List { "Missing: list" } else { "Check and start" };
        html! { a href=(step.address(report.campaign_id)) { (text) } }
    })
}

/// `POST /campaigns/ID/duplicate`
pub(crate) async fn duplicate(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
) -> Result<Redirect, Exit> {
    let done = console.control.clone_campaign(&viewer.caller, CampaignId(id), None).await?;
    Ok(Redirect::to(&Step::Message.address(done.result.campaign_id)))
}

#[cfg(test)]
mod tests {
    use control::{Caller, Role};

    use super::*;
    use crate::viewer::tests::viewer;
    use crate::words::state::tests::report;

    #[test]
    fn only_people_who_may_prepare_campaigns_get_the_ways_into_the_wizard() {
        let marketer = viewer();
        let caller = Caller { rights: Role::Viewer.rights(), ..Caller::command("vera") };
        let reader = Viewer { caller, ..viewer() };
        let draft = report(CampaignState::Draft);
        assert!(new_campaign(&marketer).is_some() && new_campaign(&reader).is_none());
        assert!(actions(&reader, &draft).is_none() && missing(&reader, &draft, false).is_none());
        let drawn = actions(&marketer, &draft).unwrap().into_string();
        assert!(drawn.contains("/campaigns/7/check") && drawn.contains("/campaigns/7/duplicate"), "{drawn}");
        let requested = missing(&marketer, &draft, true).unwrap().into_string();
        assert!(
            requested.contains("/campaigns/7/start") && requested.contains("second person"),
            "{requested}"
        );
        let seen = missing(&reader, &draft, true).unwrap().into_string();
        assert!(seen.contains("Waits for a second person") && !seen.contains("href"), "{seen}");
        let running = report(CampaignState::Running);
        assert!(missing(&marketer, &running, true).is_none());
        assert!(!actions(&marketer, &running).unwrap().into_string().contains("Continue"));
        let empty = CampaignReport { uploaded: 0, ..draft };
        assert!(missing(&marketer, &empty, false).unwrap().into_string().contains("/campaigns/7/list"));
    }
}
