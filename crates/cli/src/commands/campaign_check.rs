//! `flowcast campaign check`: whether a campaign can be started, and what would happen.

use std::collections::BTreeMap;

use campaign::{CampaignId, CompiledMessage, Message, RenderError, Variables, Window};
use jiff::Timestamp;
use serde::Serialize;
use store::{CampaignReport, ImportRow, SenderRow, Store};

use crate::commands::campaigns;
use crate::commands::cost_forecast::{self, Cost, CostForecast};
use crate::exit::Refused;
use crate::terminal::output::{line, thousands};

/// The number of rendered sample messages.
const SAMPLES: usize = 3;

/// The result of the check.
#[derive(Serialize)]
struct Launch {
    campaign_id: i64,
    can_start: bool,
    /// Why the campaign cannot be started.
    problem: Option<String>,
    /// Warnings about a campaign that can be started.
    warnings: Vec<String>,
    /// The lists, each with its number column.
    lists: Vec<ImportRow>,
    /// Rows of the lists, and their results.
    uploaded: i64,
    duplicates: i64,
    suppressed: i64,
    excluded: i64,
    rejected: i64,
    /// Recipients that would be sent to.
    recipients: i64,
    /// When the first message leaves, how long sending takes at the rate within the sending hours, and when it ends.
    begins_at: Option<Timestamp>,
    seconds: Option<u64>,
    finished_at: Option<Timestamp>,
    /// The time after which nothing is sent, and the approximate number of recipients that would be too late.
    deadline_at: Option<Timestamp>,
    too_late: i64,
    /// The estimated cost; null if the sender has no prices.
    cost: Option<Cost>,
    samples: Vec<Sample>,
}

/// One message as its recipient would see it.
#[derive(Serialize)]
struct Sample {
    seq: i32,
    header: Option<String>,
    body: String,
    footer: Option<String>,
    button: Option<String>,
}

/// The result of rendering the message for all recipients.
#[derive(Default)]
struct Filled {
    samples: Vec<Sample>,
    /// Errors, each with the number of recipients and the first of them.
    faults: BTreeMap<String, (i64, i32)>,
}

/// Prints the check; fails if the campaign cannot be started.
pub(crate) async fn run(store: &Store, id: CampaignId, json: bool) -> anyhow::Result<()> {
    let launch = look(store, id).await?;
    if json {
        line(serde_json::to_string_pretty(&launch)?);
    } else {
        print(&launch);
    }
    match launch.problem {
        Some(problem) => Err(Refused(problem).into()),
        None => Ok(()),
    }
}

async fn look(store: &Store, id: CampaignId) -> anyhow::Result<Launch> {
    let problem = match campaigns::check(store, id).await {
        Ok(()) => None,
        Err(error) if error.is::<Refused>() || error.is::<campaign::DefinitionError>() => {
            Some(error.to_string())
        }
        Err(error) => return Err(error),
    };
    let campaign = store.campaign(id).await?;
    let sender = store.sender(&campaign.definition.sender).await?;
    let report = store.report(id).await?;
    let filled = match campaign.definition.compile() {
        Ok(message) => fill(store, id, &message).await?,
        Err(_) => Filled::default(),
    };
    let suppressed_since = store.suppressed_recipients(id).await?;
    let outlook = CostForecast::of(store, &campaign, &sender).await?;
    let mut warnings = campaign.definition.warnings(store.now().await?);
    if suppressed_since > 0 {
        let n = thousands(suppressed_since);
        warnings.push(format!("{n} recipients were put on the suppression list after their import"));
    }
    warnings.extend(filled.faults.iter().map(|(fault, (n, first))| {
        format!("{} recipients cannot be sent to (the first: {first}): {fault}", thousands(*n))
    }));
    if problem.is_none() {
        warnings.extend(cost_forecast::late(&outlook.forecast));
    }
    warnings.extend(capped(report.pending, &sender));
    if !sender.is_open {
        warnings.push(format!("sender {} is stopped; all recipients wait until it is resumed", sender.name));
    }
    let lists = store.lists(id).await?;
    Ok(Launch { lists, ..launch(&report, problem, warnings, outlook, filled.samples) })
}

fn launch(
    report: &CampaignReport,
    problem: Option<String>,
    warnings: Vec<String>,
    CostForecast { forecast, cost }: CostForecast,
    samples: Vec<Sample>,
) -> Launch {
    Launch {
        campaign_id: report.campaign_id,
        can_start: problem.is_none(),
        problem,
        warnings,
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
    }
}

/// Renders the message for all recipients, as a worker would.
async fn fill(store: &Store, id: CampaignId, message: &CompiledMessage) -> anyhow::Result<Filled> {
    let mut filled = Filled::default();
    store.each_recipient(id, |seq, variables| filled.add(seq, message, &variables)).await?;
    Ok(filled)
}

impl Filled {
    fn add(&mut self, seq: i32, message: &CompiledMessage, variables: &Variables) {
        match message.render(variables, Window::Unheard) {
            Ok(message) if self.samples.len() < SAMPLES => self.samples.push(Sample::of(seq, message)),
            Ok(_) => {}
            Err(fault) => {
                let (n, first) = self.faults.entry(sentence(&fault)).or_insert((0, seq));
                *n += 1;
                *first = (*first).min(seq);
            }
        }
    }
}

/// The error text, which is the same for all recipients with this error.
fn sentence(fault: &RenderError) -> String {
    match fault {
        RenderError::TooLong { section, field, limit, .. } => {
            format!("[{section}] {field}: longer than WhatsApp's {limit} characters when filled in")
        }
        other => other.to_string(),
    }
}

impl Sample {
    fn of(seq: i32, message: Message) -> Self {
        match message {
            Message::Flow(flow) => {
                let (header, body, footer) = (flow.header, flow.body, flow.footer);
                Self { seq, header, body, footer, button: Some(flow.cta) }
            }
            Message::Template(template) => {
                let body = format!(
                    "template {} ({}): {}",
                    template.name,
                    template.language,
                    template.body.join(" | ")
                );
                Self { seq, header: template.header, body, footer: None, button: None }
            }
        }
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

fn print(launch: &Launch) {
    let Launch { campaign_id: id, recipients, .. } = launch;
    let left_out = [
        ("duplicates", launch.duplicates),
        ("suppressed", launch.suppressed),
        ("excluded", launch.excluded),
        ("rejected", launch.rejected),
    ];
    for list in &launch.lists {
        let column =
            list.number_column.as_ref().map(|name| format!("; the numbers are those of column '{name}'"));
        line(format!("{}: {}{}", list.source, list.form, column.unwrap_or_default()));
    }
    line(format!("  {:>12}  uploaded", thousands(launch.uploaded)));
    for (what, n) in left_out.into_iter().filter(|(_, n)| *n > 0) {
        line(format!("- {:>12}  {what}", thousands(n)));
    }
    line(format!("= {:>12}  recipients", thousands(*recipients)));
    cost_forecast::print_time(launch.begins_at, launch.seconds, launch.finished_at);
    if let Some(cost) = &launch.cost {
        cost.print();
    }
    for sample in &launch.samples {
        line(format!("\nrecipient {} gets:", sample.seq));
        let texts = [sample.header.as_ref(), Some(&sample.body), sample.footer.as_ref()];
        texts.into_iter().flatten().for_each(|text| line(format!("    {}", text.replace('\n', "\n    "))));
        if let Some(button) = &sample.button {
            line(format!("    [{button}]"));
        }
    }
    for warning in &launch.warnings {
        line(format!("warning: {warning}"));
    }
    if launch.can_start {
        line(format!("campaign {id} can be started"));
    }
}
