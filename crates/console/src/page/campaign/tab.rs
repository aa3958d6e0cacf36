//! What the further pages of a campaign have in common.

use control::CampaignReport;
use maud::{Markup, html};

use crate::frame::{Page, Section};
use crate::page::campaign::tabs::Tab;
use crate::part::badge::badge;
use crate::viewer::Viewer;
use crate::words::state;

/// A further page of a campaign.
pub(crate) fn page(viewer: &Viewer, report: &CampaignReport, tab: Tab, body: &Markup) -> Markup {
    let state = state::of(report, &[], viewer.clock());
    let body = html! { (tab.draw(viewer, report.campaign_id)) (body) };
    let badge = badge(state.tone, state.short.as_deref().unwrap_or(&state.text));
    let page = Page::new(&report.name, Section::Campaigns, body);
    // Without what the recipients wait for, a running campaign has no exact state.
    let is_exact = !["running", "paused"].contains(&&*report.state);
    Page { parent: Some(("/campaigns", "Campaigns")), badge: is_exact.then_some(badge), ..page }.draw(viewer)
}
