//! `flowcast campaign check`: what would happen if the campaign were started now, and whether it can be.

use std::collections::BTreeMap;
use std::time::Duration;

use campaign::{CampaignId, CompiledMessage, Definition, Message, Rate, RenderError, Variables, Window};
use jiff::Timestamp;
use serde::Serialize;
use store::{CampaignReport, SenderRow, Store};

use crate::campaigns;
use crate::exit::Refused;
use crate::output::{line, thousands};

/// How many messages are shown filled in.
const SAMPLES: usize = 3;

/// What is known before the start.
#[derive(Serialize)]
struct Launch {
    campaign_id: i64,
    can_start: bool,
    /// Why it cannot.
    problem: Option<String>,
    /// What somebody should know, though it can.
    warnings: Vec<String>,
    /// Rows of the lists, and what became of them.
    uploaded: i64,
    duplicates: i64,
    suppressed: i64,
    excluded: i64,
    rejected: i64,
    /// Who would be sent to.
    recipients: i64,
    /// How long that takes at the rate, if there is one, and when it would be done.
    seconds: Option<u64>,
    finished_at: Option<Timestamp>,
    deadline_at: Option<Timestamp>,
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

/// What filling in the message for everybody found.
#[derive(Default)]
struct Filled {
    samples: Vec<Sample>,
    /// Sentence to how many recipients it is about, and the first of them.
    faults: BTreeMap<String, (i64, i32)>,
}

/// Says what would happen; an error if the campaign cannot be started.
pub(crate) async fn run(store: &Store, id: CampaignId, json: bool) -> anyhow::Result<()> {
    let launch = look(store, id).await?;
    if json {
        line(serde_json::to_string_pretty(&launch)?);
    } else {
        tell(&launch);
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
    let (now, pending) = (Timestamp::now(), report.pending);
    let time = duration(pending, &sender, &campaign.definition);
    let finished_at = time.and_then(|time| now.checked_add(time).ok());
    let deadline_at = campaign.definition.policy.deadline.map(|deadline| deadline.at(now));
    let mut warnings = Vec::new();
    if suppressed_since > 0 {
        let n = thousands(suppressed_since);
        warnings.push(format!("{n} recipients were put on the suppression list after their import"));
    }
    warnings.extend(filled.faults.iter().map(|(fault, (n, first))| {
        format!("{} recipients cannot be sent to (the first: {first}): {fault}", thousands(*n))
    }));
    warnings.extend(late(finished_at, deadline_at));
    warnings.extend(capped(pending, &sender));
    if !sender.is_open {
        warnings.push(format!("sender {} is stopped; everybody waits until it is opened", sender.name));
    }
    Ok(launch(&report, problem, warnings, (time, finished_at, deadline_at), filled.samples))
}

fn launch(
    report: &CampaignReport,
    problem: Option<String>,
    warnings: Vec<String>,
    (time, finished_at, deadline_at): (Option<Duration>, Option<Timestamp>, Option<Timestamp>),
    samples: Vec<Sample>,
) -> Launch {
    Launch {
        campaign_id: report.campaign_id,
        can_start: problem.is_none(),
        problem,
        warnings,
        uploaded: report.uploaded,
        duplicates: report.duplicates,
        suppressed: report.suppressed,
        excluded: report.excluded,
        rejected: report.rejected,
        recipients: report.pending,
        seconds: time.map(|time| time.as_secs()),
        finished_at,
        deadline_at,
        samples,
    }
}

/// Fills in the message for everybody, as a worker would.
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

/// The same sentence for everybody it is about.
fn sentence(fault: &RenderError) -> String {
    match fault {
        RenderError::TooLong { section, field, limit, .. } => {
            format!("[{section}] {field}: longer than WhatsApp's {limit} characters when filled in")
        }
        RenderError::Missing { .. } | RenderError::WindowClosed => fault.to_string(),
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

/// How long it takes at the slower of the two rates, if nothing else is sent meanwhile.
fn duration(recipients: i64, sender: &SenderRow, definition: &Definition) -> Option<Duration> {
    let recipients = u32::try_from(recipients).ok()?;
    let rates: [Option<Rate>; 2] = [sender.rate, definition.policy.rate];
    rates.into_iter().flatten().map(|rate| rate.time_of(recipients)).max()
}

fn late(finished_at: Option<Timestamp>, deadline_at: Option<Timestamp>) -> Option<String> {
    let (finished_at, deadline_at) = (finished_at?, deadline_at?);
    (finished_at > deadline_at)
        .then(|| "the deadline comes before the end: whoever still waits then is not sent to".to_owned())
}

/// Says over how many days a daily cap spreads the campaign.
fn capped(recipients: i64, sender: &SenderRow) -> Option<String> {
    let cap = sender.daily_cap.as_ref()?;
    let rest = recipients - i64::from(cap.recipients.saturating_sub(sender.used_today));
    let days = rest.max(0).unsigned_abs().div_ceil(u64::from(cap.recipients));
    (days > 0).then(|| {
        let (cap, zone) = (thousands(i64::from(cap.recipients)), &cap.zone);
        format!("the daily cap of {cap} ({zone}) spreads it over {} days", days + 1)
    })
}

fn tell(launch: &Launch) {
    let Launch { campaign_id: id, recipients, .. } = launch;
    let left_out = [
        ("duplicates", launch.duplicates),
        ("suppressed", launch.suppressed),
        ("excluded", launch.excluded),
        ("rejected", launch.rejected),
    ];
    line(format!("  {:>12}  uploaded", thousands(launch.uploaded)));
    for (what, n) in left_out.into_iter().filter(|(_, n)| *n > 0) {
        line(format!("- {:>12}  {what}", thousands(n)));
    }
    line(format!("= {:>12}  recipients", thousands(*recipients)));
    if let (Some(seconds), Some(at)) = (launch.seconds, launch.finished_at) {
        let time = humantime::format_duration(Duration::from_secs(seconds));
        line(format!("at its rate it takes {time}, until {}", at.strftime("%Y-%m-%d %H:%M UTC")));
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
