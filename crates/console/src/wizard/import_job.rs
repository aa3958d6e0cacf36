//! The import of a list while it runs, and why it failed.

use control::{ImportBytes, Job};
use maud::{Markup, html};

use crate::chart;
use crate::frame::sentence;
use crate::part::alert::alert;
use crate::part::button::{Weight, form};
use crate::part::card::card;
use crate::viewer::Viewer;
use crate::words::Tone;
use crate::words::number::{counted, percent};
use crate::words::time::about;

/// What the refusal of a file that the campaign has already says.
const SAME_FILE: &str = "has this very file already";
/// The state of a job that runs.
pub(crate) const RUNNING: &str = "running";
/// The state of a job that is done.
pub(crate) const DONE: &str = "done";

/// The progress, which the page asks for every second.
pub(crate) fn running(viewer: &Viewer, id: i64, job: &Job, bytes: Option<ImportBytes>) -> Markup {
    let address = format!("/campaigns/{id}/list/job");
    let stop =
        form(&format!("/campaigns/{id}/list/job/{}/give-up", job.job_id), "Stop the import", Weight::Plain);
    let body = html! {
        div id="job" hx-get=(address) hx-trigger="every 1s" hx-swap="innerHTML" hx-nonce=(viewer.visit.nonce) { (progress(viewer, job, bytes)) }
        p class="hint" {
            "You may leave this page; the import goes on. Without JavaScript, "
            a href={ "/campaigns/" (id) "/list" } { "reload the page" } " to see its progress."
        }
    };
    card("Import", Some(&stop), &body)
}

/// The part that is asked for again. At its end the page is loaded anew.
pub(crate) fn progress(viewer: &Viewer, job: &Job, bytes: Option<ImportBytes>) -> Markup {
    if job.state != RUNNING {
        return html! { p data-reload="" { "The import has ended. " a href="" { "Show the result" } } };
    }
    let part = bytes.map(|bytes| (as_i64(bytes.read), as_i64(bytes.total)));
    html! {
        @if let Some((read, total)) = part { div class="cap" { (chart::share(read, total)) } }
        p {
            b { (counted(job.done, "row", "rows")) } " read"
            @if let Some((read, total)) = part { " · " (percent(read, total)) " of " (size(total)) }
            @if let Some(left) = left(viewer, job, part) { " · " (left) }
        }
    }
}

fn as_i64(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// The time that is left, by the bytes that were read.
fn left(viewer: &Viewer, job: &Job, part: Option<(i64, i64)>) -> Option<String> {
    let (read, total) = part?;
    if read >= total {
        return Some("storing the recipients".into());
    }
    let passed = viewer.visit.now.duration_since(job.created_at).as_secs().max(0);
    // The first second says nothing.
    if read == 0 || passed < 1 {
        return None;
    }
    let seconds = passed.saturating_mul(total - read) / read;
    Some(format!("{} left", about(u64::try_from(seconds).unwrap_or(0))))
}

/// A size in bytes as people read it.
pub(crate) fn size(bytes: i64) -> String {
    match bytes {
        ..1_024 => counted(bytes, "byte", "bytes"),
        1_024..1_048_576 => format!("{} KiB", bytes / 1_024),
        _ => format!("{} MiB", bytes / 1_048_576),
    }
}

/// Why the newest import failed, if it did.
pub(crate) fn failed(job: &Job) -> Markup {
    if job.state == RUNNING || job.state == DONE {
        return html! {};
    }
    let title =
        if job.state == "interrupted" { "The import was interrupted" } else { "The list was not imported" };
    let detail = job.detail.as_deref().unwrap_or("nothing was imported; upload the list again");
    let text = html! {
        p { (sentence(detail)) }
        @if detail.contains(SAME_FILE) {
            p { "To read it again, with another country or column, check “Import the list even if this campaign has the same file already” below. Recipients that were imported count as duplicates and get one message." }
        }
        @if detail.contains("--") { p { "The options are below, behind “That is wrong…”." } }
    };
    alert(Tone::Bad, title, &text, None)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::viewer::tests::viewer;

    /// An import that began 10 s ago.
    pub(crate) fn job(state: &str) -> Job {
        Job {
            job_id: 9,
            kind: "import".into(),
            campaign_id: Some(7),
            state: state.into(),
            done: 250_000,
            total: None,
            result: None,
            problem: None,
            detail: None,
            actor: "marta".into(),
            created_at: "2026-11-30T11:02:21Z".parse().unwrap(),
            finished_at: None,
        }
    }

    #[test]
    fn a_running_import_shows_rows_bytes_and_the_time_left() {
        let bytes = Some(ImportBytes { read: 10 << 20, total: 40 << 20 });
        let drawn = progress(&viewer(), &job(RUNNING), bytes).into_string();
        assert!(drawn.contains("<b>250,000 rows</b> read · 25 % of 40 MiB · about 30 s left"), "{drawn}");
        let stored = Some(ImportBytes { read: 40 << 20, total: 40 << 20 });
        assert!(progress(&viewer(), &job(RUNNING), stored).into_string().contains("storing the recipients"));
        let elsewhere = progress(&viewer(), &job(RUNNING), None).into_string();
        assert!(elsewhere.contains("<b>250,000 rows</b> read</p>"), "{elsewhere}");
        assert!(progress(&viewer(), &job(DONE), None).into_string().contains("data-reload"));
    }

    #[test]
    fn a_failed_import_says_why_and_that_nothing_was_imported() {
        let interrupted = Job {
            detail: Some(
                "the server that executed it ended; nothing was imported; upload the list again".into(),
            ),
            ..job("interrupted")
        };
        let drawn = failed(&interrupted).into_string();
        assert!(
            drawn.contains("The import was interrupted") && drawn.contains("nothing was imported"),
            "{drawn}"
        );
        let option = Job { detail: Some("name it with --number-column <x>".into()), ..job("failed") };
        let drawn = failed(&option).into_string();
        assert!(drawn.contains("That is wrong…") && drawn.contains("&lt;x&gt;"), "{drawn}");
        let same =
            Job { detail: Some("campaign 7 has this very file already: 'a.csv'".into()), ..job("failed") };
        assert!(failed(&same).into_string().contains("To read it again"));
        assert!(failed(&job(DONE)).into_string().is_empty());
    }
}
