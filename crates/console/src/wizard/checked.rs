//! The check of a draft: a job whose result is kept for the version and the lists that it has seen.

use campaign::CampaignId;
use control::{Campaign, Check, Job};
use maud::{Markup, html};

use crate::frame::sentence;
use crate::part::alert::alert;
use crate::part::button::{Weight, submit};
use crate::part::card::card;
use crate::session::Console;
use crate::viewer::Viewer;
use crate::wizard::import_job::{DONE, RUNNING};
use crate::wizard::{Exit, Step};
use crate::words::Tone;

/// The jobs of a campaign that are looked through.
const MOST_JOBS: u32 = 20;

/// The check of a draft as it is now.
pub(crate) enum Checked {
    /// There is none: nothing was checked, or the draft or its lists were changed since.
    No { was_changed: bool },
    /// It is being checked.
    Running,
    /// The check failed.
    Failed(String),
    /// The result.
    Done(Box<Check>),
}

impl Checked {
    /// The newest check of a draft.
    pub(crate) async fn read(console: &Console, viewer: &Viewer, draft: &Campaign) -> Result<Self, Exit> {
        let id = CampaignId(draft.campaign_id);
        let jobs = console.control.jobs_of(&viewer.caller, id, None, MOST_JOBS).await?;
        Ok(Self::of(&draft.fingerprint(), jobs))
    }

    fn of(fingerprint: &str, jobs: Vec<Job>) -> Self {
        let mut checks = jobs.into_iter().filter(|job| job.kind == "check");
        let Some(newest) = checks.next() else { return Self::No { was_changed: false } };
        if newest.state == RUNNING {
            return Self::Running;
        }
        if newest.state != DONE {
            return Self::Failed(
                newest.detail.unwrap_or_else(|| "the check did not end; check again".into()),
            );
        }
        let check = newest.result.and_then(|result| serde_json::from_value::<Check>(result).ok());
        match check {
            Some(check) if check.fingerprint == fingerprint => Self::Done(Box::new(check)),
            Some(_) | None => Self::No { was_changed: true },
        }
    }

    /// Begins a check, unless the draft is being checked or was checked as it is now.
    pub(crate) async fn ensure(console: &Console, viewer: &Viewer, draft: &Campaign) -> Result<(), Exit> {
        match Self::read(console, viewer, draft).await? {
            Self::Running | Self::Done(_) => Ok(()),
            Self::No { .. } | Self::Failed(_) => Self::begin(console, viewer, draft.campaign_id).await,
        }
    }

    /// Begins a check.
    pub(crate) async fn begin(console: &Console, viewer: &Viewer, id: i64) -> Result<(), Exit> {
        console.control.begin_check(&viewer.caller, CampaignId(id)).await?;
        Ok(())
    }

    /// What a step shows until there is a result. `step` is the step that is shown.
    pub(crate) fn waiting(&self, viewer: &Viewer, id: i64, step: Step) -> Option<Markup> {
        let again = html! {
            form method="post" action=(Step::Check.address(id)) {
                input type="hidden" name="then" value=(if step == Step::Start { "start" } else { "check" });
                (submit("Check now", Weight::Primary))
            }
        };
        match self {
            Self::Done(_) => None,
            Self::Running => Some(running(viewer, id, step)),
            Self::Failed(why) => {
                Some(alert(Tone::Bad, "The check failed", &html! { p { (sentence(why)) } }, Some(&again)))
            }
            Self::No { was_changed: true } => {
                let text = html! { p { "The message, the times or the lists were changed since the last check. It is needed again before the start." } };
                Some(alert(Tone::Warn, "The check is outdated", &text, Some(&again)))
            }
            Self::No { was_changed: false } => {
                let text = html! { p { "The check fills in the message for every recipient, and estimates time and cost. Nothing is sent." } };
                Some(alert(Tone::Info, "Not checked yet", &text, Some(&again)))
            }
        }
    }
}

fn running(viewer: &Viewer, id: i64, step: Step) -> Markup {
    let body = html! {
        div id="job" hx-get={ (Step::Check.address(id)) "/job" } hx-trigger="every 1s" hx-swap="innerHTML" hx-nonce=(viewer.visit.nonce) { (job_part(true)) }
        p class="hint" { "Without JavaScript, " a href=(step.address(id)) { "reload the page" } " until the result is there." }
    };
    card("Check", None, &body)
}

/// The part that is asked for again.
pub(crate) fn job_part(is_running: bool) -> Markup {
    html! {
        @if is_running { p { "The message is being filled in for every recipient." } }
        @else { p data-reload="" { "The check has ended. " a href="" { "Show the result" } } }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::viewer::tests::viewer;
    use crate::wizard::import_job::tests::job;

    /// The check of 1,000,000 recipients.
    pub(crate) fn check() -> Check {
        serde_json::from_value(serde_json::json!({
            "campaign_id": 7, "can_start": true, "problem": null, "warnings": [], "findings": [], "lists": [],
            "uploaded": 1_004_310, "duplicates": 200, "suppressed": 110, "excluded": 0, "rejected": 4_000,
            "recipients": 1_000_000, "begins_at": "2026-11-30T11:00:00Z", "seconds": 12_500,
            "finished_at": "2026-11-30T14:28:20Z", "deadline_at": null, "too_late": 0, "cost": null, "samples": [],
            "fingerprint": "3-1000000",
        }))
        .unwrap()
    }

    #[test]
    fn a_check_counts_for_the_version_and_the_lists_that_it_has_seen_only() {
        let done = Job { kind: "check".into(), result: serde_json::to_value(check()).ok(), ..job(DONE) };
        let of = |fingerprint: &str, jobs: &[&Job]| {
            Checked::of(fingerprint, jobs.iter().map(|job| (*job).clone()).collect())
        };
        assert!(matches!(of("3-1000000", &[&job(DONE), &done]), Checked::Done(_)));
        for other in ["4-1000000", "3-1000001"] {
            assert!(matches!(of(other, &[&done]), Checked::No { was_changed: true }), "{other}");
        }
        assert!(matches!(of("3-1000000", &[&job(DONE)]), Checked::No { was_changed: false }));
        let running = Job { kind: "check".into(), ..job(RUNNING) };
        let failed = Job { kind: "check".into(), detail: Some("<why>".into()), ..job("failed") };
        assert!(matches!(of("3-1000000", &[&running, &done]), Checked::Running));
        let drawn =
            of("3-1000000", &[&failed, &done]).waiting(&viewer(), 7, Step::Start).unwrap().into_string();
        assert!(drawn.contains("&lt;why&gt;") && drawn.contains(r#"name="then" value="start""#), "{drawn}");
        let outdated = of("4-1", &[&done]).waiting(&viewer(), 7, Step::Check).unwrap().into_string();
        assert!(outdated.contains("The check is outdated"), "{outdated}");
        assert!(of("3-1000000", &[&done]).waiting(&viewer(), 7, Step::Check).is_none());
    }
}
