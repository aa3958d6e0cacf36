//! The check before the start of a campaign.

use campaign::{CampaignId, Forecast, Provider};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{CampaignReport, CampaignRow, ImportRow, SenderRow};

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::Error;
use crate::launch::forecast::{Cost, CostForecast, late, refuse_too_late};
use crate::launch::sample::{Rendered, Sample};
use crate::running::fingerprint_of;
use crate::template_check;
use crate::text::thousands;

/// What the check found, and where it can be corrected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Whether the campaign cannot be started because of it.
    pub is_problem: bool,
    /// Where it can be corrected.
    pub place: Place,
    /// What was found, and what to do.
    pub text: String,
}

/// Where a finding can be corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The message.
    Message,
    /// The lists.
    Lists,
    /// Start time, sending hours and deadline.
    Times,
    /// The sender.
    Sender,
}

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
    /// The problem and the warnings, each with the place where it can be corrected.
    #[serde(default)]
    pub findings: Vec<Finding>,
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
        let mut findings = Vec::new();
        if let Some(problem) = &problem {
            let is_of_template = problem.contains("[template] ");
            let place = if is_of_template {
                Place::Message
            } else {
                place_of_problem(&campaign, sender.provider, &outlook.forecast)
            };
            findings.push(Finding { is_problem: true, place, text: problem.clone() });
        }
        let mut warn = |place, text| findings.push(Finding { is_problem: false, place, text });
        for warning in campaign.definition.warnings(store.now().await?) {
            warn(place_of_warning(&warning), warning);
        }
        let suppressed_since = store.suppressed_recipients(id).await?;
        if suppressed_since > 0 {
            let n = thousands(suppressed_since);
            warn(Place::Lists, format!("{n} recipients were put on the suppression list after their import"));
        }
        for (fault, (n, first)) in &rendered.faults {
            let n = thousands(*n);
            warn(Place::Message, format!("{n} recipients cannot be sent to (the first: {first}): {fault}"));
        }
        if let Some(late) = late(&outlook.forecast).filter(|_| problem.is_none()) {
            warn(Place::Times, late);
        }
        if let Some(capped) = capped(report.pending, &sender) {
            warn(Place::Sender, capped);
        }
        if !sender.is_open {
            let name = &sender.name;
            warn(Place::Sender, format!("sender {name} is stopped; all recipients wait until it is resumed"));
        }
        let warnings =
            findings.iter().filter(|found| !found.is_problem).map(|found| found.text.clone()).collect();
        let lists = store.lists(id).await?;
        let fingerprint = fingerprint_of(&campaign);
        let check = of(&report, problem, outlook, rendered.samples);
        Ok(Check { warnings, findings, lists, fingerprint, ..check })
    }

    /// Refuses a campaign whose message cannot be rendered for all recipients, or that would end before its first message.
    pub(crate) async fn refuse_unready(&self, id: CampaignId) -> Result<(), Error> {
        let store = &self.store;
        let campaign = store.campaign(id).await?;
        let sender = store.sender(&campaign.definition.sender).await?;
        campaign.definition.check_for(sender.provider)?;
        Box::pin(template_check::refuse_start(store, sender.id, &campaign)).await?;
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

/// Where the problem of a campaign that cannot be started is corrected.
fn place_of_problem(campaign: &CampaignRow, provider: Provider, forecast: &Forecast) -> Place {
    let definition = &campaign.definition;
    if definition.check_for(provider).is_err() || definition.compile().is_err() {
        return Place::Message;
    }
    let is_too_late = refuse_too_late(campaign.id, forecast).is_err();
    if is_too_late && campaign.recipients > 0 { Place::Times } else { Place::Lists }
}

/// Where a warning of the definition is corrected; the text begins with its section.
fn place_of_warning(warning: &str) -> Place {
    if warning.starts_with("schedule.") { Place::Times } else { Place::Message }
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
        findings: Vec::new(),
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
