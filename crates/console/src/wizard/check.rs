//! `/campaigns/ID/check`: the third step.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::Redirect;
use campaign::CampaignId;
use control::{Campaign, Check, Finding, KnownTexts, Place, Preview, PreviewRequest, Right};
use maud::{Markup, html};
use serde::Deserialize;

use crate::frame::sentence;
use crate::part::alert::alert;
use crate::part::button::{Weight, link};
use crate::part::card::card;
use crate::preview::phone::{Shown, phone};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::wizard::checked::{Checked, job_part};
use crate::wizard::fields::Fields;
use crate::wizard::trial::Trial;
use crate::wizard::{Exit, Step, StepPage, draft};
use crate::words::Tone;
use crate::words::number::{counted, thousands};

/// The messages that are shown at once.
const SHOWN: u32 = 3;

/// What of the check is shown.
#[derive(Default, Deserialize)]
pub(crate) struct Asked {
    /// Messages of recipients after this row.
    #[serde(default)]
    after: i32,
}

/// What the page shows.
struct Known {
    draft: Campaign,
    checked: Checked,
    messages: Option<Preview>,
    texts: KnownTexts,
    after: i32,
}

/// `GET /campaigns/ID/check`
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
    Query(Asked { after }): Query<Asked>,
) -> Result<Markup, Exit> {
    Box::pin(page(&console, &viewer, id, (after, &Trial::default()))).await
}

/// The page with messages after this row, and what came of test messages.
pub(crate) async fn page(
    console: &Console,
    viewer: &Viewer,
    id: i64,
    (after, trial): (i32, &Trial),
) -> Result<Markup, Exit> {
    let draft = draft(console, viewer, id).await?;
    let checked = Checked::read(console, viewer, &draft).await?;
    let messages = if draft.recipients > 0 && viewer.caller.rights.has(Right::ViewRecipients) {
        let request = PreviewRequest { definition: None, after, limit: Some(SHOWN) };
        // A message that cannot be drawn is a finding of the check.
        console.control.preview_campaign(&viewer.caller, CampaignId(id), request).await.ok()
    } else {
        None
    };
    let texts = console.control.known_texts(&viewer.caller, &draft.definition).await?;
    Ok(draw(viewer, &Known { draft, checked, messages, texts, after }, trial))
}

fn draw(viewer: &Viewer, known: &Known, trial: &Trial) -> Markup {
    let (draft, id) = (&known.draft, known.draft.campaign_id);
    let body = html! {
        @if let Some(waiting) = known.checked.waiting(viewer, id, Step::Check) { (waiting) }
        @if let Checked::Done(check) = &known.checked { (findings(id, check)) }
        @if let Some(messages) = &known.messages { (samples(known, messages)) }
        @if viewer.caller.rights.has(Right::Test) { (trial.card(id)) }
    };
    let can_start = matches!(&known.checked, Checked::Done(check) if check.can_start);
    let next = match (can_start, viewer.caller.rights.has(Right::Send)) {
        (true, true) => Some(link(&Step::Start.address(id), "Next: start", Weight::Primary)),
        (true, false) => Some(html! { p class="hint" { "A person who may start campaigns starts it." } }),
        (false, _) => None,
    };
    let back = (Step::List.address(id), "Back");
    StepPage { step: Step::Check, draft: Some(draft), is_checked: can_start, body, aside: None, next, back }
        .draw(viewer)
}

/// What the check found: what has to be corrected, and what the person should know.
fn findings(id: i64, check: &Check) -> Markup {
    let (must, should): (Vec<&Finding>, Vec<&Finding>) =
        check.findings.iter().partition(|found| found.is_problem);
    html! {
        @if check.can_start {
            @let text = html! { p { "The message can be filled in for " (counted(check.recipients, "recipient", "recipients")) "." } };
            (alert(Tone::Good, "Nothing is missing", &text, None))
        } @else if must.is_empty() {
            // A check of an earlier version has no findings.
            @let text = html! { p { (sentence(check.problem.as_deref().unwrap_or_default())) } };
            (card("Must be corrected before the start", None, &text))
        } @else {
            (card("Must be corrected before the start", None, &list(id, &must)))
        }
        @if !should.is_empty() { (card("Should be known", None, &list(id, &should))) }
    }
}

fn list(id: i64, findings: &[&Finding]) -> Markup {
    html! {
        ul class="findings" {
            @for found in findings {
                li class=(if found.is_problem { "is-bad" } else { "is-warn" }) {
                    p { (sentence(&found.text)) }
                    @let (address, label) = place(id, found.place);
                    a href=(address) { (label) }
                }
            }
        }
    }
}

/// Where a finding is corrected.
fn place(id: i64, place: Place) -> (String, &'static str) {
    match place {
        Place::Message => (Step::Message.address(id), "Edit the message"),
        Place::Lists => (Step::List.address(id), "Go to the list"),
        Place::Times => (Step::Start.address(id), "Change the times"),
        Place::Sender => ("/senders".into(), "Show the sender"),
    }
}

/// Messages filled in with rows of the list.
fn samples(known: &Known, messages: &Preview) -> Markup {
    let id = known.draft.campaign_id;
    let last = messages.items.last().and_then(|item| item.seq);
    let more = last.filter(|last| *last < messages.recipients);
    let aside = html! {
        @if known.after > 0 { a href=(Step::Check.address(id)) { "First rows" } " " }
        @if let Some(last) = more { a href={ (Step::Check.address(id)) "?after=" (last) } { "Next " (SHOWN) } }
    };
    let body = html! {
        div class="phones" {
            @for item in &messages.items {
                div class="stack" {
                    @if let Some(seq) = item.seq { h3 { "Recipient " (thousands(seq)) } }
                    (phone(item, Shown::of(&known.draft.definition, &known.texts)))
                }
            }
        }
    };
    card("Messages with rows of your list", Some(&aside), &body)
}

/// `GET /campaigns/ID/check/job`: whether the check has ended.
pub(crate) async fn job(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
) -> Result<Markup, Exit> {
    let draft = draft(&console, &viewer, id).await?;
    let checked = Checked::read(&console, &viewer, &draft).await?;
    Ok(job_part(matches!(checked, Checked::Running)))
}

/// `POST /campaigns/ID/check`
pub(crate) async fn begin(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Result<Redirect, Exit> {
    let draft = draft(&console, &viewer, id).await?;
    Checked::ensure(&console, &viewer, &draft).await?;
    let is_start = Fields::sent(sent).get("then") == "start";
    let step = if is_start { Step::Start } else { Step::Check };
    Ok(Redirect::to(&step.address(id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewer::tests::viewer;
    use crate::wizard::checked::tests::check;

    fn known(findings: Vec<Finding>) -> Known {
        let can_start = findings.iter().all(|found| !found.is_problem);
        let check = Check { findings, can_start, ..check() };
        let draft = crate::wizard::tests::draft(1_000_000);
        Known {
            draft,
            checked: Checked::Done(Box::new(check)),
            messages: None,
            texts: KnownTexts::default(),
            after: 0,
        }
    }

    fn found(is_problem: bool, place: Place, text: &str) -> Finding {
        Finding { is_problem, place, text: text.into() }
    }

    #[test]
    fn findings_are_grouped_and_lead_to_what_corrects_them() {
        let all = vec![
            found(true, Place::Lists, "3 recipients lack <city>"),
            found(false, Place::Times, "the deadline is before the end"),
            found(false, Place::Sender, "sender ke is stopped"),
            found(false, Place::Message, "only testers can open it"),
        ];
        let page = draw(&viewer(), &known(all), &Trial::default()).into_string();
        let (must, should) = page.split_once("Should be known").unwrap();
        assert!(must.contains("Must be corrected") && must.contains("lack &lt;city&gt;."), "{must}");
        for address in ["/campaigns/7/start", "/senders", "/campaigns/7/message"] {
            assert!(should.contains(&format!("href=\"{address}\"")), "{address}");
        }
        assert!(!page.contains("Next: start") && !page.contains("Nothing is missing"));
    }

    #[test]
    fn a_check_of_an_earlier_version_without_findings_shows_its_problem() {
        let check = Check { can_start: false, problem: Some("3 lack <city>".into()), ..check() };
        let page = draw(
            &viewer(),
            &Known { checked: Checked::Done(Box::new(check)), ..known(vec![]) },
            &Trial::default(),
        );
        let page = page.into_string();
        assert!(page.contains("3 lack &lt;city&gt;.") && !page.contains("Nothing is missing"), "{page}");
    }

    #[test]
    fn the_next_step_is_for_people_who_may_start_campaigns() {
        let page =
            draw(&viewer(), &known(vec![found(false, Place::Sender, "x")]), &Trial::default()).into_string();
        assert!(page.contains("Next: start") && page.contains("Nothing is missing"), "{page}");
        let rights = [Right::View, Right::Prepare].into_iter().collect();
        let caller = control::Caller { rights, ..control::Caller::command("paul") };
        let preparer = Viewer { caller, ..viewer() };
        let page = draw(&preparer, &known(vec![]), &Trial::default()).into_string();
        assert!(!page.contains("Next: start") && !page.contains("Send a test message"), "{page}");
    }
}
