//! The check before the start of a campaign.

use campaign::CampaignId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{CampaignReport, ImportRow, SenderRow};

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::Error;
use crate::launch::forecast::{Cost, CostForecast, late, refuse_too_late};
use crate::launch::sample::{Rendered, Sample};
use crate::running::fingerprint_of;
use crate::text::thousands;

/// The result of the check.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Check {
    /// The campaign.
    pub campaign_id: i64,
    /// Whether the campaign can be started.
    pub can_start: bool,
    /// Why the campaign cannot be started.
    pub problem: Option<String>,
    /// Warnings about a campaign that can be started.
    pub warnings: Vec<String>,
    /// The lists, each with its number column.
    pub lists: Vec<ImportRow>,
    /// Rows of the lists.
    pub uploaded: i64,
    /// Rows whose number was there before.
    pub duplicates: i64,
    /// Rows whose number is on the suppression list.
    pub suppressed: i64,
    /// Rows whose number is in an excluded campaign.
    pub excluded: i64,
    /// Rows that were rejected.
    pub rejected: i64,
    /// Recipients that would be sent to.
    pub recipients: i64,
    /// When the first message leaves.
    pub begins_at: Option<Timestamp>,
    /// How long sending takes at the rate, in seconds, without the time outside the sending hours.
    pub seconds: Option<u64>,
    /// When the last message leaves.
    pub finished_at: Option<Timestamp>,
    /// The time after which nothing is sent.
    pub deadline_at: Option<Timestamp>,
    /// The approximate number of recipients that would be too late.
    pub too_late: i64,
    /// The estimated cost; empty if the sender has no prices.
    pub cost: Option<Cost>,
    /// The first messages.
    pub samples: Vec<Sample>,
    /// Identifies the definition and the lists that were checked; a start that names it is refused if they were changed since.
    pub fingerprint: String,
}

impl Control {
    /// Checks whether a campaign can be started, renders its message for every recipient, and estimates time and cost.
    pub async fn check_campaign(&self, caller: &Caller, id: CampaignId) -> Result<Check, Error> {
        let attempt = Attempt::new(caller, Action::CheckCampaign, Object::Campaign(id));
        self.act(attempt, Box::pin(async { Ok((self.checked(id).await?, json!({}))) })).await
    }

    pub(crate) async fn checked(&self, id: CampaignId) -> Result<Check, Error> {
        let problem = match self.refuse_unready(id).await {
            Ok(()) => None,
            Err(error @ Error::Refused { .. }) => Some(error.to_string()),
            Err(error) => return Err(error),
        };
        let store = &self.store;
        let campaign = store.campaign(id).await?;
        let sender = store.sender(&campaign.definition.sender).await?;
        let report = store.report(id).await?;
        let rendered = self.rendered(id).await?;
        let outlook = CostForecast::of(store, &campaign, &sender).await?;
        let mut warnings = campaign.definition.warnings(store.now().await?);
        let suppressed_since = store.suppressed_recipients(id).await?;
        if suppressed_since > 0 {
            let n = thousands(suppressed_since);
            warnings.push(format!("{n} recipients were put on the suppression list after their import"));
        }
        warnings.extend(rendered.faults.iter().map(|(fault, (n, first))| {
            format!("{} recipients cannot be sent to (the first: {first}): {fault}", thousands(*n))
        }));
        if problem.is_none() {
            warnings.extend(late(&outlook.forecast));
        }
        warnings.extend(capped(report.pending, &sender));
        if !sender.is_open {
            warnings
                .push(format!("sender {} is stopped; all recipients wait until it is resumed", sender.name));
        }
        let lists = store.lists(id).await?;
        let fingerprint = fingerprint_of(&campaign);
        let check = of(&report, problem, outlook, rendered.samples);
        Ok(Check { warnings, lists, fingerprint, ..check })
    }

    /// Refuses a campaign whose message cannot be rendered for all recipients, or that would end before its first message.
    pub(crate) async fn refuse_unready(&self, id: CampaignId) -> Result<(), Error> {
        let store = &self.store;
        let campaign = store.campaign(id).await?;
        let sender = store.sender(&campaign.definition.sender).await?;
        campaign.definition.check_for(sender.provider)?;
        let message = campaign.definition.compile().map_err(|error| Error::conflict(error.to_string()))?;
        if campaign.recipients == 0 {
            return Err(Error::conflict(format!(
                "campaign {id} has no recipients; import a list with 'flowcast campaign import {id} LIST.csv'"
            )));
        }
        let needed: Vec<&str> = message.variables().iter().map(String::as_str).collect();
        let lacking = store.rows_lacking(id, &needed).await?;
        if lacking.is_empty() {
            let forecast = CostForecast::of(store, &campaign, &sender).await?.forecast;
            return refuse_too_late(id, &forecast);
        }
        Err(Error::conflict(incomplete(id, lacking)))
    }

    /// Renders the message for all waiting recipients.
    async fn rendered(&self, id: CampaignId) -> Result<Rendered, Error> {
        let mut rendered = Rendered::default();
        let Ok(message) = self.store.campaign(id).await?.definition.compile() else { return Ok(rendered) };
        self.store.each_recipient(id, |seq, variables| rendered.add(seq, &message, &variables)).await?;
        Ok(rendered)
    }
}

fn incomplete(id: CampaignId, lacking: Vec<(String, i64, Vec<i32>)>) -> String {
    let each: Vec<String> = lacking
        .into_iter()
        .map(|(variable, n, first)| {
            let first: Vec<String> = first.iter().map(ToString::to_string).collect();
            let verb = if n == 1 { "recipient lacks" } else { "recipients lack" };
            format!("{} {verb} {variable} (the first: {})", thousands(n), first.join(", "))
        })
        .collect();
    format!(
        "campaign {id} cannot be started: {}; complete the list, or give the variable a default in the message, like \
         {{{{ name | default(\"friend\") }}}}",
        each.join("; ")
    )
}

fn of(
    report: &CampaignReport,
    problem: Option<String>,
    CostForecast { forecast, cost }: CostForecast,
    samples: Vec<Sample>,
) -> Check {
    Check {
        campaign_id: report.campaign_id,
        can_start: problem.is_none(),
        problem,
        warnings: Vec::new(),
        lists: Vec::new(),
        uploaded: report.uploaded,
        duplicates: report.duplicates,
        suppressed: report.suppressed,
        excluded: report.excluded,
        rejected: report.rejected,
        recipients: report.pending,
        begins_at: forecast.begins_at,
        seconds: forecast.time.map(|time| time.as_secs()),
        finished_at: forecast.ends_at,
        deadline_at: forecast.last_at,
        too_late: forecast.too_late,
        cost,
        samples,
        fingerprint: String::new(),
    }
}

/// The warning that a daily cap spreads the campaign over several days.
fn capped(recipients: i64, sender: &SenderRow) -> Option<String> {
    let cap = sender.daily_cap.as_ref()?;
    let rest = recipients - i64::from(cap.recipients.saturating_sub(sender.used_today));
    let days = rest.max(0).unsigned_abs().div_ceil(u64::from(cap.recipients));
    (days > 0).then(|| {
        let (cap, zone) = (thousands(i64::from(cap.recipients)), &cap.zone);
        format!("the daily cap of {cap} ({zone}) spreads the campaign over {} days", days + 1)
    })
}
