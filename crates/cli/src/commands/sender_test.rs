//! `flowcast sender test`: one real message to one number, outside the campaign's counts.
//!
//! Nothing of it is stored. Its reference has the usual form but identifies no recipient, so later receipts count for
//! no recipient. The message takes a slot of the sender's rate like every other request. A stopped sender grants no
//! slots; then the message leaves at once, because the operator wants to know whether the sender can be resumed.

use std::time::Duration;

use campaign::{CampaignId, Msisdn, Variables, Verdict, Window};
use secrecy::SecretString;
use store::{LeaseAnswer, LeaseRequest, SenderRow, Store, TimedLease};
use whatsapp::{Account, Channel, Client, Outgoing};

use crate::args::SenderTest;
use crate::exit::Refused;
use crate::keys;
use crate::settings::Settings;
use crate::terminal::output::{line, text};

pub(crate) async fn run(store: &Store, settings: &Settings, test: SenderTest) -> anyhow::Result<()> {
    let sender = store.sender(&test.name).await?;
    let definition = store.campaign(test.campaign).await?.definition;
    definition.check_for(sender.provider)?;
    let message = definition.compile().map_err(|error| Refused(error.to_string()))?;
    let to = Msisdn::parse(&test.to, None).map_err(|error| Refused(format!("--to: {error}")))?;
    let variables = fill(message.variables(), test.variables);
    let message = message.render(&variables, Window::Unheard).map_err(|error| Refused(error.to_string()))?;
    let reference = store.reference_key().await?.seal_test(test.campaign, fastrand::u32(..));
    let outgoing = Outgoing { to, message: &message, reference, campaign: test.campaign, attempt: 0 };
    let channel = open(settings, &sender, test.dry_run)?;
    if test.dry_run {
        let shown = channel.dry_run(&outgoing).map_err(|refusal| Refused(refusal.text.into_owned()))?;
        text(&shown);
        return Ok(());
    }
    wait_for_slot(store, &sender, test.campaign).await?;
    let answer = channel.send(&outgoing).await;
    print(&sender, &answer)
}

async fn wait_for_slot(store: &Store, sender: &SenderRow, campaign: CampaignId) -> anyhow::Result<()> {
    loop {
        match store.lease(sender.id, campaign, LeaseRequest::of(1)).await? {
            LeaseAnswer::Granted(TimedLease { mut lease, at }) => {
                tokio::time::sleep_until(at + lease.take_slot(Duration::ZERO).unwrap_or_default()).await;
                return Ok(());
            }
            LeaseAnswer::Wait(time) => tokio::time::sleep(time).await,
            LeaseAnswer::TooMany(_) | LeaseAnswer::Held => return Ok(()),
        }
    }
}

/// The given variables; every other variable has its name as value.
fn fill<'a>(needed: impl IntoIterator<Item = &'a String>, given: Vec<(String, String)>) -> Variables {
    let names = needed.into_iter().map(|name| (name.clone(), name.clone()));
    names.chain(given).collect()
}

fn open(settings: &Settings, sender: &SenderRow, is_dry: bool) -> anyhow::Result<Channel> {
    let api_key = if is_dry {
        SecretString::from("not-looked-at-here")
    } else {
        keys::resolve(&sender.api_key_ref).map_err(Refused)?
    };
    let account = Account {
        provider: sender.provider,
        base_url: sender.base_url.parse()?,
        account: sender.account.clone(),
        number: sender.number.clone(),
        api_key,
        plus_in_path: true,
    };
    let client = Client::new(&settings.http()?)?;
    Ok(Channel::new(client, &account).map_err(|error| Refused(error.to_string()))?)
}

/// Prints the result without the number. Anything but an acceptance is a failure of the command.
fn print(sender: &SenderRow, answer: &whatsapp::Answer) -> anyhow::Result<()> {
    let status = answer.http_status.map_or_else(|| "no answer".into(), |status| format!("HTTP {status}"));
    let after = format!("{status} after {} ms", answer.latency.as_millis());
    let (what, refusal) = match &answer.verdict {
        Verdict::Accepted { provider_message_id } => {
            line(format!("{} accepted the message as {provider_message_id} ({after})", sender.provider));
            return Ok(());
        }
        Verdict::Throttled { refusal, .. } => ("too fast", refusal),
        Verdict::Retry { refusal, .. } => ("not accepted, may be sent again", refusal),
        Verdict::Unknown { refusal } => ("unknown, may have been accepted", refusal),
        Verdict::Rejected { refusal } => ("rejected", refusal),
        Verdict::StopCampaign { refusal, .. } => ("would stop the campaign", refusal),
        Verdict::StopSender { refusal, .. } => ("would stop the sender", refusal),
    };
    Err(Refused(format!("{what}: {} {} ({after})", refusal.code, refusal.text)).into())
}
