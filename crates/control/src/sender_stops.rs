//! Stops of senders: hold, resume, probe, and the history of stops.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{HoldResult, HoldRow, Opened, PastHold, ProbeResult};
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control, Done};
use crate::error::Error;
use crate::page::{Page, PageRequest};
use crate::text::{thousands, utc};

/// A stop that is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StopView {
    /// Id of the campaign; `null`: the whole sender is stopped.
    #[schema(required)]
    pub campaign_id: Option<i64>,
    /// The reason, such as `low_balance`, or `operator` for a stop by a person.
    pub reason: String,
    /// The explanation.
    #[schema(required)]
    pub detail: Option<String>,
    /// The time of the stop.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// The expected end: the end of the day of a daily cap, or the next probe. `null`: not known.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub until: Option<Timestamp>,
    /// The cause: a person, or the worker whose request was refused.
    pub caused_by: String,
}

/// A stop of a sender or of one of its campaigns, in force or ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PastStop {
    /// Number of the stop.
    pub stop_id: i64,
    /// The provider's code of the refusal that caused the stop.
    #[schema(required)]
    pub code: Option<String>,
    /// Reason, time and cause.
    #[serde(flatten)]
    pub stop: StopView,
    /// How often the sender was probed.
    pub probes: i32,
    /// The end; `null`: the stop is in force.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub ended_at: Option<Timestamp>,
    /// Who or what ended the stop.
    #[schema(required)]
    pub ended_by: Option<String>,
}

/// The result of holding a sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldSender {
    /// Name of the sender.
    pub sender: String,
    /// Whether a person had held the sender before, so that nothing was changed.
    pub was_held: bool,
    /// The reason of the stop that this hold replaces.
    #[schema(required)]
    pub replaced: Option<String>,
}

/// The result of resuming a sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResumedSender {
    /// Name of the sender.
    pub sender: String,
    /// Whether the sender was stopped before.
    pub was_stopped: bool,
    /// Set if the sender stays stopped because its daily cap is used up.
    #[schema(required)]
    pub capped: Option<UsedUpCap>,
}

/// A daily cap that is used up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsedUpCap {
    /// The reason of the stop that ended.
    pub ended: String,
    /// The daily cap, in recipients.
    pub recipients: u32,
    /// The end of the day, when the sender opens.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
}

/// The result of asking for a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProbedSender {
    /// Name of the sender. A producer sends one message of one of its waiting recipients within a second.
    pub sender: String,
}

impl StopView {
    pub(crate) fn of(hold: &HoldRow) -> Self {
        Self {
            campaign_id: hold.campaign.map(|campaign| campaign.0),
            reason: hold.reason.word().to_owned(),
            detail: hold.detail.clone(),
            since: hold.since,
            until: hold.until,
            caused_by: hold.caused_by.clone(),
        }
    }
}

impl PastStop {
    pub(crate) fn of(hold: PastHold) -> Self {
        let PastHold { id, campaign, reason, code, detail, since, until, caused_by, probes, .. } = hold;
        let campaign_id = campaign.map(|campaign| campaign.0);
        let stop = StopView { campaign_id, reason, detail, since, until, caused_by };
        Self { stop_id: id, code, stop, probes, ended_at: hold.ended_at, ended_by: hold.ended_by }
    }
}

impl Control {
    /// Stops a sender until a person resumes it, also if it is stopped for another reason.
    pub async fn hold_sender(&self, caller: &Caller, name: &str) -> Result<Done<HeldSender>, Error> {
        let attempt = Attempt::new(caller, Action::HoldSender, Object::Sender(name.into()));
        self.change(attempt, async |store| {
            let sender = store.sender(name).await?;
            let held = store.hold_sender(sender.id, caller.name()).await?;
            let replaced = match held {
                HoldResult::TakenOver(reason) => Some(reason.word().to_owned()),
                HoldResult::Now | HoldResult::Already => None,
            };
            let details = json!({ "replaced": replaced });
            let was_held = held == HoldResult::Already;
            Ok((HeldSender { sender: sender.name, was_held, replaced }, details))
        })
        .await
    }

    /// Resumes a stopped sender, unless its daily cap is used up.
    pub async fn resume_sender(&self, caller: &Caller, name: &str) -> Result<Done<ResumedSender>, Error> {
        let attempt = Attempt::new(caller, Action::ResumeSender, Object::Sender(name.into()));
        self.change(attempt, async |store| {
            let sender = store.sender(name).await?;
            let (was_stopped, capped) = match store.open_sender(sender.id, caller.name()).await? {
                Opened::Open => (true, None),
                Opened::Unchanged => (false, None),
                Opened::Capped { ended: None, recipients, until } => {
                    let (cap, until) = (thousands(recipients), utc(until));
                    return Err(Error::conflict(format!(
                        "sender {name} stays stopped until {until}: its daily cap of {cap} recipients is used up; to go on \
                         before, raise it with 'flowcast sender set {name} --daily-cap'"
                    )));
                }
                Opened::Capped { ended: Some(reason), recipients, until } => {
                    (true, Some(UsedUpCap { ended: reason.word().to_owned(), recipients, until }))
                }
            };
            let details = json!({ "was_stopped": was_stopped, "is_capped": capped.is_some() });
            Ok((ResumedSender { sender: sender.name, was_stopped, capped }, details))
        })
        .await
    }

    /// Probes a stopped sender now with one waiting recipient, instead of at the time of its next probe.
    pub async fn probe_sender(&self, caller: &Caller, name: &str) -> Result<Done<ProbedSender>, Error> {
        let attempt = Attempt::new(caller, Action::ProbeSender, Object::Sender(name.into()));
        self.change(attempt, async |store| {
            let sender = store.sender(name).await?;
            match store.probe_now(sender.id).await? {
                ProbeResult::Due => Ok((ProbedSender { sender: sender.name }, Value::Null)),
                ProbeResult::Open => Err(Error::conflict(format!("sender {name} is not stopped"))),
                ProbeResult::NotTestable(reason) => Err(Error::conflict(format!(
                    "sender {name} is stopped for {reason}, which a probe cannot test; when the cause is gone, use \
                     'flowcast sender resume {name}'"
                ))),
            }
        })
        .await
    }

    /// The stops of a sender and its campaigns, the newest first.
    pub async fn sender_stops(
        &self,
        caller: &Caller,
        name: &str,
        page: &PageRequest,
    ) -> Result<Page<PastStop>, Error> {
        let attempt = Attempt::new(caller, Action::View, Object::Sender(name.into()));
        self.act(attempt, async {
            let (limit, before) = (page.limit()?, page.after_id()?);
            let sender = self.store.sender(name).await?;
            let holds = self.store.hold_page(sender.id, before, limit + 1).await?;
            let stops = holds.into_iter().map(PastStop::of).collect();
            Ok((Page::of(stops, limit, |stop| stop.stop_id.to_string()), Value::Null))
        })
        .await
    }
}
