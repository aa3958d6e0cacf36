//! Closing gates because of a provider's report: a payment failed, a template was paused.
//!
//! A report that is days late, or older than the last opening of the gate, does not close it.

use campaign::{Reason, StopReason};
use store::{Error, NoticeRow, ReportedStop, StopCause, Store};

const BY: &str = "the provider's report";

/// Stops senders and campaigns because of failed messages.
pub(crate) async fn stop_by_receipts(store: &Store, stops: Vec<ReportedStop>) {
    for reported in stops {
        if let Err(error) = stop(store, &reported).await {
            tracing::warn!(
                sender.id = %reported.sender, error = &error as &dyn std::error::Error,
                "cannot close a gate; the next failed message tries again: {error}"
            );
        }
    }
}

async fn stop(store: &Store, reported: &ReportedStop) -> Result<(), Error> {
    let ReportedStop { sender, campaign, why, reason, at } = reported;
    if !store.may_stop(*sender, *campaign, *at).await? {
        return Ok(());
    }
    let cause = StopCause { reason: *why, refusal: Some(reason), by: BY };
    let closed = match campaign {
        None => store.stop_sender(*sender, None, &cause).await?,
        Some(campaign) => store.pause_campaign(*campaign, None, &cause).await?,
    };
    if closed {
        tracing::warn!(sender.id = %sender, reason = %why, "stopped by a receipt: {}", reason.text);
    }
    Ok(())
}

/// Pauses the campaigns whose template or flow cannot be sent any more, and logs what is said of the account.
pub(crate) async fn pause_by_notices(store: &Store, notices: &[NoticeRow]) {
    for NoticeRow { sender, name, status, .. } in notices.iter().filter(|notice| notice.about == "account") {
        tracing::warn!(sender.id = %sender, "the provider reports of the account of sender {sender}: {name}: {status}");
    }
    for notice in notices.iter().filter(|notice| notice.is_bad) {
        if let Err(error) = pause(store, notice).await {
            tracing::warn!(
                sender.id = %notice.sender, error = &error as &dyn std::error::Error,
                "cannot pause campaigns, whose messages the provider will refuse: {error}"
            );
        }
    }
}

async fn pause(store: &Store, notice: &NoticeRow) -> Result<(), Error> {
    let name = notice.name.as_str();
    let (reason, template, flow) = match notice.about {
        "template" => (StopReason::TemplateFault, Some((name, notice.language.as_deref())), None),
        _ => (StopReason::FlowFault, None, Some(name)),
    };
    let text = format!(
        "the provider reports that the {} is {}; correct it at the provider, then resume the campaign",
        notice.about, notice.status
    );
    let refusal = Reason { code: reason.word().into(), text: text.into() };
    for campaign in store.campaigns_using(notice.sender, template, flow).await? {
        let cause = StopCause { reason, refusal: Some(&refusal), by: BY };
        if store.pause_campaign(campaign, None, &cause).await? {
            tracing::warn!(campaign.id = %campaign, "campaign {campaign} is paused: {}", refusal.text);
        }
    }
    Ok(())
}
