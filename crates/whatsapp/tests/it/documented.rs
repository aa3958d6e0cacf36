//! The table of documented answers against the simulator, which gives every answer in the provider's own title and body.

use std::collections::BTreeSet;

use campaign::{Attempt, FollowUp, Message, Outcome, Policy, Provider, StopScope, Verdict, classify};
use simulator::{Effect as FaultEffect, Fault, Scope, Webhook};
use whatsapp::webhook::Event;
use whatsapp::{Channel, DocumentedAnswer, Overrides, Pattern, documented_answers, read_webhook};

use crate::listener::{Act, Listener, until};
use crate::simulated::open;
use crate::verdicts::line;
use crate::{send_message, survey};

/// Answers of the simulators that no page documents.
const UNDOCUMENTED: [&str; 16] = [
    "kaleyra method_not_allowed",
    "kaleyra not_found",
    "lipachat internal_error",
    "lipachat method_not_allowed",
    "lipachat not_found",
    "lipachat overloaded",
    "lipachat rate_limited",
    "1msg empty_body",
    "1msg method_not_allowed",
    "1msg not_found",
    "1msg overloaded",
    "1msg queued",
    "1msg not_found_by_meta",
    "1msg method_not_allowed_by_meta",
    "meta method_not_allowed",
    "meta not_found",
];

/// Rows by HTTP status alone, for statuses that the simulators give with a known code or text only.
const NOT_GIVEN: [&str; 4] = ["1msg http_401", "1msg http_429", "lipachat http_401", "meta http_401"];

fn refuse(outcome: &str) -> Fault {
    let effect = FaultEffect::Refuse { outcome: outcome.into(), retry_after_s: None, accepted: false };
    Fault { effect, scope: Scope::next(1) }
}

/// Whether the row is about this code.
fn is_about(row: &DocumentedAnswer, code: &str) -> bool {
    match row.rule.pattern {
        Pattern::CodeRange(first, last) => code.parse().is_ok_and(|code: u32| (first..=last).contains(&code)),
        _ => row.rule.code().is_some_and(|known| known == code),
    }
}

/// What happens to a recipient, without the words of the table.
fn what_happens(verdict: Verdict) -> (String, Option<String>) {
    let attempt = Attempt { number: 1, random: 0.0, time_left: None, is_probe: false, has_fallback: true };
    let (recipient, stop) = match classify(&Policy::default(), attempt, verdict.clone()) {
        Outcome::Accepted { .. } => ("accepted".to_owned(), None),
        Outcome::Retry { .. } => match verdict {
            Verdict::Retry { schedule: [], .. } => {
                ("retry after the pauses of the campaign".to_owned(), None)
            }
            Verdict::Retry { schedule, .. } => {
                let pauses: Vec<_> =
                    schedule.iter().map(|pause| humantime::format_duration(*pause).to_string()).collect();
                (format!("retry after {}", pauses.join(", ")), None)
            }
            other => unreachable!("{other:?} is retried"),
        },
        Outcome::FallBack { counted, .. } => {
            assert!(counted);
            ("gets the template at once".to_owned(), None)
        }
        Outcome::Throttled { .. } => ("retry, not counted; the rate".to_owned(), None),
        Outcome::Failed { .. } => ("failed".to_owned(), None),
        Outcome::Unknown { .. } => ("unknown, not sent to again".to_owned(), None),
        Outcome::Held { stop, .. } => ("pending again, not counted".to_owned(), Some(stop)),
    };
    (recipient, stop.map(|stop| words_of(stop.scope, &stop.reason.to_string())))
}

fn words_of(scope: StopScope, reason: &str) -> String {
    let scope = if scope == StopScope::Sender { "sender" } else { "campaign" };
    format!("{scope} ({reason}), ")
}

/// The verdicts on all refusals of the simulated provider, by name.
async fn refusals(provider: Provider) -> Vec<(String, Verdict)> {
    let (running, channel) = open(provider, None).await;
    let error = running.controls().inject(refuse("no such thing")).unwrap_err().to_string();
    let names: Vec<&str> = error.split("use one of ").nth(1).unwrap().split(", ").collect();
    let mut found = Vec::new();
    for (name, seq) in names.iter().zip(1..) {
        running.controls().inject(refuse(name)).unwrap();
        let answer = send_message(&channel, &Message::Flow(survey()), seq).await;
        found.push(((*name).to_owned(), answer.verdict));
    }
    running.shutdown().await;
    found
}

#[tokio::test]
async fn every_answer_of_the_simulators_is_in_the_table_and_every_row_is_given_by_a_simulator() {
    let (mut undocumented, mut not_given) = (BTreeSet::new(), BTreeSet::new());
    for provider in Provider::ALL {
        let table = documented_answers(provider, &Overrides::default());
        let mut given = BTreeSet::new();
        for (name, verdict) in refusals(provider).await {
            let shown = line(&verdict);
            let code = shown.rsplit(' ').next().unwrap().to_owned();
            let rows: Vec<&DocumentedAnswer> =
                table.iter().filter(|row| row.in_answer.is_some() && is_about(row, &code)).collect();
            if rows.is_empty() {
                undocumented.insert(format!("{provider} {name}"));
                continue;
            }
            let (recipient, stop) = what_happens(verdict);
            for row in rows {
                let effect = row.in_answer.as_ref().unwrap();
                assert!(effect.recipient.starts_with(&recipient), "{provider} {name}: {shown}, {effect:?}");
                let words = effect.stop_words();
                let is_same = match (&words, &stop) {
                    (Some(words), Some(stop)) => words.starts_with(stop),
                    (None, None) => true,
                    _ => false,
                };
                assert!(is_same, "{provider} {name}: {shown}, {words:?}");
                given.insert(row.recognized_by(provider));
            }
        }
        let of_text =
            |row: &&DocumentedAnswer| provider == Provider::LipaChat && row.source == Provider::Meta;
        let rows = table.iter().filter(|row| row.in_answer.is_some() && !of_text(row));
        let rows = rows.filter(|row| row.class != whatsapp::Class::Accepted);
        let missing = rows.filter(|row| !given.contains(&row.recognized_by(provider)));
        not_given.extend(missing.map(|row| format!("{provider} {}", row.rule.code().unwrap_or_default())));
    }
    let expected: BTreeSet<String> = UNDOCUMENTED.map(str::to_owned).into();
    assert_eq!(undocumented, expected);
    assert_eq!(not_given.into_iter().collect::<Vec<_>>(), NOT_GIVEN);
}

/// The failure that the simulator posts for a message that fails with this code.
async fn posted_failure(
    provider: Provider,
    running: &simulator::Running,
    channel: &Channel,
    code: &str,
) -> whatsapp::webhook::DeliveryFailure {
    let acts = [(); 2].map(|()| Act::answer("200 OK", "", ""));
    let listener = Listener::new(acts).await;
    let url = format!("{}/webhook", listener.url());
    let webhook = Webhook { url, failed: 1.0, failed_code: code.to_owned(), ..Webhook::default() };
    running.controls().set_webhook(Some(webhook)).unwrap();
    send_message(channel, &Message::Flow(survey()), 1).await;
    until(|| listener.requests().len() == 2).await;
    let failures = listener.requests().into_iter().filter_map(|request| {
        let body = request.split_once("\r\n\r\n").unwrap().1.to_owned();
        let parsed = read_webhook(provider, body.as_bytes(), &Overrides::default()).unwrap();
        parsed.events.into_iter().find_map(|event| match event {
            Event::Receipt(receipt) => receipt.failure,
            _ => None,
        })
    });
    failures.into_iter().next().expect("the simulator posts a failure")
}

#[tokio::test]
async fn a_receipt_with_a_documented_code_has_the_effect_of_the_table() {
    for provider in Provider::ALL {
        let (running, channel) = open(provider, None).await;
        let mut n = 0;
        for row in documented_answers(provider, &Overrides::default()) {
            let (Some(effect), Some(code)) = (&row.in_receipt, row.rule.code()) else { continue };
            let is_posted = code.parse::<u32>().is_ok() || provider == Provider::Kaleyra;
            if !is_posted || !matches!(row.rule.pattern, Pattern::Code(_)) {
                continue;
            }
            let failure = posted_failure(provider, &running, &channel, &code).await;
            assert_eq!(failure.refusal.code, code, "{provider}");
            let recipient = match failure.follow_up {
                FollowUp::NotDelivered if failure.window_closed => "gets the template at once",
                FollowUp::NotDelivered | FollowUp::Stop => "not delivered",
                FollowUp::Wait => "not delivered; nothing is sent for 24 hours",
                FollowUp::Suppress => "not delivered; suppressed",
            };
            assert!(effect.recipient.starts_with(recipient), "{provider} {code}: {effect:?}");
            assert_eq!(effect.stop, failure.stop, "{provider} {code}");
            n += 1;
        }
        assert!(n > 50, "{provider}: {n} codes");
        running.shutdown().await;
    }
}

#[test]
fn an_override_of_the_operator_is_in_the_table() {
    let overrides: Overrides = toml::from_str("[kaleyra.errors]\nWA400 = \"window closed\"").unwrap();
    let table = documented_answers(Provider::Kaleyra, &overrides);
    let row = table.iter().find(|row| row.rule.code().is_some_and(|code| code == "WA400")).unwrap();
    assert!(row.is_configured);
    let effects = [&row.in_answer, &row.in_receipt].map(|effect| effect.as_ref().unwrap().recipient.clone());
    assert!(effects.iter().all(|recipient| recipient.starts_with("gets the template")), "{effects:?}");
}
