//! The events of an accepted message, drawn at random: delivery receipts, a completed flow, an opt-out.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::Webhook;
use crate::providers::events::MessageEvent;
use crate::random::Random;

/// The events of one message, each with the delay after which it is posted.
pub(crate) fn plan(webhook: &Webhook, random: &mut Random) -> Vec<(Duration, MessageEvent)> {
    let mut happens = |rate: f64| random.fraction() < rate;
    let mut events = vec![MessageEvent::Sent];
    if happens(webhook.failed) {
        events.push(MessageEvent::Failed);
    } else {
        events.push(MessageEvent::Delivered);
        let is_read = happens(webhook.read);
        if is_read {
            events.push(MessageEvent::Read);
        }
        if is_read && happens(webhook.answered) {
            events.push(MessageEvent::FlowCompleted);
        }
        if happens(webhook.opted_out) {
            events.push(MessageEvent::OptedOut);
        }
    }
    let (mut plan, mut at) = (Vec::new(), Duration::ZERO);
    let is_early = random.fraction() < webhook.early;
    for event in events {
        at += webhook.after.sample(random.fraction());
        if random.fraction() < webhook.lost {
            continue;
        }
        let after = if is_early && event == MessageEvent::Sent { Duration::ZERO } else { at };
        let times = if random.fraction() < webhook.doubled { 2 } else { 1 };
        for _ in 0..times {
            let is_late = random.fraction() < webhook.late;
            let late_by = if is_late { webhook.late_by.mul_f64(random.fraction()) } else { Duration::ZERO };
            plan.push((after + late_by, event));
        }
    }
    plan
}

/// The answers of one recipient who completes the flow.
pub(crate) fn form(webhook: &Webhook, random: &mut Random) -> Map<String, Value> {
    let mut form = Map::new();
    for (name, values) in &webhook.form {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "below the length of the list"
        )]
        let index = (random.fraction() * f64::from(u32::try_from(values.len()).unwrap_or(0))) as usize;
        form.insert(name.clone(), values.get(index).cloned().unwrap_or_default());
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events_of_1000_messages(webhook: &Webhook) -> Vec<MessageEvent> {
        let mut random = Random::new(7);
        (0..1000).flat_map(|_| plan(webhook, &mut random)).map(|(_, event)| event).collect()
    }

    #[test]
    fn the_rates_are_kept_and_the_same_seed_gives_the_same_events() {
        let webhook = Webhook {
            read: 0.5,
            answered: 0.5,
            failed: 0.1,
            opted_out: 0.02,
            doubled: 0.1,
            ..Webhook::default()
        };
        let events = events_of_1000_messages(&webhook);
        let share = |wanted| events.iter().filter(|event| **event == wanted).count();
        assert!((1030..1170).contains(&share(MessageEvent::Sent)), "{}", share(MessageEvent::Sent));
        assert!((70..150).contains(&share(MessageEvent::Failed)), "{}", share(MessageEvent::Failed));
        assert!(
            (190..310).contains(&share(MessageEvent::FlowCompleted)),
            "{}",
            share(MessageEvent::FlowCompleted)
        );
        assert!((5..45).contains(&share(MessageEvent::OptedOut)), "{}", share(MessageEvent::OptedOut));
        assert_eq!(events, events_of_1000_messages(&webhook));
        assert_eq!(events_of_1000_messages(&Webhook { lost: 1.0, ..webhook }), []);
    }
}
