//! Why a message was not delivered after all: the providers' tables of errors once more, and what is done about each.
//!
//! Nobody is sent to again because of a receipt: that the provider took the message counts, and what became of it then is
//! reported. So whatever is no stop counts as not delivered; two codes say more (Meta's page of error codes: 131049, 131050), and
//! Kaleyra's page of the not-sent callback for those who opted out.

use campaign::{FollowUp, Provider, Refusal, Stop, StopReason, StopScope};
use serde_json::Value;

use super::Failure;
use crate::answer::{Said, clean_code};
use crate::overrides::Overrides;
use crate::rule::{Class, Rule, Sign};
use crate::{kaleyra_errors, lipachat_errors, meta_errors, one_msg_errors};

/// What only receipts say. Kaleyra: "Not Sent: number opted out"; its code is not documented.
const OPTED_OUT: Rule = Rule {
    sign: Sign::Saying("opted_out", &["opted out"]),
    http: None,
    class: Class::Rejected,
    text: "the recipient opted out at the provider",
};

const UNKNOWN: &str = "not delivered, for a reason that is not in the provider's table";

/// What this code, or these words, mean; the words are never kept.
pub(super) fn classify(
    provider: Provider,
    overrides: &Overrides,
    code: Option<&Value>,
    words: &str,
) -> Failure {
    let said = Said { code: clean_code(code), message: words, message_id: None, is_refusal: true };
    let rule = rules(provider).find(|rule| !rule.is_by_status() && rule.covers(0, &said));
    let code = rule.and_then(Rule::code).or_else(|| said.code.clone()).unwrap_or("failed".into());
    let class = overrides.class(provider, &code).or_else(|| rule.map(|rule| rule.class));
    let (follow_up, stop) = follow_up(&code, class);
    let text = rule.map_or(UNKNOWN, |rule| rule.text);
    Failure { refusal: Refusal { code, text: text.into() }, follow_up, stop }
}

/// The provider's own table first; Meta's codes are passed on by all of them.
fn rules(provider: Provider) -> impl Iterator<Item = &'static Rule> {
    let own = match provider {
        Provider::Kaleyra => kaleyra_errors::ERRORS,
        Provider::LipaChat => lipachat_errors::ERRORS,
        Provider::OneMsg => one_msg_errors::ERRORS,
        Provider::Meta => &[],
    };
    std::iter::once(&OPTED_OUT).chain(own).chain(meta_errors::ERRORS)
}

fn follow_up(code: &str, class: Option<Class>) -> (FollowUp, Option<Stop>) {
    let stop = |scope, reason: StopReason| (FollowUp::Stop, Some(Stop { scope, reason }));
    match class {
        Some(Class::StopCampaign(reason)) => stop(StopScope::Campaign, reason),
        Some(Class::StopSender(reason)) => stop(StopScope::Sender, reason),
        Some(Class::Accepted | Class::Throttle | Class::Retry(_) | Class::Unknown | Class::Rejected)
        | None => match code {
            "131050" | "opted_out" => (FollowUp::Suppress, None),
            "131049" => (FollowUp::Wait, None),
            _ => (FollowUp::NotDelivered, None),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_failure_has_the_follow_up_that_the_map_says() {
        let cases = [
            (Provider::Meta, json!(131_049), "", "131049", FollowUp::Wait),
            (Provider::Meta, json!("131050"), "", "131050", FollowUp::Suppress),
            (Provider::Kaleyra, json!(131_050), "", "131050", FollowUp::Suppress),
            (Provider::Meta, json!(131_026), "", "131026", FollowUp::NotDelivered),
            (Provider::Meta, json!(131_042), "", "131042", FollowUp::Stop),
            (Provider::Meta, json!(132_015), "", "132015", FollowUp::Stop),
            (Provider::Kaleyra, json!("WAV2101"), "Account daily limit reached", "WAV2101", FollowUp::Stop),
            (Provider::Kaleyra, json!("WAV2999"), "To number opted out", "opted_out", FollowUp::Suppress),
            (Provider::Kaleyra, json!("WAV2999"), "", "WAV2999", FollowUp::NotDelivered),
            (
                Provider::LipaChat,
                json!(null),
                "24-hour session window",
                "window_closed",
                FollowUp::NotDelivered,
            ),
            (Provider::OneMsg, json!({"a": 1}), "254700000001 is bad", "failed", FollowUp::NotDelivered),
        ];
        for (provider, code, words, named, follow_up) in cases {
            let failure = classify(provider, &Overrides::default(), Some(&code), words);
            assert_eq!((failure.refusal.code.as_ref(), failure.follow_up), (named, follow_up), "{code}");
            assert_eq!(failure.stop.is_some(), follow_up == FollowUp::Stop);
        }
    }
}
