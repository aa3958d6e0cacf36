//! The feed of a campaign: the numbers of each sample, and everything else every few seconds.

use std::sync::Arc;
use std::time::Duration;

use campaign::{CampaignId, RecipientState};
use control::{
    Caller, CampaignPage, CampaignProgress, CampaignReport, Control, LiveSample, LiveState, Problem, Waiting,
    Watch,
};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::live::feed::{Feed, Shown};
use crate::part::parts::Parts;
use crate::shown::campaign as parts;
use crate::shown::range::Range;
use crate::words::recipient;
use crate::words::state::Clock;

/// Errors, minutes, events and stops are read again after this time, and at once if the state of the campaign changes.
const EVERY: Duration = Duration::from_secs(10);
/// Without a change everything is read again after this time.
const LONGEST: Duration = Duration::from_secs(30);
/// Streams that begin at the same time share one reading: the next one begins after this time.
const GAP: Duration = Duration::from_millis(200);
/// The time of the mark is renewed after this time without a change.
pub(crate) const TICK: Duration = Duration::from_secs(5);

/// A campaign; `None` if it was deleted.
#[derive(Debug)]
pub(crate) struct OneCampaign(pub(crate) Option<CampaignPage>);

impl Shown for OneCampaign {
    type View = Range;

    fn parts(&self, range: &Range, clock: Clock<'_>) -> Parts {
        if let Some(page) = &self.0 {
            return parts::of(page, *range, clock);
        }
        let mut parts = Parts::default();
        parts.announce("the campaign was deleted");
        parts
    }
}

/// What the feed knows between two samples.
struct Known {
    page: CampaignPage,
    read_at: Instant,
}

/// The feed of one campaign.
pub(crate) struct CampaignFeed {
    pub(crate) feed: Arc<Feed<OneCampaign>>,
    pub(crate) control: Control,
    pub(crate) id: CampaignId,
}

impl CampaignFeed {
    /// Publishes frames until the process stops, or nobody follows.
    pub(crate) async fn run(self, mut watch: Watch, is_over: impl Fn() -> bool + Send) {
        let mut known: Option<Known> = None;
        loop {
            let (sample, is_wanted) = tokio::select! {
                sample = watch.next() => match sample {
                    Some(sample) => (Some(sample), false),
                    None => return,
                },
                () = self.feed.wanted() => (None, true),
                () = tokio::time::sleep(TICK) => (None, false),
            };
            if is_over() {
                return;
            }
            match sample {
                Some(sample) => self.look(&mut known, &sample).await,
                None if is_wanted
                    || known.as_ref().is_none_or(|known| known.read_at.elapsed() >= LONGEST) =>
                {
                    if self.feed.latest().is_none_or(|frame| frame.is_live) {
                        self.read(&mut known).await;
                    }
                    tokio::time::sleep(GAP).await;
                }
                // The sampler would have told of a change, and of a database that does not answer.
                None => self.feed.tick(),
            }
        }
    }

    async fn look(&self, known: &mut Option<Known>, sample: &LiveSample) {
        if !sample.is_live {
            return self.feed.mark_old();
        }
        let progress = match &sample.state {
            LiveState::Campaign(progress) => progress,
            LiveState::Deleted => {
                return self.feed.publish(Arc::new(OneCampaign(None)), sample.at, Instant::now());
            }
            LiveState::Running(_) | LiveState::Job(_) => return,
        };
        match known {
            Some(known) if !known.is_due(progress) => {
                update_report(&mut known.page.report, progress);
                known.page.waiting.clone_from(&progress.waiting);
                let shown = OneCampaign(Some(known.page.clone()));
                self.feed.publish(Arc::new(shown), sample.at, known.read_at);
            }
            _ => self.read(known).await,
        }
    }

    /// Reads everything, and publishes it.
    async fn read(&self, known: &mut Option<Known>) {
        let read_at = Instant::now();
        // Each stream was allowed to see the campaign when it began.
        let page = async {
            let reader = self.control.reader().await?;
            reader.campaign_page(&Caller::command("console"), self.id, None).await
        };
        match page.await {
            Ok(page) => {
                let shown = OneCampaign(Some(page.clone()));
                *known = Some(Known { page, read_at });
                self.feed.publish(Arc::new(shown), Timestamp::now(), read_at);
            }
            Err(error) if error.problem() == Problem::NotFound => {}
            Err(error) => tracing::warn!("cannot read campaign {} for its live page: {error}", self.id),
        }
    }
}

impl Known {
    /// Whether everything has to be read again: after some time, and if more than numbers has changed.
    fn is_due(&self, progress: &CampaignProgress) -> bool {
        let waiting = reasons(&self.page.waiting) != reasons(&progress.waiting);
        waiting || self.page.report.state != progress.state || self.read_at.elapsed() >= EVERY
    }
}

fn reasons(waiting: &[Waiting]) -> Vec<(String, Option<Timestamp>)> {
    waiting.iter().map(|wait| (wait.reason.clone(), wait.since)).collect()
}

/// The counts of a sample in a report.
pub(crate) fn update_report(report: &mut CampaignReport, progress: &CampaignProgress) {
    let counts = progress.counts;
    report.name.clone_from(&progress.name);
    report.state.clone_from(&progress.state);
    report.pending = counts.pending;
    report.sending = counts.sending;
    report.retry = counts.retry;
    report.accepted = counts.accepted;
    report.failed = counts.failed;
    report.unknown = counts.unknown;
    report.skipped = counts.skipped;
    report.expired = counts.expired;
    report.cancelled = counts.cancelled;
    report.delivered = counts.delivered;
    report.read = counts.read;
    report.undelivered = counts.undelivered;
    report.answered = counts.answered;
    report.attempts = progress.sent;
    let placed: i64 = RecipientState::ALL.iter().map(|state| recipient::count(report, *state)).sum();
    report.difference = report.recipients() - placed;
}
