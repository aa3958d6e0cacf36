//! Closing gates by what providers report: a payment that failed, a template that was paused.
//!
//! What is days late, or older than the last opening of the gate, closes nothing.

use campaign::{Reason, StopReason, StopScope};
use store::{Error, NoticeRow, StopCause, Store};

use crate::intake::StopWish;

const BY: &str = "the provider's report";

/// Closes the gates that failed messages ask for.
pub(crate) async fn receipts(store: &Store, wishes: Vec<StopWish>) {
    for wish in wishes {
        if let Err(error) = stop(store, &wish).await {
            tracing::warn!(
                sender.id = %wish.sender, error = &error as &dyn std::error::Error,
                "a gate was not closed, the next message will say it again: {error}"
            );
        }
    }
}

async fn stop(store: &Store, wish: &StopWish) -> Result<(), Error> {
    let campaign = match wish.stop.scope {
        StopScope::Sender => None,
        // Of a message whose campaign is not known, nothing can be stopped.
        StopScope::Campaign if wish.campaign.is_none() => return Ok(()),
        StopScope::Campaign => wish.campaign,
    };
    if !store.may_stop(wish.sender, campaign, wish.at).await? {
        return Ok(());
    }
    let cause = StopCause { reason: wish.stop.reason, refusal: Some(&wish.reason), by: BY };
    let closed = match campaign {
        None => store.stop_sender(wish.sender, None, &cause).await?,
        Some(campaign) => store.pause_campaign(campaign, None, &cause).await?,
    };
    if closed {
        tracing::warn!(sender.id = %wish.sender, reason = %wish.stop.reason, "stopped by a receipt: {}", wish.reason.text);
    }
    Ok(())
}

/// Pauses the campaigns that send a template or a flow that cannot be sent any more.
pub(crate) async fn notices(store: &Store, notices: &[NoticeRow]) {
    for notice in notices.iter().filter(|notice| notice.is_bad) {
        if let Err(error) = pause(store, notice).await {
            tracing::warn!(
                sender.id = %notice.sender, error = &error as &dyn std::error::Error,
                "campaigns were not paused, the provider will refuse their messages: {error}"
            );
        }
    }
}

async fn pause(store: &Store, notice: &NoticeRow) -> Result<(), Error> {
    let name = Some(notice.name.as_str());
    let (reason, template, flow) = match notice.about {
        "template" => (StopReason::TemplateFault, name, None),
        _ => (StopReason::FlowFault, None, name),
    };
    let text = format!(
        "the provider says that the {} is {}; mend it there, then resume",
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
