//! `/live`: the progress of campaigns and jobs as a stream of server-sent events.
//!
//! Each event is the whole state, so a client that missed events has lost nothing. A client that reconnects says with
//! `Last-Event-ID` what it has seen, and gets the present state only if it is a newer one.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use campaign::CampaignId;
use control::{CampaignProgress, Guard, Job, LiveSample, LiveState, Problem, SampleId, Watch};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};

use crate::admission::Api;
use crate::body::{Download, Query};
use crate::problem::Failure;
use crate::streams::Permit;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// A comment is sent after this time without an event, so that proxies keep the connection.
const COMMENT_EVERY: Duration = Duration::from_secs(15);

/// What is followed; without a parameter all campaigns that are running or paused.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LiveQuery {
    /// Id of a campaign.
    #[serde(default)]
    campaign_id: Option<i64>,
    /// Id of a job.
    #[serde(default)]
    job_id: Option<i64>,
}

/// The data of an event: one of `campaign`, `campaigns` and `job`; none of them if the campaign or job was deleted.
#[derive(Serialize, ToSchema)]
pub(crate) struct LiveEvent {
    /// The time at which the state was read.
    #[schema(value_type = String, format = DateTime)]
    at: String,
    /// Whether this is the present state. `false`: the database has not answered since.
    is_live: bool,
    /// The campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign: Option<CampaignProgress>,
    /// All campaigns that are running or paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    campaigns: Option<Vec<CampaignProgress>>,
    /// The job.
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<Job>,
}

/// Follow a campaign, a job, or all running campaigns
///
/// The answer is a stream of server-sent events. Each event has an `id` and as its data the whole state; the first is the present
/// state, further ones follow at most once a second when the state changes. The stream ends after about 10 minutes, and when the key is revoked; connect again
/// with `Last-Event-ID`, as `EventSource` does by itself.
#[utoipa::path(get, path = "/live", tag = "campaigns",
    params(LiveQuery, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was received")),
    responses((status = 200, body = LiveEvent, content_type = "text/event-stream")))]
pub(crate) async fn live(
    State(api): State<Arc<Api>>,
    Download(caller): Download,
    Query(query): Query<LiveQuery>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let watch = match (query.campaign_id, query.job_id) {
        (Some(campaign), None) => {
            api.live.watch_campaign(&api.control, &caller, CampaignId(campaign)).await?
        }
        (None, Some(job)) => api.live.watch_job(&api.control, &caller, job).await?,
        (None, None) => api.live.watch_running(&api.control, &caller).await?,
        (Some(_), Some(_)) => {
            return Err(Failure::of(Problem::InvalidBody, "give campaign_id or job_id, not both"));
        }
    };
    let permit = api.streams.admit(caller.name()).ok_or_else(|| {
        let text = "too many streams are open; poll the report instead, or try again in a minute";
        Failure::of(Problem::Unavailable, text).retry_after(60)
    })?;
    let seen = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()?.parse().ok());
    let guard = api.live.guard(&api.control, &caller);
    let stream = Stream { watch, guard, seen, until: Instant::now() + api.stream_time(), _permit: permit };
    let events = futures::stream::unfold(stream, Stream::next);
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(COMMENT_EVERY)).into_response();
    // Proxies must not collect events.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// An open stream.
struct Stream {
    watch: Watch,
    /// Ends the stream of a key that is revoked.
    guard: Guard,
    /// The last event that the client has seen.
    seen: Option<SampleId>,
    until: Instant,
    _permit: Permit,
}

impl Stream {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            let sample = tokio::select! {
                () = self.guard.ended() => return None,
                () = tokio::time::sleep_until(self.until) => return None,
                sample = self.watch.next() => sample?,
            };
            let is_known = self
                .seen
                .is_some_and(|seen| seen.process == sample.id.process && seen.number >= sample.id.number);
            self.seen = Some(sample.id);
            if !is_known {
                let event = Event::default().id(sample.id.to_string());
                let event = event.json_data(LiveEvent::of(&sample)).unwrap_or_default();
                return Some((Ok(event), self));
            }
        }
    }
}

impl LiveEvent {
    fn of(sample: &LiveSample) -> Self {
        let mut event = Self {
            at: sample.at.to_string(),
            is_live: sample.is_live,
            campaign: None,
            campaigns: None,
            job: None,
        };
        match &sample.state {
            LiveState::Campaign(campaign) => event.campaign = Some((**campaign).clone()),
            LiveState::Running(campaigns) => event.campaigns = Some(campaigns.clone()),
            LiveState::Job(job) => event.job = Some((**job).clone()),
            LiveState::Deleted => {}
        }
        event
    }
}
