//! The progress of a campaign, as watchers see it.

use serde::{Deserialize, Serialize};
use store::{LiveCampaign, LiveStop};
use utoipa::ToSchema;

use crate::live::speed::Speed;
use crate::sender_stops::StopView;
use crate::waiting::Waiting;

/// The progress of a campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CampaignProgress {
    /// The id.
    pub campaign_id: i64,
    /// The name.
    pub name: String,
    /// Name of the sender.
    pub sender: String,
    /// `draft`, `running`, `paused`, `finished` or `cancelled`.
    pub state: String,
    /// Imported recipients.
    pub recipients: i64,
    /// Recipients by state, and what was reported of them.
    pub counts: ProgressCounts,
    /// Requests to the provider.
    pub sent: i64,
    /// Requests per second, smoothed; `null`: not known yet.
    #[schema(required)]
    pub per_second: Option<f64>,
    /// Seconds until the waiting recipients are sent to at this rate; `null`: not known, because the campaign is stopped or outside
    /// its sending hours, or the rate is not known yet.
    #[schema(required)]
    pub seconds_left: Option<u64>,
    /// Why recipients wait.
    pub waiting: Vec<Waiting>,
    /// The stops in force: of the sender first, then of the campaign.
    pub stops: Vec<StopView>,
}

/// Recipients by state, and what was reported of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProgressCounts {
    /// Recipients that wait.
    pub pending: i64,
    /// Recipients that are being sent to.
    pub sending: i64,
    /// Recipients that are sent to again later.
    pub retry: i64,
    /// Recipients whose message the provider accepted.
    pub accepted: i64,
    /// Recipients that the provider refused, or that were given up.
    pub failed: i64,
    /// Recipients whose message the provider may have accepted.
    pub unknown: i64,
    /// Recipients that were not sent to, because they were suppressed or had no open window.
    pub skipped: i64,
    /// Recipients that were not sent to before the deadline.
    pub expired: i64,
    /// Recipients that were not sent to, because the campaign was ended.
    pub cancelled: i64,
    /// Messages that were delivered.
    pub delivered: i64,
    /// Messages that were read.
    pub read: i64,
    /// Messages that were not delivered.
    pub undelivered: i64,
    /// Recipients who completed the flow.
    pub answered: i64,
}

impl CampaignProgress {
    pub(crate) fn of(campaign: LiveCampaign, speed: Speed) -> Self {
        let LiveCampaign { campaign_id, name, sender, state, recipients, counters, waiting, stops } =
            campaign;
        let n = |kind: &str| counters.get(kind).copied().unwrap_or(0);
        let counts = ProgressCounts {
            pending: n("pending"),
            sending: n("sending"),
            retry: n("retry"),
            accepted: n("accepted"),
            failed: n("failed"),
            unknown: n("unknown"),
            skipped: n("skipped"),
            expired: n("expired"),
            cancelled: n("cancelled"),
            delivered: n("delivered"),
            read: n("read"),
            undelivered: n("undelivered"),
            answered: n("answered"),
        };
        let is_moving =
            state == "running" && stops.is_empty() && !waiting.iter().any(|row| row.reason == "hours");
        let left = counts.pending + counts.sending + counts.retry;
        Self {
            campaign_id,
            name,
            sender,
            state,
            recipients,
            counts,
            sent: requests(&counters),
            per_second: speed.per_second(),
            seconds_left: speed.seconds_for(left).filter(|_| is_moving),
            waiting: waiting.into_iter().map(Waiting::from).collect(),
            stops: stops.into_iter().map(stop).collect(),
        }
    }
}

/// The number of requests in the counters of a campaign.
pub(crate) fn requests(counters: &std::collections::BTreeMap<String, i64>) -> i64 {
    counters.iter().filter(|(kind, _)| kind.starts_with("attempt_")).map(|(_, n)| n).sum()
}

fn stop(stop: LiveStop) -> StopView {
    let LiveStop { campaign_id, reason, detail, since, until, caused_by } = stop;
    StopView { campaign_id, reason, detail, since, until, caused_by }
}
