//! The present state of watched campaigns and jobs, in one statement.

use std::collections::BTreeMap;

use campaign::CampaignId;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::reporting::waiting::WaitingRow;

/// What is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveQuestion {
    /// These campaigns.
    pub campaigns: Vec<CampaignId>,
    /// All campaigns that are running or paused.
    pub all_running: bool,
    /// These jobs.
    pub jobs: Vec<i64>,
}

/// The present state of what was asked for. Campaigns and jobs that do not exist are missing.
#[derive(Clone, Debug, Default)]
pub struct LiveAnswer {
    /// Campaigns, by id.
    pub campaigns: Vec<LiveCampaign>,
    /// Jobs: id and members, as the API shows them.
    pub jobs: Vec<(i64, Value)>,
}

/// The present state of a campaign.
#[derive(Clone, Debug, Deserialize)]
pub struct LiveCampaign {
    /// The id.
    pub campaign_id: i64,
    /// The name.
    pub name: String,
    /// Name of the sender.
    pub sender: String,
    /// The state.
    pub state: String,
    /// Imported recipients.
    pub recipients: i64,
    /// Counters by kind, as in `report.campaign`; requests are the kinds that begin with `attempt_`.
    pub counters: BTreeMap<String, i64>,
    /// Why recipients wait.
    pub waiting: Vec<WaitingRow>,
    /// Stops in force: of the sender first, then of the campaign.
    pub stops: Vec<LiveStop>,
}

/// A stop in force.
#[derive(Clone, Debug, Deserialize)]
pub struct LiveStop {
    /// The campaign; `None`: the whole sender is stopped.
    pub campaign_id: Option<i64>,
    /// The reason.
    pub reason: String,
    /// The explanation.
    pub detail: Option<String>,
    /// The time of the stop.
    pub since: Timestamp,
    /// The expected end.
    pub until: Option<Timestamp>,
    /// The cause.
    pub caused_by: String,
}

/// `report.waiting` is evaluated once for all campaigns.
const SELECT: &str = "
with waiting as materialized (
    select campaign_id, jsonb_agg(to_jsonb(w) order by reason) as rows from report.waiting w
    where campaign_id is not null group by campaign_id
)
select 'campaign' as kind, c.id, jsonb_build_object(
    'campaign_id', c.id, 'name', c.name, 'sender', s.name, 'state', c.state, 'recipients', c.recipients,
    'counters', (
        select coalesce(jsonb_object_agg(kind, n), '{}') from (
            select kind, sum(n)::bigint as n from (
                select kind, n from counter where campaign_id = c.id
                union all select kind, n from counter_delta where campaign_id = c.id
            ) k group by kind
        ) k),
    'waiting', coalesce(w.rows, '[]'),
    'stops', (
        select coalesce(jsonb_agg(jsonb_build_object('campaign_id', h.campaign_id, 'reason', h.reason, 'detail', h.detail,
            'since', h.since, 'until', coalesce(h.until, h.probe_at), 'caused_by', h.caused_by)
            order by h.campaign_id nulls first), '[]')
        from hold h
        where h.sender_id = c.sender_id and h.ended_at is null and (h.campaign_id is null or h.campaign_id = c.id))
    ) as body
from campaign c join sender s on s.id = c.sender_id left join waiting w on w.campaign_id = c.id
where c.id = any($1) or ($2 and c.state in ('running', 'paused'))
union all
select 'job', j.id, jsonb_build_object('job_id', j.id, 'kind', j.kind, 'campaign_id', j.campaign_id, 'state', j.state,
    'done', j.done, 'total', j.total, 'result', j.result, 'problem', j.problem, 'detail', j.detail, 'actor', j.actor,
    'created_at', j.created_at, 'finished_at', j.finished_at)
from job j where j.id = any($3)
order by 1, 2";

impl Store {
    /// Reads the present state of campaigns and jobs, in one round trip.
    pub async fn live(&self, question: &LiveQuestion) -> Result<LiveAnswer, Error> {
        let client = self.client().await?;
        let statement = client.prepare_cached(SELECT).await?;
        let campaigns: Vec<i64> = question.campaigns.iter().map(|campaign| campaign.0).collect();
        let rows = client.query(&statement, &[&campaigns, &question.all_running, &question.jobs]).await?;
        let mut answer = LiveAnswer::default();
        for row in rows {
            let body: Value = row.get(2);
            if row.get::<_, &str>(0) == "job" {
                answer.jobs.push((row.get(1), body));
            } else {
                answer.campaigns.push(LiveCampaign::deserialize(body).map_err(Error::unreadable)?);
            }
        }
        Ok(answer)
    }
}
