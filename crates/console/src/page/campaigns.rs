//! `/campaigns`: the campaigns, the newest first.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Query, State};
use campaign::{CampaignId, CampaignState};
use control::{CampaignFilter, CampaignLine, Page as Rows, PageRequest, SenderView, Waiting};
use maud::{Markup, html};
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use crate::chart::sparkline;
use crate::failure::Failure;
use crate::frame::{Page, Section};
use crate::part::card::{empty, flush};
use crate::part::filter::{Choice, filter_bar, search, select};
use crate::part::follow::Follow;
use crate::part::parts::Parts;
use crate::part::table::{Kind, column, table};
use crate::session::Console;
use crate::shown::campaigns::{self, CELLS, place};
use crate::viewer::Viewer;
use crate::wizard::links;
use crate::words::number::counted;
use crate::words::provider;

/// The campaigns of a page.
const LIMIT: u32 = 25;

/// Which campaigns are shown.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    state: String,
    sender: String,
    q: String,
    after: String,
}

impl Asked {
    fn is_filtered(&self) -> bool {
        !(self.state.is_empty() && self.sender.is_empty() && self.q.is_empty())
    }

    fn filter(&self) -> CampaignFilter {
        let given = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        CampaignFilter {
            states: given(&self.state).map(|state| vec![state]),
            senders: given(&self.sender).map(|sender| vec![sender]),
            text: given(&self.q),
        }
    }

    /// The address of the page after this campaign.
    fn next(&self, after: &str) -> String {
        self.address("/campaigns", after)
    }

    fn address(&self, page: &str, after: &str) -> String {
        let mut query = Serializer::new(String::new());
        for (name, value) in [("state", &self.state), ("sender", &self.sender), ("q", &self.q)] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        if !after.is_empty() {
            query.append_pair("after", after);
        }
        format!("{page}?{}", query.finish())
    }
}

/// `GET /campaigns`
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Markup, Failure> {
    let listed = read(&console, &viewer, &asked).await?;
    Ok(draw(&viewer, &asked, &listed))
}

/// `GET /campaigns/parts`: all live parts, for a page that has no stream.
pub(crate) async fn all_parts(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Markup, Failure> {
    Ok(drawn(&viewer, &read(&console, &viewer, &asked).await?).all())
}

/// Reads with one connection.
async fn read(console: &Console, viewer: &Viewer, asked: &Asked) -> Result<Listed, Failure> {
    let (reader, caller) = (console.control.reader().await?, &viewer.caller);
    let after = Some(asked.after.clone()).filter(|after| !after.is_empty());
    let before = PageRequest { after, limit: None }.after_id()?.map(CampaignId);
    let all = PageRequest { after: None, limit: Some(control::MAX_LIMIT) };
    let lines = reader.campaign_lines(caller, asked.filter(), before, LIMIT + 1).await?;
    let requested = reader.requested_starts(caller, &drafts(&lines)).await?;
    let waiting = reader.waiting(caller, None).await?;
    let senders = reader.senders(caller, &all).await?.items;
    let lines = Rows::of(lines, LIMIT, |line| line.report.campaign_id.to_string());
    Ok(Listed { lines, requested, waiting, senders })
}

/// The drafts of a page, each with its recipients.
fn drafts(lines: &[CampaignLine]) -> Vec<(CampaignId, i64)> {
    let drafts = lines.iter().filter(|line| line.report.state == CampaignState::Draft.word());
    drafts.map(|line| (CampaignId(line.report.campaign_id), line.report.recipients())).collect()
}

/// What the page shows.
struct Listed {
    lines: Rows<CampaignLine>,
    /// Drafts that wait for a second person.
    requested: BTreeSet<CampaignId>,
    waiting: Vec<Waiting>,
    senders: Vec<SenderView>,
}

fn draw(viewer: &Viewer, asked: &Asked, listed: &Listed) -> Markup {
    let (parts, lines) = (drawn(viewer, listed), &listed.lines);
    let body = html! {
        (parts.slot("stops"))
        (list(viewer, asked, listed, &parts))
    };
    let page = Page::new("Campaigns", Section::Campaigns, body);
    let follow = (!lines.items.is_empty()).then(|| follow(asked, lines));
    Page {
        summary: Some(parts.inline("summary")),
        actions: links::new_campaign(viewer),
        follow,
        live: Some(parts),
        ..page
    }
    .draw(viewer)
}

fn follow(asked: &Asked, lines: &Rows<CampaignLine>) -> Follow {
    let ids: Vec<String> = lines.items.iter().map(|line| line.report.campaign_id.to_string()).collect();
    Follow {
        stream: format!("/campaigns/live?ids={}", ids.join(",")),
        parts: asked.address("/campaigns/parts", &asked.after),
    }
}

fn drawn(viewer: &Viewer, listed: &Listed) -> Parts {
    let reports = listed.lines.items.iter().map(|line| &line.report);
    let mut parts = campaigns::of(reports, &listed.waiting, &listed.senders, viewer.clock());
    parts.add_mark(true, viewer.clock());
    parts
}

fn list(viewer: &Viewer, asked: &Asked, listed: &Listed, parts: &Parts) -> Markup {
    let Listed { lines, requested, senders, .. } = listed;
    let is_first = asked.after.is_empty();
    if lines.items.is_empty() && !asked.is_filtered() && is_first {
        let text = html! {
            "Write a message, upload a list, check both, and start. Campaigns that are created with "
            code { "flowcast campaign create" } " or the API appear here at once."
        };
        return flush(None, &empty("No campaign yet", &text, links::new_campaign(viewer).as_ref()));
    }
    let columns = [
        column("Campaign", Kind::Name),
        column("State", Kind::Text),
        column("Progress", Kind::Wide),
        column("When", Kind::Quiet),
        column("Last hour", Kind::Quiet),
        column("Delivered", Kind::Number),
        column("Answered", Kind::Number),
    ];
    let rows: Vec<Vec<Markup>> =
        lines.items.iter().map(|line| row(viewer, (line, requested), parts)).collect();
    let body = html! {
        (filters(asked, senders))
        @if rows.is_empty() { (empty("No campaign found", &html! { "No campaign has this name, state and sender." }, None)) }
        @else { (table("Campaigns, the newest first", &columns, &rows)) }
        div class="pager" {
            span { (counted(i64::try_from(rows.len()).unwrap_or(0), "campaign", "campaigns")) }
            @if !is_first { a href="/campaigns" { "← Newest" } }
            @if let Some(after) = &lines.next { a href=(asked.next(after)) { "Older →" } }
        }
    };
    flush(None, &body)
}

fn row(
    viewer: &Viewer,
    (line, requested): (&CampaignLine, &BTreeSet<CampaignId>),
    parts: &Parts,
) -> Vec<Markup> {
    let report = &line.report;
    let is_requested = requested.contains(&CampaignId(report.campaign_id));
    let cell = |name| parts.inline(&place(report.campaign_id, name));
    #[expect(clippy::cast_precision_loss, reason = "a line of a few pixels")]
    let last_hour: Vec<f64> =
        line.last_hour.chunks(3).map(|minutes| minutes.iter().sum::<i64>() as f64).collect();
    let [state, progress, when, delivered, answered] = CELLS;
    vec![
        html! {
            a class="title" href={ "/campaigns/" (report.campaign_id) } { (report.name) }
            small { (report.sender) " · " (provider::name(&report.provider)) }
        },
        cell(state),
        cell(progress),
        links::missing(viewer, report, is_requested).unwrap_or_else(|| cell(when)),
        sparkline(&last_hour),
        cell(delivered),
        cell(answered),
    ]
}

fn filters(asked: &Asked, senders: &[SenderView]) -> Markup {
    let mut states: Vec<Choice<'_>> = vec![("", "All states")];
    states.extend(CampaignState::ALL.iter().map(|state| (state.word(), label(*state))));
    let mut names: Vec<Choice<'_>> = vec![("", "All senders")];
    names.extend(senders.iter().map(|sender| (sender.name.as_str(), sender.name.as_str())));
    let fields = html! {
        (search("q", "Search", "Campaign name", &asked.q))
        (select("state", "State", &states, &asked.state))
        (select("sender", "Sender", &names, &asked.sender))
    };
    filter_bar("/campaigns", &fields, asked.is_filtered())
}

/// The label of a state in the filter.
fn label(state: CampaignState) -> &'static str {
    match state {
        CampaignState::Draft => "Draft",
        CampaignState::Running => "Running",
        CampaignState::Paused => "Paused or stopped",
        CampaignState::Finished => "Completed",
        CampaignState::Cancelled => "Ended",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewer::tests::viewer;
    use crate::words::state::tests::{report, wait};

    fn page(asked: &Asked, waiting: &[Waiting]) -> String {
        let line = |state| CampaignLine { report: report(state), last_hour: vec![5; 60] };
        let lines = Rows {
            items: vec![line(CampaignState::Running), line(CampaignState::Draft)],
            next: Some("3".into()),
        };
        draw(&viewer(), asked, &listed(lines, waiting)).into_string()
    }

    fn listed(lines: Rows<CampaignLine>, waiting: &[Waiting]) -> Listed {
        Listed { lines, requested: BTreeSet::new(), waiting: waiting.to_vec(), senders: vec![] }
    }

    #[test]
    fn a_row_has_its_state_in_words_and_links_to_its_campaign() {
        let page = page(&Asked::default(), &[wait("rate", Some("2026-12-01T06:00:00Z"))]);
        for expected in [
            r#"<a class="title" href="/campaigns/7">September</a><small>ke-main · Kaleyra</small>"#,
            r#"<span class="badge good">Sending</span>"#,
            "700 / 1,000",
            "done by about",
            r#"<p class="sub"><span id="live-summary">1 sending</span></p>"#,
            r#"href="/campaigns?after=3""#,
        ] {
            assert!(page.contains(expected), "{expected} is not in {page}");
        }
        assert!(!page.contains("-0 "));
    }

    #[test]
    fn filters_stay_in_the_address_of_the_next_page_and_are_escaped() {
        let asked = Asked { q: "a&b \"<".into(), state: "running".into(), ..Asked::default() };
        let page = page(&asked, &[]);
        assert!(page.contains("/campaigns?state=running&amp;q=a%26b+%22%3C&amp;after=3"), "{page}");
        assert!(
            page.contains(r#"value="a&amp;b &quot;&lt;""#) && page.contains(r#"value="running" selected"#),
            "{page}"
        );
        let filter = asked.filter();
        assert_eq!(
            (filter.states, filter.senders, filter.text),
            (Some(vec!["running".into()]), None, Some("a&b \"<".into()))
        );
    }

    #[test]
    fn an_installation_without_campaigns_says_what_to_do() {
        let none = listed(Rows { items: Vec::new(), next: None }, &[]);
        let page = draw(&viewer(), &Asked::default(), &none).into_string();
        assert!(page.contains("No campaign yet") && page.contains("flowcast campaign create"), "{page}");
        let asked = Asked { q: "x".into(), ..Asked::default() };
        assert!(draw(&viewer(), &asked, &none).into_string().contains("No campaign found"));
    }
}
