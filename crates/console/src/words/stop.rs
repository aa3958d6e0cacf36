//! Stops: what happened, what to do, and what happens by itself.

use campaign::{Probing, StopReason};

/// What happened, as the end of "Stopped: …"; `provider` is the name of the provider.
pub(crate) fn cause(reason: StopReason, provider: &str) -> String {
    match reason {
        StopReason::LowBalance => format!("low balance at {provider}"),
        StopReason::Payment => format!("payment required at {provider}"),
        StopReason::BadCredentials => format!("{provider} rejects the API key"),
        StopReason::SenderNotAllowed => "number not allowed to send".into(),
        StopReason::Misconfigured => "wrong provider address".into(),
        StopReason::DailyLimit => "provider's daily limit reached".into(),
        StopReason::ProviderDown => format!("{provider} is not responding"),
        StopReason::DailyCap => "daily cap reached".into(),
        StopReason::PolicyHold => "policy hold by WhatsApp".into(),
        StopReason::TooManyRefusals => "too many refusals in a row".into(),
        StopReason::TemplateFault => "template paused or disabled".into(),
        StopReason::FlowFault => "flow blocked".into(),
        StopReason::DatabaseFailedOver => "the database failed over or was restored".into(),
        StopReason::Operator => "paused by a person".into(),
    }
}

/// The same in a few words, for a list.
pub(crate) fn short(reason: StopReason) -> &'static str {
    match reason {
        StopReason::LowBalance => "low balance",
        StopReason::Payment => "payment required",
        StopReason::BadCredentials => "API key rejected",
        StopReason::SenderNotAllowed => "number not allowed",
        StopReason::Misconfigured => "wrong address",
        StopReason::DailyLimit => "provider's daily limit",
        StopReason::ProviderDown => "provider not responding",
        StopReason::DailyCap => "daily cap reached",
        StopReason::PolicyHold => "policy hold",
        StopReason::TooManyRefusals => "too many refusals",
        StopReason::TemplateFault => "template fault",
        StopReason::FlowFault => "flow fault",
        StopReason::DatabaseFailedOver => "database failed over",
        StopReason::Operator => "paused",
    }
}

/// What a person can do.
pub(crate) fn advice(reason: StopReason, provider: &str) -> String {
    match reason {
        StopReason::LowBalance => format!("Top up the {provider} account."),
        StopReason::Payment => format!("Settle the payment at {provider}."),
        StopReason::BadCredentials => "Put the right API key where the workers read it, restart the workers, then resume the sender.".into(),
        StopReason::SenderNotAllowed => format!("Ask {provider} to allow the number for this account, then resume the sender."),
        StopReason::Misconfigured => "Correct the provider address of the sender, then resume it.".into(),
        StopReason::DailyLimit => "Wait for the next day, or ask the provider for a higher limit.".into(),
        StopReason::ProviderDown => format!("Look at the status page of {provider}."),
        StopReason::DailyCap => "Wait for the next day, or raise the daily cap of the sender.".into(),
        StopReason::PolicyHold => "Send less and only to people who expect it; when WhatsApp lifts the hold, resume the sender.".into(),
        StopReason::TooManyRefusals => "Look at the reasons below; the message is probably wrong. Correct it in a copy of the campaign, or resume.".into(),
        StopReason::TemplateFault => "WhatsApp pauses a template for 3 hours, then for 6, then for good. Improve its text or audience; resume when it is active.".into(),
        StopReason::FlowFault => "Correct and publish the flow at Meta, then resume.".into(),
        StopReason::DatabaseFailedOver => "Messages that were sent just before may be missing here. Ask operations to confirm the database, then resume the sender.".into(),
        StopReason::Operator => "Resume when the cause of the pause is gone.".into(),
    }
}

/// What happens without a person.
pub(crate) fn by_itself(reason: StopReason) -> &'static str {
    match (reason.probing(), reason) {
        (Some(Probing::Patient), _) => {
            "One message is tried every few minutes; sending resumes when it is accepted."
        }
        (Some(Probing::Eager), _) => {
            "One message is tried every few seconds; sending resumes when it is accepted."
        }
        (None, StopReason::DailyCap) => "Sending resumes when the next day begins.",
        (None, _) => "Sending does not resume by itself.",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_stop_has_its_own_words() {
        let causes: BTreeSet<String> =
            StopReason::ALL.iter().map(|reason| cause(*reason, "Kaleyra")).collect();
        let shorts: BTreeSet<&str> = StopReason::ALL.iter().map(|reason| short(*reason)).collect();
        assert_eq!((causes.len(), shorts.len()), (StopReason::ALL.len(), StopReason::ALL.len()));
        for reason in StopReason::ALL {
            assert!(
                advice(*reason, "Kaleyra").ends_with('.') && by_itself(*reason).ends_with('.'),
                "{reason}"
            );
        }
        assert_eq!(cause(StopReason::LowBalance, "Kaleyra"), "low balance at Kaleyra");
        assert!(
            by_itself(StopReason::LowBalance).contains("minutes")
                && by_itself(StopReason::DailyCap).contains("next day")
        );
    }
}
