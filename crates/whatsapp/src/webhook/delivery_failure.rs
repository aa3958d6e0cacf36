//! The classification of failed deliveries, by the tables of errors that also classify answers.
//!
//! The provider accepted the message, and the later failure is reported. A failure that is not a stop counts as not delivered and
//! causes no new attempt, except that a closed window may cause the template to be sent. Two codes have another follow-up (Meta's page of error codes: 131049, 131050),
//! and so has an opt-out on Kaleyra's page about the not-sent callback.

use campaign::{FollowUp, Refusal, Stop, StopReason, StopScope};
use serde_json::Value;

use crate::classification::answer::{ParsedAnswer, clean_code};
use crate::classification::classify::find_rule;
use crate::classification::error_rule::{Class, Pattern, Rule};
use crate::webhook::event::DeliveryFailure;

/// A cause that only receipts have. Kaleyra: "Not Sent: number opted out"; the code is not documented.
pub(crate) static OPTED_OUT: Rule = Rule {
    pattern: Pattern::Text("opted_out", &["opted out"]),
    http_status: None,
    class: Class::Rejected,
    text: "the recipient opted out at the provider",
};

const UNKNOWN: &str = "not delivered, for a reason that is not in the provider's table";

/// Classifies a failed delivery by its code or by the provider's `text`, which is not kept.
pub(crate) fn classify(
    [own, metas]: [&'static [Rule]; 2],
    operator_class: impl Fn(&str) -> Option<Class>,
    code: Option<&Value>,
    text: &str,
) -> DeliveryFailure {
    let mut parsed =
        ParsedAnswer { code: clean_code(code), message: text, message_id: None, is_refusal: true };
    let rule = find_rule(&[std::slice::from_ref(&OPTED_OUT), own, metas], None, &mut parsed);
    let code = rule.and_then(Rule::code).or_else(|| parsed.code.clone()).unwrap_or("failed".into());
    let class = operator_class(&code).or_else(|| rule.map(|rule| rule.class));
    let (follow_up, stop) = follow_up(&code, class);
    let text = rule.map_or(UNKNOWN, |rule| rule.text);
    let window_closed = class == Some(Class::WindowClosed);
    DeliveryFailure { refusal: Refusal { code, text: text.into() }, follow_up, stop, window_closed }
}

fn follow_up(code: &str, class: Option<Class>) -> (FollowUp, Option<Stop>) {
    let stop = |scope, reason: StopReason| (FollowUp::Stop, Some(Stop { scope, reason }));
    match class {
        Some(Class::StopCampaign(reason)) => stop(StopScope::Campaign, reason),
        Some(Class::StopSender(reason)) => stop(StopScope::Sender, reason),
        Some(
            Class::Accepted
            | Class::Throttle
            | Class::Retry(_)
            | Class::Unknown
            | Class::Rejected
            | Class::WindowClosed,
        )
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
    use campaign::Provider;
    use serde_json::json;

    use crate::providers::failure_rules;

    #[test]
    fn a_failure_has_the_follow_up_of_its_rule() {
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
            (Provider::Kaleyra, json!(131_047), "Re-engagement message", "131047", FollowUp::NotDelivered),
            (Provider::OneMsg, json!(131_047), "Re-engagement message", "131047", FollowUp::NotDelivered),
            (
                Provider::LipaChat,
                json!(null),
                "24-hour session window",
                "window_closed",
                FollowUp::NotDelivered,
            ),
            (Provider::OneMsg, json!(131_048), "Spam rate limit hit", "131048", FollowUp::Stop),
            (Provider::OneMsg, json!(null), "(#131048) Spam rate limit hit", "131048", FollowUp::Stop),
            (Provider::LipaChat, json!(null), "(#131042) Payment issue", "131042", FollowUp::Stop),
            (Provider::Meta, json!(131_026), "The user opted out", "131026", FollowUp::NotDelivered),
            (Provider::OneMsg, json!(132_001), "Template does not exist", "132001", FollowUp::Stop),
            (Provider::OneMsg, json!({"a": 1}), "254700000001 is bad", "failed", FollowUp::NotDelivered),
        ];
        for (provider, code, words, named, follow_up) in cases {
            let failure = classify(failure_rules(provider), |_| None, Some(&code), words);
            assert_eq!((failure.refusal.code.as_ref(), failure.follow_up), (named, follow_up), "{code}");
            assert_eq!(failure.stop.is_some(), follow_up == FollowUp::Stop);
            assert_eq!(failure.window_closed, ["window_closed", "131047"].contains(&named), "{code}");
        }
    }
}
