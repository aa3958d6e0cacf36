//! Every documented answer of a provider, and what happens after it.
//!
//! The effects are those of the functions that decide during sending and in receipts, for the first attempt of a campaign with
//! the default policy. So the table cannot differ from them.

use std::borrow::Cow;

use campaign::{
    Attempt, FollowUp, Outcome, Policy, Probing, Provider, Refusal, Stop, StopReason, StopScope, classify,
};
use serde_json::{Value, json};

use crate::classification::error_rule::{Class, Pattern, Rule};
use crate::classification::overrides::Overrides;
use crate::providers::{error_map, failure_rules, meta};
use crate::webhook::delivery_failure;

/// One documented answer of a provider, and what Flowcast does after it.
#[derive(Debug)]
pub struct DocumentedAnswer {
    /// The provider that documents the answer. It differs from the asked provider if that one passes the answer on.
    pub source: Provider,
    /// The rule that recognizes the answer.
    pub rule: &'static Rule,
    /// The class of the answer, with the operator's override.
    pub class: Class,
    /// Whether the class is an override of the operator.
    pub is_configured: bool,
    /// What happens if a request is answered so; `None` if the provider reports it in receipts only.
    pub in_answer: Option<Effect>,
    /// What happens if a receipt reports it after the message was accepted; `None` if a receipt cannot.
    pub in_receipt: Option<Effect>,
}

/// What happens to the recipient, and what stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// What happens to the recipient, in words.
    pub recipient: Cow<'static, str>,
    /// The gate that closes.
    pub stop: Option<Stop>,
}

impl Effect {
    fn of(recipient: impl Into<Cow<'static, str>>) -> Self {
        Self { recipient: recipient.into(), stop: None }
    }

    /// What stops and how it ends, in words.
    pub fn stop_words(&self) -> Option<String> {
        let Stop { scope, reason } = self.stop?;
        let what = match scope {
            StopScope::Sender => "sender",
            StopScope::Campaign => "campaign",
        };
        Some(format!("{what} ({reason}), {}", ended_by(reason)))
    }
}

fn ended_by(reason: StopReason) -> &'static str {
    match reason.probing() {
        Some(Probing::Patient) => "probed every few minutes",
        Some(Probing::Eager) => "probed every few seconds",
        None => "until resumed",
    }
}

impl DocumentedAnswer {
    /// How the answer is recognized at this provider. LipaChat has no codes, so its text must name the code.
    pub fn recognized_by(&self, provider: Provider) -> String {
        match (provider, self.rule.pattern) {
            (Provider::LipaChat, Pattern::Code(code)) => format!("saying '(#{code})'"),
            (Provider::LipaChat, Pattern::CodeRange(first, last)) => {
                format!("saying '(#{first})' to '(#{last})'")
            }
            (_, pattern) => pattern.to_string(),
        }
    }

    fn new(provider: Provider, source: Provider, rule: &'static Rule, overrides: &Overrides) -> Self {
        let given = rule.code().and_then(|code| overrides.class(provider, &code));
        let class = given.unwrap_or(rule.class);
        let only_in_receipts = std::ptr::eq(rule, &raw const delivery_failure::OPTED_OUT)
            || (provider == Provider::Kaleyra && source == Provider::Meta);
        let in_answer = (!only_in_receipts).then(|| in_answer(rule.class, class));
        let in_receipt = in_receipt(provider, rule, overrides);
        Self { source, rule, class, is_configured: given.is_some(), in_answer, in_receipt }
    }
}

/// The documented answers of a provider: its own, Meta's that it passes on, and those of receipts only. The classes of
/// `overrides` apply.
pub fn documented_answers(provider: Provider, overrides: &Overrides) -> Vec<DocumentedAnswer> {
    let own = error_map(provider).iter().map(|rule| (provider, rule));
    // The rules by status of Meta's table are for Meta's own answers.
    let passed_on = meta::errors::ERRORS.iter().filter(|rule| !matches!(rule.pattern, Pattern::Status(_)));
    let passed_on = passed_on.filter(|_| provider != Provider::Meta).map(|rule| (Provider::Meta, rule));
    let of_receipts = std::iter::once((provider, &delivery_failure::OPTED_OUT));
    let all = own.chain(passed_on).chain(of_receipts);
    all.map(|(source, rule)| DocumentedAnswer::new(provider, source, rule, overrides)).collect()
}

/// The effect of an answer. An override cannot make an answer accepted.
fn in_answer(documented: Class, class: Class) -> Effect {
    if documented == Class::Accepted {
        return Effect::of("accepted, if HTTP 2xx with a message id");
    }
    let attempt = Attempt { number: 1, random: 0.0, time_left: None, is_probe: false, has_fallback: true };
    match classify(&Policy::default(), attempt, class.verdict(Refusal::new("", ""), None)) {
        Outcome::Accepted { .. } => Effect::of("accepted"),
        Outcome::Retry { .. } if class == Class::Retry(&[]) => {
            Effect::of("retry after the pauses of the campaign, then failed")
        }
        Outcome::Retry { .. } => Effect::of(format!("{class}, then failed")),
        Outcome::FallBack { .. } => Effect::of("gets the template at once; failed without a template"),
        Outcome::Throttled { .. } => Effect::of("retry, not counted; the rate of the sender is lowered"),
        Outcome::Failed { .. } => Effect::of("failed"),
        Outcome::Unknown { .. } => Effect::of("unknown, not sent to again without a rule or an operator"),
        Outcome::Held { stop, .. } => {
            Effect { recipient: "pending again, not counted".into(), stop: Some(stop) }
        }
    }
}

/// The effect of a receipt of a failed delivery.
fn in_receipt(provider: Provider, rule: &Rule, overrides: &Overrides) -> Option<Effect> {
    let (code, text): (Option<Value>, String) = match rule.pattern {
        _ if rule.class == Class::Accepted => return None,
        Pattern::Code(code) => (Some(json!(code)), String::new()),
        Pattern::CodeWithText(code, text) => (Some(json!(code)), text.to_owned()),
        Pattern::CodeRange(first, _) => (Some(json!(first)), String::new()),
        Pattern::Text(_, texts) => (None, texts.join(" ")),
        Pattern::Status(_) => return None,
    };
    let class = |code: &str| overrides.class(provider, code);
    let failure = delivery_failure::classify(failure_rules(provider), class, code.as_ref(), &text);
    let recipient = match failure.follow_up {
        FollowUp::NotDelivered if failure.window_closed => {
            "gets the template at once; not delivered without a template"
        }
        FollowUp::NotDelivered | FollowUp::Stop => "not delivered",
        FollowUp::Wait => "not delivered; nothing is sent for 24 hours, except in an open window",
        FollowUp::Suppress => "not delivered; suppressed",
    };
    Some(Effect { recipient: recipient.into(), stop: failure.stop })
}
