//! The feed of the list of campaigns: those that are running or paused, and those that ended while somebody looked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use campaign::CampaignId;
use control::{
    Caller, CampaignProgress, CampaignReport, Control, Error, LiveSample, LiveState, MAX_LIMIT, PageRequest,
    SenderView, Waiting, Watch,
};
use tokio::time::Instant;

use crate::live::campaign::{TICK, update_report};
use crate::live::feed::{Feed, Shown};
use crate::part::parts::Parts;
use crate::shown::campaigns as parts;
use crate::words::state::Clock;

/// Reports and senders are read again after this time, and at once if a campaign begins, ends or stops.
const EVERY: Duration = Duration::from_secs(10);

/// The campaigns, and what they wait for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Campaigns {
    pub(crate) reports: BTreeMap<i64, CampaignReport>,
    pub(crate) waiting: Vec<Waiting>,
    pub(crate) senders: Vec<SenderView>,
}

impl Shown for Campaigns {
    /// The senders that the person may see, by name; `None`: all.
    type View = Option<Vec<String>>;

    fn parts(&self, view: &Self::View, clock: Clock<'_>) -> Parts {
        let is_seen = |sender: &str| view.as_ref().is_none_or(|seen| seen.iter().any(|name| name == sender));
        let seen = Self {
            reports: self
                .reports
                .iter()
                .filter(|(_, report)| is_seen(&report.sender))
                .map(|(id, report)| (*id, report.clone()))
                .collect(),
            waiting: self.waiting.iter().filter(|wait| is_seen(&wait.sender)).cloned().collect(),
            senders: self.senders.iter().filter(|sender| is_seen(&sender.name)).cloned().collect(),
        };
        parts::of(seen.reports.values(), &seen.waiting, &seen.senders, clock)
    }
}

/// The feed.
pub(crate) struct ListFeed {
    pub(crate) feed: Arc<Feed<Campaigns>>,
    pub(crate) control: Control,
}

impl ListFeed {
    /// Publishes frames until the process stops, or nobody follows.
    pub(crate) async fn run(self, mut watch: Watch, is_over: impl Fn() -> bool + Send) {
        let (mut known, mut read_at) = (Campaigns::default(), None::<Instant>);
        loop {
            let sample = tokio::select! {
                sample = watch.next() => match sample {
                    Some(sample) => Some(sample),
                    None => return,
                },
                () = tokio::time::sleep(TICK) => None,
            };
            if is_over() {
                return;
            }
            match sample {
                Some(sample) => self.look(&mut known, &mut read_at, &sample).await,
                None => self.feed.tick(),
            }
        }
    }

    async fn look(&self, known: &mut Campaigns, read_at: &mut Option<Instant>, sample: &LiveSample) {
        if !sample.is_live {
            return self.feed.mark_old();
        }
        let LiveState::Running(running) = &sample.state else { return };
        let is_due = read_at.is_none_or(|at| at.elapsed() >= EVERY) || is_other(known, running);
        if is_due {
            match self.read(known, running).await {
                Ok(read) => (*known, *read_at) = (read, Some(Instant::now())),
                Err(error) => tracing::warn!("cannot read the campaigns for their live list: {error}"),
            }
        }
        if read_at.is_some() {
            known.waiting = running.iter().flat_map(|campaign| campaign.waiting.iter().cloned()).collect();
            for progress in running {
                if let Some(report) = known.reports.get_mut(&progress.campaign_id) {
                    update_report(report, progress);
                }
            }
            self.feed.publish(Arc::new(known.clone()), sample.at, Instant::now());
        }
    }

    /// Reads the senders, and the reports of campaigns that began or ended.
    async fn read(&self, known: &Campaigns, running: &[CampaignProgress]) -> Result<Campaigns, Error> {
        // Which parts a person gets is decided by the view.
        let (caller, reader) = (Caller::command("console"), self.control.reader().await?);
        let all = PageRequest { after: None, limit: Some(MAX_LIMIT) };
        let senders = reader.senders(&caller, &all).await?.items;
        let mut reports = known.reports.clone();
        let is_running = |id: &i64| running.iter().any(|campaign| campaign.campaign_id == *id);
        let ended =
            known.reports.iter().filter(|(id, report)| !is_running(id) && report.finished_at.is_none());
        let ended: Vec<i64> = ended.map(|(id, _)| *id).collect();
        let began =
            running.iter().map(|campaign| campaign.campaign_id).filter(|id| !known.reports.contains_key(id));
        let wanted: Vec<i64> = began.chain(ended).collect();
        if !wanted.is_empty() {
            let ids: Vec<CampaignId> = wanted.iter().map(|id| CampaignId(*id)).collect();
            reports.extend(
                reader
                    .reports_of(&caller, &ids)
                    .await?
                    .into_iter()
                    .map(|report| (report.campaign_id, report)),
            );
            // A campaign that was deleted has no report any more.
            reports.retain(|id, report| is_running(id) || report.finished_at.is_some());
        }
        Ok(Campaigns { reports, waiting: Vec::new(), senders })
    }
}

/// Whether a campaign began, ended or was stopped.
fn is_other(known: &Campaigns, running: &[CampaignProgress]) -> bool {
    let is_known = |campaign: &CampaignProgress| {
        known.reports.get(&campaign.campaign_id).is_some_and(|report| report.state == campaign.state)
    };
    let stopped = |reason: &str| reason.parse::<campaign::StopReason>().is_ok();
    let stops =
        |waiting: &mut dyn Iterator<Item = &Waiting>| waiting.filter(|wait| stopped(&wait.reason)).count();
    let open = known.reports.values().filter(|report| report.finished_at.is_none()).count();
    open != running.len()
        || !running.iter().all(is_known)
        || stops(&mut known.waiting.iter())
            != stops(&mut running.iter().flat_map(|campaign| &campaign.waiting))
}
