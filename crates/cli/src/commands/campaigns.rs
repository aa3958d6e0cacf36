//! `flowcast campaign …`

use std::path::Path;

use anyhow::Context;
use campaign::{CampaignId, Definition, Resolution};
use control::{Paused, Resolve, Retry, StartRequested, Started};
use jiff::Timestamp;
use store::{RecipientFilter, ResendClass};

use crate::args::campaigns::{CampaignCommand, CampaignResolve, CampaignRetry, ExportWho, RetryWho, Unknown};
use crate::commands::{campaign_check, erasure, export, import, report};
use crate::exit::Refused;
use crate::plane::Plane;
use crate::settings::Settings;
use crate::terminal::output::{line, table, text, thousands, warning};
use crate::terminal::progress;

pub(crate) async fn run(settings: &Settings, command: CampaignCommand) -> anyhow::Result<()> {
    let plane = &Plane::open(settings).await?;
    match command {
        CampaignCommand::Create { file } => create(plane, &file).await,
        CampaignCommand::Edit { id, file, version } => Box::pin(edit(plane, id, &file, version)).await,
        CampaignCommand::Clone { id, name } => clone(plane, id, name.as_deref()).await,
        CampaignCommand::Delete { id } => delete(plane, id).await,
        CampaignCommand::List { limit, before } => list(plane, before, limit).await,
        CampaignCommand::Show { id, json } => show(plane, id, json).await,
        CampaignCommand::Import(import) => import::run(plane, &settings.lists()?, *import).await,
        CampaignCommand::Check { id, json } => campaign_check::run(plane, id, json).await,
        CampaignCommand::RequestStart { id } => request_start(plane, id).await,
        CampaignCommand::Start { id } => start(plane, id).await,
        CampaignCommand::Pause { id } => pause(plane, id).await,
        CampaignCommand::Resume { id } => resume(plane, id).await,
        CampaignCommand::Cancel { id } => cancel(plane, id).await,
        CampaignCommand::Resolve(resolve) => self::resolve(plane, resolve).await,
        CampaignCommand::Retry(retry) => self::retry(plane, retry).await,
        CampaignCommand::Export { id, who, format } => {
            export::run(plane, id, listed(who), format.into()).await
        }
        CampaignCommand::Archive { id } => erasure::archive(plane, id).await,
        CampaignCommand::Status { id, watch, json } => match (watch, json) {
            (true, false) => progress::watch(async || plane.report(id).await).await,
            _ => report::status(plane, id, json).await,
        },
        CampaignCommand::Report { id, format } => Box::pin(report::report(plane, id, format)).await,
    }
}

/// Reads a campaign file.
fn read(file: &Path) -> anyhow::Result<Definition> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Refused(format!("cannot read {}: {error}", file.display())))?;
    Definition::parse(&text).with_context(|| file.display().to_string())
}

async fn create(plane: &Plane, file: &Path) -> anyhow::Result<()> {
    let created = plane.create_campaign(&read(file)?).await;
    let draft = created.with_context(|| file.display().to_string())?;
    draft.warnings.into_iter().for_each(warning);
    line(draft.campaign_id);
    Ok(())
}

async fn edit(plane: &Plane, id: CampaignId, file: &Path, version: Option<i32>) -> anyhow::Result<()> {
    let definition = read(file)?;
    let version = match version {
        Some(version) => version,
        None => plane.campaign(id).await?.version,
    };
    let edited = plane.edit_campaign(id, version, &definition).await;
    let draft = edited.with_context(|| file.display().to_string())?;
    draft.warnings.into_iter().for_each(warning);
    line(format!("campaign {id} has version {}", draft.version));
    Ok(())
}

async fn clone(plane: &Plane, id: CampaignId, name: Option<&str>) -> anyhow::Result<()> {
    let draft = plane.clone_campaign(id, name).await?;
    draft.warnings.into_iter().for_each(warning);
    line(draft.campaign_id);
    Ok(())
}

async fn delete(plane: &Plane, id: CampaignId) -> anyhow::Result<()> {
    plane.delete_campaign(id).await?;
    line(format!("campaign {id} and its lists are deleted"));
    Ok(())
}

/// Prints the definition as a campaign file.
async fn show(plane: &Plane, id: CampaignId, json: bool) -> anyhow::Result<()> {
    let campaign = plane.campaign(id).await?;
    if json {
        line(serde_json::to_string_pretty(&campaign)?);
        return Ok(());
    }
    line(format!("# campaign {id}, {}, version {}", campaign.state, campaign.version));
    text(&toml::to_string_pretty(&campaign.definition)?);
    Ok(())
}

/// Resolves `unknown` recipients.
async fn resolve(plane: &Plane, args: CampaignResolve) -> anyhow::Result<()> {
    let CampaignResolve { id, unknown, seqs, reason } = args;
    let resolution = match unknown {
        Unknown::Resend => Resolution::Resend,
        Unknown::GiveUp => Resolution::GiveUp,
    };
    let resolve = Resolve { resolution, seqs, reason };
    let done = plane.resolve_recipients(id, &resolve).await?;
    let (resent, failed) = (i64::try_from(done.resent)?, i64::try_from(done.failed)?);
    let (resent, failed) = (thousands(resent), thousands(failed));
    line(format!("campaign {id}: {resent} unknown recipients are due again, {failed} failed"));
    Ok(())
}

/// Makes failed or undelivered recipients due again.
async fn retry(plane: &Plane, args: CampaignRetry) -> anyhow::Result<()> {
    let CampaignRetry { id, class, code, reason } = args;
    let class = match class {
        RetryWho::Failed => ResendClass::Failed,
        RetryWho::Undelivered => ResendClass::Undelivered,
    };
    let done = plane.retry_recipients(id, &Retry { class, code, reason }).await?;
    line(format!("campaign {id}: {} recipients are due again", thousands(i64::try_from(done.resent)?)));
    Ok(())
}

fn listed(who: ExportWho) -> RecipientFilter {
    match who {
        ExportWho::Accepted => RecipientFilter::Accepted,
        ExportWho::Failed => RecipientFilter::Failed,
        ExportWho::Unknown => RecipientFilter::Unknown,
        ExportWho::Skipped => RecipientFilter::Skipped,
        ExportWho::Expired => RecipientFilter::Expired,
        ExportWho::Cancelled => RecipientFilter::Cancelled,
        ExportWho::NotDelivered => RecipientFilter::NotDelivered,
        ExportWho::NotAnswered => RecipientFilter::NotAnswered,
    }
}

async fn list(plane: &Plane, before: Option<CampaignId>, limit: u32) -> anyhow::Result<()> {
    let reports = plane.campaigns(before, limit).await?;
    let last = reports.last().map(|report| report.campaign_id).filter(|_| reports.len() == limit as usize);
    if reports.is_empty() && before.is_none() {
        line("no campaigns yet; create one with 'flowcast campaign create FILE.toml'");
        return Ok(());
    }
    let rows: Vec<Vec<String>> = reports
        .into_iter()
        .map(|report| {
            let recipients = report.recipients();
            vec![
                report.campaign_id.to_string(),
                report.name,
                report.sender,
                report.state,
                thousands(recipients),
                thousands(report.accepted),
            ]
        })
        .collect();
    table(&["id", "name", "sender", "state", "recipients", "accepted"], &rows);
    if let Some(last) = last {
        line(format!("for older campaigns: flowcast campaign list --before {last}"));
    }
    Ok(())
}

async fn start(plane: &Plane, id: CampaignId) -> anyhow::Result<()> {
    let Started { recipients, opens_at, .. } = plane.start_campaign(id).await?;
    line(format!("campaign {id} is running: {} recipients{}", thousands(recipients), opens(opens_at)));
    Ok(())
}

async fn request_start(plane: &Plane, id: CampaignId) -> anyhow::Result<()> {
    let StartRequested { recipients, .. } = plane.request_start(id).await?;
    line(format!(
        "the start of campaign {id} with {} recipients is requested; another person starts it with 'flowcast campaign start {id}' \
         or in the console",
        thousands(recipients)
    ));
    Ok(())
}

async fn pause(plane: &Plane, id: CampaignId) -> anyhow::Result<()> {
    let Paused { replaced, .. } = plane.pause_campaign(id).await?;
    line(match replaced {
        None => format!("campaign {id} is paused"),
        Some(reason) => format!(
            "campaign {id} is paused; it was paused for {reason} before, and stays paused until 'flowcast campaign resume {id}'"
        ),
    });
    Ok(())
}

async fn resume(plane: &Plane, id: CampaignId) -> anyhow::Result<()> {
    let Started { opens_at, .. } = plane.resume_campaign(id).await?;
    line(format!("campaign {id} is running again{}", opens(opens_at)));
    Ok(())
}

async fn cancel(plane: &Plane, id: CampaignId) -> anyhow::Result<()> {
    let cancelled = plane.end_campaign(id).await?.cancelled;
    line(format!("campaign {id} is cancelled; {cancelled} recipients were not sent to"));
    Ok(())
}

/// When a campaign begins to send, if that is in the future.
fn opens(at: Option<Timestamp>) -> String {
    let later = at.filter(|at| *at > Timestamp::now());
    later.map_or_else(String::new, |at| format!("; it sends from {at:.0} on"))
}
