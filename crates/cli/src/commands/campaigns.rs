//! `flowcast campaign …`

use anyhow::Context;
use campaign::{CampaignId, CampaignState, Definition, Opening, Resolution};
use jiff::Timestamp;
use store::{HoldResult, RecipientFilter, ResendClass, Resolved, Store};

use crate::args::campaigns::{CampaignCommand, CampaignResolve, CampaignRetry, ExportWho, RetryWho, Unknown};
use crate::commands::cost_forecast::CostForecast;
use crate::commands::{campaign_check, cost_forecast, erasure, export, import, report};
use crate::exit::Refused;
use crate::settings::Settings;
use crate::terminal::output::{line, table, thousands, warning};
use crate::terminal::progress;

const OPERATOR: &str = "operator";

pub(crate) async fn run(settings: &Settings, command: CampaignCommand) -> anyhow::Result<()> {
    let store = Store::connect(&settings.postgres()?).await?;
    match command {
        CampaignCommand::Create { file } => {
            let text = std::fs::read_to_string(&file)
                .map_err(|error| Refused(format!("cannot read {}: {error}", file.display())))?;
            let definition = Definition::parse(&text).with_context(|| file.display().to_string())?;
            let provider = store.sender(&definition.sender).await?.provider;
            definition.check_for(provider).with_context(|| file.display().to_string())?;
            let id = store.create_campaign(&definition).await?;
            definition.warnings(store.now().await?).into_iter().for_each(warning);
            line(id);
            Ok(())
        }
        CampaignCommand::List { limit, before } => list(&store, before, limit).await,
        CampaignCommand::Import(import) => import::run(&store, &settings.lists()?, *import).await,
        CampaignCommand::Check { id, json } => campaign_check::run(&store, id, json).await,
        CampaignCommand::Start { id } => start(&store, id).await,
        CampaignCommand::Pause { id } => pause(&store, id).await,
        CampaignCommand::Resume { id } => resume(&store, id).await,
        CampaignCommand::Cancel { id } => {
            let cancelled = store.cancel_campaign(id, OPERATOR).await?;
            line(format!("campaign {id} is cancelled; {cancelled} recipients were not sent to"));
            Ok(())
        }
        CampaignCommand::Resolve(resolve) => self::resolve(&store, resolve).await,
        CampaignCommand::Retry(retry) => self::retry(&store, retry).await,
        CampaignCommand::Export { id, who, format } => {
            export::run(&store, &settings.lists()?, id, listed(who), format.into()).await
        }
        CampaignCommand::Archive { id } => erasure::archive(&store, id).await,
        CampaignCommand::Status { id, watch, json } => match (watch, json) {
            (true, false) => progress::watch(&store, id).await,
            _ => report::status(&store, id, json).await,
        },
        CampaignCommand::Report { id, format } => report::report(&store, id, format).await,
    }
}

/// Resolves `unknown` recipients.
async fn resolve(store: &Store, args: CampaignResolve) -> anyhow::Result<()> {
    let CampaignResolve { id, unknown, seqs, reason } = args;
    let resolution = match unknown {
        Unknown::Resend => Resolution::Resend,
        Unknown::GiveUp => Resolution::GiveUp,
    };
    let only = (!seqs.is_empty()).then_some(seqs.as_slice());
    let Resolved { resent, failed } = store.resolve_by_operator(id, resolution, &reason, only).await?;
    let (resent, failed) = (i64::try_from(resent)?, i64::try_from(failed)?);
    if resent + failed == 0 {
        let whom =
            if only.is_some() { "none of these recipients is unknown" } else { "no recipient is unknown" };
        return Err(Refused(format!("campaign {id}: {whom}; there is nothing to resolve")).into());
    }
    let (resent, failed) = (thousands(resent), thousands(failed));
    line(format!("campaign {id}: {resent} unknown recipients are due again, {failed} failed"));
    Ok(())
}

/// Makes failed or undelivered recipients due again.
async fn retry(store: &Store, args: CampaignRetry) -> anyhow::Result<()> {
    let CampaignRetry { id, class, code, reason } = args;
    let class = match class {
        RetryWho::Failed => ResendClass::Failed,
        RetryWho::Undelivered => ResendClass::Undelivered,
    };
    let again = i64::try_from(store.resend(id, class, code.as_deref(), &reason).await?)?;
    if again == 0 {
        let problem =
            format!("campaign {id}: no recipient is of this class; see 'flowcast campaign report {id}'");
        return Err(Refused(problem).into());
    }
    line(format!("campaign {id}: {} recipients are due again", thousands(again)));
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

async fn list(store: &Store, before: Option<CampaignId>, limit: u32) -> anyhow::Result<()> {
    let reports = store.report_page(before, limit).await?;
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

/// Refuses a campaign whose message cannot be rendered for all recipients, or that would end before its first message.
pub(crate) async fn check(store: &Store, id: CampaignId) -> anyhow::Result<()> {
    let campaign = store.campaign(id).await?;
    let sender = store.sender(&campaign.definition.sender).await?;
    campaign.definition.check_for(sender.provider)?;
    let message = campaign.definition.compile().map_err(|error| Refused(error.to_string()))?;
    if campaign.recipients == 0 {
        let problem = format!(
            "campaign {id} has no recipients; import a list with 'flowcast campaign import {id} LIST.csv'"
        );
        return Err(Refused(problem).into());
    }
    let needed: Vec<&str> = message.variables().iter().map(String::as_str).collect();
    let lacking = store.rows_lacking(id, &needed).await?;
    if lacking.is_empty() {
        let forecast = CostForecast::of(store, &campaign, &sender).await?.forecast;
        return cost_forecast::refuse_too_late(id, &forecast);
    }
    let each: Vec<String> = lacking
        .into_iter()
        .map(|(variable, n, first)| {
            let first: Vec<String> = first.iter().map(ToString::to_string).collect();
            let verb = if n == 1 { "recipient lacks" } else { "recipients lack" };
            format!("{} {verb} {variable} (the first: {})", thousands(n), first.join(", "))
        })
        .collect();
    let problem = format!(
        "campaign {id} cannot be started: {}; complete the list, or give the variable a default in the message, like \
         {{{{ name | default(\"friend\") }}}}",
        each.join("; ")
    );
    Err(Refused(problem).into())
}

async fn start(store: &Store, id: CampaignId) -> anyhow::Result<()> {
    let campaign = store.campaign(id).await?;
    if campaign.state != CampaignState::Draft {
        let hint = if campaign.state == CampaignState::Paused {
            "; continue it with 'flowcast campaign resume'"
        } else {
            ""
        };
        return Err(
            Refused(format!("campaign {id} is {}, it was started before{hint}", campaign.state)).into()
        );
    }
    check(store, id).await?;
    let opening = store.start_campaign(id, OPERATOR).await?;
    let recipients = thousands(campaign.recipients);
    line(format!("campaign {id} is running: {recipients} recipients{}", opens(opening)));
    Ok(())
}

async fn pause(store: &Store, id: CampaignId) -> anyhow::Result<()> {
    match store.hold_campaign(id, OPERATOR).await? {
        HoldResult::Now => line(format!("campaign {id} is paused")),
        HoldResult::TakenOver(reason) => line(format!(
            "campaign {id} is paused; it was paused for {reason} before, and stays paused until 'flowcast campaign resume {id}'"
        )),
        HoldResult::Already => {
            return Err(Refused(format!("campaign {id} is paused; only a running one can be paused")).into());
        }
    }
    Ok(())
}

async fn resume(store: &Store, id: CampaignId) -> anyhow::Result<()> {
    let state = store.campaign(id).await?.state;
    if state != CampaignState::Paused {
        return Err(Refused(format!("campaign {id} is {state}; only a paused one can be resumed")).into());
    }
    let opening = store.start_campaign(id, OPERATOR).await?;
    line(format!("campaign {id} is running again{}", opens(opening)));
    Ok(())
}

/// When a campaign begins to send, if that is in the future.
fn opens(opening: Option<Opening>) -> String {
    let later = opening.filter(|opening| opening.from > Timestamp::now());
    later.map_or_else(String::new, |opening| format!("; it sends from {:.0} on", opening.from))
}
