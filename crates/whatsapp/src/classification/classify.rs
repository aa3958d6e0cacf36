//! The verdict on an answer, by the rules of its provider and by the HTTP status.
//!
//! An undocumented answer fails safe: if the provider may have accepted the message, the outcome is unknown, and the message is
//! not sent again automatically.

use std::borrow::Cow;

use campaign::{Refusal, StopReason, Verdict};
use serde_json::Value;

use crate::classification::answer::{HttpAnswer, ParsedAnswer, code_in_text, http_code};
use crate::classification::error_rule::{Class, Kind, Rule};

/// The rule for an answer. A code in the body decides; then a code that the text names, as in `(#131048) …`; then the words of the
/// text; then the HTTP status, if there is one. So no words cover a code: "Spam rate limit hit" is the title of a code that stops the
/// sender. Among the rules of one kind, the first one that matches is the rule. If the text names the code of the rule, `parsed` gets
/// that code.
pub(crate) fn find_rule<'r>(
    rules: &[&'r [Rule]],
    status: Option<u16>,
    parsed: &mut ParsedAnswer<'_>,
) -> Option<&'r Rule> {
    let first = |kind: Kind, parsed: &ParsedAnswer<'_>| {
        let of_kind = rules.iter().copied().flatten().filter(|rule| rule.kind() == kind);
        of_kind.into_iter().find(|rule| rule.matches(status.unwrap_or_default(), parsed))
    };
    if let Some(rule) = first(Kind::Code, parsed) {
        return Some(rule);
    }
    if let Some(code) = code_in_text(parsed.message) {
        let in_body = parsed.code.replace(code);
        if let Some(rule) = first(Kind::Code, parsed) {
            return Some(rule);
        }
        parsed.code = in_body.or(parsed.code.take());
    }
    first(Kind::Text, parsed).or_else(|| status.and_then(|_| first(Kind::Status, parsed)))
}

/// Classifies an answer by the rule of `rules` that matches it; see [`find_rule`].
pub(crate) fn classify(rules: &[&[Rule]], answer: &HttpAnswer<'_>, mut parsed: ParsedAnswer<'_>) -> Verdict {
    let rule = find_rule(rules, Some(answer.status), &mut parsed);
    let is_success = (200..300).contains(&answer.status);
    if is_success && (!parsed.is_refusal || parsed.message_id.is_some()) {
        let refused = parsed.is_refusal || rule.is_some_and(|rule| rule.class != Class::Accepted);
        return accepted(parsed.message_id, refused);
    }
    match rule {
        _ if (300..400).contains(&answer.status) => redirected(answer.status),
        Some(rule) => rule.verdict(answer, &parsed),
        None if is_success => Verdict::Rejected { refusal: unknown_refusal(parsed.code) },
        None => undocumented(answer, parsed.code),
    }
}

/// The refusal of an answer that says explicitly that it refuses, but matches no rule.
fn unknown_refusal(code: Option<Cow<'static, str>>) -> Refusal {
    let code = code.unwrap_or(Cow::Borrowed("refused"));
    Refusal { code, text: "refused with a text that is not in the provider's table".into() }
}

/// The verdict on a 2xx answer. `refused` is whether the answer also matches a documented refusal.
fn accepted(message_id: Option<&Value>, refused: bool) -> Verdict {
    const NO_ID: Refusal = Refusal::own("no_message_id");
    const CONTRADICTORY: Refusal = Refusal::own("contradictory_answer");
    let is_clean =
        |id: &&str| (1..=256).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    match message_id.and_then(Value::as_str).filter(is_clean) {
        Some(_) if refused => Verdict::Unknown { refusal: CONTRADICTORY },
        Some(id) => Verdict::Accepted { provider_message_id: id.to_owned() },
        None => Verdict::Unknown { refusal: NO_ID },
    }
}

/// The verdict on a redirect. No provider sends redirects, so the base URL is wrong, for every recipient.
fn redirected(status: u16) -> Verdict {
    Verdict::StopSender {
        refusal: Refusal {
            code: http_code(status),
            text: "the provider answers with a redirect, which is not followed; correct the base URL with 'flowcast sender set --base-url', then resume the sender".into(),
        },
        reason: StopReason::Misconfigured,
    }
}

/// The verdict on an answer other than 2xx and 3xx that matches no rule.
fn undocumented(answer: &HttpAnswer<'_>, code: Option<Cow<'static, str>>) -> Verdict {
    let code = code.unwrap_or_else(|| http_code(answer.status));
    let refusal = |text: &'static str| Refusal { code, text: text.into() };
    match answer.status {
        429 | 503 => Verdict::Throttled {
            refusal: refusal("too many requests for the provider; the rate is lowered automatically"),
            retry_after: answer.retry_after,
        },
        // 408 comes from an intermediary, and does not tell whether the request reached the provider.
        400..=407 | 409..=499 => {
            Verdict::Rejected { refusal: refusal("refused with a code that is not in the provider's table") }
        }
        _ => Verdict::Unknown {
            refusal: refusal(
                "an error at the provider that is not in its table; the provider may have accepted the message",
            ),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_undocumented_answer_fails_safe_by_its_status() {
        let classify = |status| {
            let answer = HttpAnswer { status, retry_after: Some(Duration::from_secs(9)), body: b"" };
            undocumented(&answer, None)
        };
        for status in [429, 503] {
            assert!(
                matches!(classify(status), Verdict::Throttled { retry_after: Some(pause), .. } if pause.as_secs() == 9)
            );
        }
        for status in [400, 401, 404, 418, 499] {
            assert!(
                matches!(classify(status), Verdict::Rejected { refusal } if refusal.code == format!("http_{status}"))
            );
        }
        for status in [0, 100, 199, 408, 500, 502, 504, 599, 600, u16::MAX] {
            assert!(matches!(classify(status), Verdict::Unknown { .. }), "{status}");
        }
    }
}
