//! `/campaigns/ID/list`: the second step.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Redirect, Response};
use campaign::CampaignId;
use control::{Campaign, Job, KnownTexts, PageRequest, PreviewItem, PreviewRequest, Right};
use listener::downloads;
use maud::{Markup, html};

use crate::failure::Failure;
use crate::frame::sentence;
use crate::part::alert::form_error;
use crate::part::button::{Weight, submit};
use crate::part::card::card;
use crate::preview::phone::{Shown, phone};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::wizard::import_job::{self, RUNNING};
use crate::wizard::imported::Imported;
use crate::wizard::upload_form::{self, Begin};
use crate::wizard::{Exit, Step, StepPage, draft, next_button};
use crate::words::number::counted;

/// The jobs of a campaign that are looked through.
const MOST_JOBS: u32 = 100;

/// What the page shows.
struct Known {
    draft: Campaign,
    lists: Vec<Imported>,
    /// The newest import.
    newest: Option<Job>,
    first: Option<(PreviewItem, KnownTexts)>,
    /// The letters of the country with which an upload begins.
    country: String,
}

impl Known {
    async fn read(console: &Console, viewer: &Viewer, id: i64) -> Result<Self, Exit> {
        // First: if the newest import has ended, draft and lists have all that it brought. A page with a running one is read again.
        let imports = imports(console, viewer, id).await?;
        let draft = draft(console, viewer, id).await?;
        let mut lists = Vec::new();
        for report in console.control.list_reports(&viewer.caller, CampaignId(id)).await? {
            let is_own = |job: &&Job| job.result.as_ref().is_some_and(|result| result["list"] == report.list);
            let job = imports.iter().find(is_own).cloned();
            let rejected = rejected(console, viewer, id, report.list, report.rejected).await?;
            let has_annotated = match &job {
                Some(job) => console.control.annotated_list(&viewer.caller, job.job_id).await.is_ok(),
                None => false,
            };
            lists.push(Imported { report, job, rejected, has_annotated });
        }
        lists.reverse();
        let first = if draft.recipients > 0 && viewer.caller.rights.has(Right::ViewRecipients) {
            let request = PreviewRequest { definition: None, after: 0, limit: Some(1) };
            // A message that cannot be drawn is a finding of the check.
            let preview = console.control.preview_campaign(&viewer.caller, CampaignId(id), request).await;
            preview.ok().and_then(|preview| preview.items.into_iter().next())
        } else {
            None
        };
        let first = match first {
            Some(item) => Some((item, console.control.known_texts(&viewer.caller, &draft.definition).await?)),
            None => None,
        };
        let country = console.country.as_ref().map(|country| country.letters.clone()).unwrap_or_default();
        Ok(Self { draft, lists, newest: imports.into_iter().next(), first, country })
    }

    fn is_running(&self) -> bool {
        self.newest.as_ref().is_some_and(|job| job.state == RUNNING)
    }
}

/// The imports of a campaign, the newest first.
async fn imports(console: &Console, viewer: &Viewer, id: i64) -> Result<Vec<Job>, Exit> {
    let mut jobs = console.control.jobs_of(&viewer.caller, CampaignId(id), None, MOST_JOBS).await?;
    jobs.retain(|job| job.kind == "import");
    Ok(jobs)
}

async fn rejected(
    console: &Console,
    viewer: &Viewer,
    id: i64,
    list: i64,
    rows: i32,
) -> Result<Vec<control::RejectedRow>, Exit> {
    if rows == 0 || !viewer.caller.rights.has(Right::ViewRecipients) {
        return Ok(Vec::new());
    }
    let page = PageRequest { after: None, limit: Some(control::MAX_LIMIT) };
    Ok(console.control.rejections(&viewer.caller, CampaignId(id), list, &page).await?.items)
}

/// `GET /campaigns/ID/list`
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
) -> Result<Markup, Exit> {
    Box::pin(page(&console, &viewer, id, None)).await
}

/// The page, with what was wrong with an upload.
pub(crate) async fn page(
    console: &Console,
    viewer: &Viewer,
    id: i64,
    error: Option<&str>,
) -> Result<Markup, Exit> {
    let known = Box::pin(Known::read(console, viewer, id)).await?;
    let bytes = known.newest.as_ref().and_then(|job| console.control.import_bytes(job));
    let job = match &known.newest {
        Some(job) if job.state == RUNNING => import_job::running(viewer, id, job, bytes),
        Some(job) if error.is_none() => import_job::failed(job),
        Some(_) | None => html! {},
    };
    Ok(draw(viewer, &known, (&job, error), console.uploads.limits.max_bytes))
}

fn draw(viewer: &Viewer, known: &Known, (job, error): (&Markup, Option<&str>), max_bytes: u64) -> Markup {
    let (draft, id) = (&known.draft, known.draft.campaign_id);
    let is_wrong = error.is_some() || known.newest.as_ref().is_some_and(|job| job.state == "failed");
    let title = if known.lists.is_empty() { "Upload the list" } else { "Upload another list" };
    // The newest list says whether a country is missing.
    let is_again = known.lists.first().is_some_and(Imported::lacks_country);
    let begin = Begin {
        has_list: !known.lists.is_empty(),
        is_open: is_wrong,
        country: known.country.clone(),
        is_again,
    };
    let form = upload_form::form(&Step::List.address(id), max_bytes, &begin);
    let body = html! {
        @if let Some(error) = error { (form_error(&sentence(error))) }
        (job)
        @if known.lists.len() > 1 {
            p class="hint" { "The campaign has " b { (counted(draft.recipients.into(), "recipient", "recipients")) } " from " (known.lists.len()) " lists." }
        }
        @for (n, list) in known.lists.iter().enumerate() { (list.draw(id, n == 0)) }
        @if !known.is_running() { (card(title, None, &form)) }
        @if !known.lists.is_empty() && !known.is_running() { (start_over(id)) }
        form id="check" method="post" action=(Step::Check.address(id)) {}
    };
    let can_go_on = draft.recipients > 0 && !known.is_running();
    let aside = known.first.as_ref().map(|(item, texts)| {
        html! {
            h2 { "What the first recipient gets" }
            (phone(item, Shown::of(&draft.definition, texts)))
        }
    });
    StepPage {
        step: Step::List,
        draft: Some(draft),
        is_checked: false,
        body,
        aside,
        next: can_go_on.then(|| next_button("check", "Next: check")),
        back: (Step::Message.address(id), "Back"),
    }
    .draw(viewer)
}

fn start_over(id: i64) -> Markup {
    html! {
        details class="more" {
            summary { "Remove the lists…" }
            form class="stack" method="post" action={ "/campaigns/" (id) "/list/remove" } {
                p class="hint" { "The draft is replaced by a new one with the same message and without lists. It cannot be undone." }
                div class="actions" { (submit("Remove all lists of this draft", Weight::Danger)) }
            }
        }
    }
}

/// `GET /campaigns/ID/list/job`: the progress of the newest import.
pub(crate) async fn job(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
) -> Result<Markup, Exit> {
    let newest = imports(&console, &viewer, id).await?.into_iter().next();
    let drawn = newest.map(|job| import_job::progress(&viewer, &job, console.control.import_bytes(&job)));
    Ok(drawn.unwrap_or_default())
}

/// `POST /campaigns/ID/list/job/JOB/give-up`
pub(crate) async fn give_up(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path((id, job)): Path<(i64, i64)>,
) -> Result<Redirect, Exit> {
    match console.control.give_up_job(&viewer.caller, job).await {
        Ok(_) => {}
        // It ended meanwhile; the page shows its result.
        Err(error) if error.problem() == control::Problem::ConflictState => {}
        Err(error) => return Err(error.into()),
    }
    Ok(Redirect::to(&Step::List.address(id)))
}

/// `GET /campaigns/ID/list/annotated/JOB`: the list with its errors.
pub(crate) async fn annotated(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path((id, job)): Path<(i64, i64)>,
) -> Result<Response, Exit> {
    let file = console.control.annotated_list(&viewer.caller, job).await?;
    Ok(downloads::complete(file, downloads::CSV, &format!("campaign-{id}-errors.csv"))
        .map_err(|_| Failure::of_status(StatusCode::INTERNAL_SERVER_ERROR))?)
}

/// `POST /campaigns/ID/list/remove`: a list cannot be taken out of a draft, so a new draft takes the place of this one.
pub(crate) async fn remove(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
) -> Result<Redirect, Exit> {
    let old = draft(&console, &viewer, id).await?;
    let (caller, name) = (&viewer.caller, old.definition.name.as_str());
    let new = console.control.clone_campaign(caller, CampaignId(id), Some(name)).await?.result.campaign_id;
    console.control.delete_campaign(caller, CampaignId(id)).await?;
    Ok(Redirect::to(&Step::List.address(new)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewer::tests::viewer;
    use crate::wizard::import_job::tests::job;

    fn page(recipients: i32, newest: Option<Job>, error: Option<&str>) -> String {
        let draft = crate::wizard::tests::draft(recipients);
        let known = Known { draft, lists: Vec::new(), newest, first: None, country: String::new() };
        draw(&viewer(), &known, (&html! {}, error), 512 << 20).into_string()
    }

    #[test]
    fn the_next_step_needs_recipients_and_no_running_import() {
        assert!(!page(0, None, None).contains("Next: check"));
        assert!(page(5, None, None).contains("Next: check"));
        let running = page(5, Some(job(RUNNING)), None);
        assert!(!running.contains("Next: check") && !running.contains(r#"type="file""#), "{running}");
    }

    #[test]
    fn a_refused_upload_says_why_and_shows_the_options() {
        let refused = page(0, None, Some("the <list> is empty"));
        assert!(
            refused.contains("The &lt;list&gt; is empty.")
                && refused.contains("<details class=\"more\" open>"),
            "{refused}"
        );
        assert!(!page(0, None, None).contains("open>"));
    }
}
