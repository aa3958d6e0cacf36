//! The health of a worker: PostgreSQL, and the connection of each sender to RabbitMQ.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use broker::State;
use serde_json::{Map, Value};
use telemetry::health::{self, Need, Part};
use tokio::sync::watch;

type States = BTreeMap<String, watch::Receiver<State>>;

/// The states of the connections of the senders.
pub(crate) struct SenderHealth(Arc<Mutex<States>>);

impl SenderHealth {
    /// Adds the parts of a worker. After its start it stays ready without PostgreSQL or RabbitMQ: no request is routed to it, and it
    /// goes on by itself.
    pub(crate) fn start() -> Self {
        let states = Arc::<Mutex<States>>::default();
        let shown = Arc::clone(&states);
        health::add("postgres", Need::Once, || {
            let state = store::postgres_state();
            Part::word(state == "ok", state)
        });
        health::add("senders", Need::Once, move || {
            of_senders(&shown.lock().unwrap_or_else(PoisonError::into_inner))
        });
        Self(states)
    }

    /// Shows this sender no longer.
    pub(crate) fn forget(&self, sender: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(sender);
    }

    /// Shows the state of this sender.
    pub(crate) fn follow(&self, sender: &str, state: watch::Receiver<State>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(sender.to_owned(), state);
    }
}

/// Ready if one sender is connected: a queue that RabbitMQ refuses stops its sender only.
fn of_senders(states: &States) -> Part {
    let is_up = |state: &watch::Receiver<State>| matches!(*state.borrow(), State::Up | State::Blocked);
    let words: Map<String, Value> =
        states.iter().map(|(sender, state)| (sender.clone(), state.borrow().word().into())).collect();
    Part { is_ready: states.is_empty() || states.values().any(is_up), shown: words.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_ready_if_one_sender_is_connected_or_there_is_none() {
        assert!(of_senders(&States::new()).is_ready);
        let (first, state) = watch::channel(State::Connecting);
        let (_second, down) = watch::channel(State::Down);
        let states = States::from([("a".to_owned(), state), ("b".to_owned(), down)]);
        assert!(!of_senders(&states).is_ready);
        first.send_replace(State::Up);
        let part = of_senders(&states);
        assert!(part.is_ready);
        assert_eq!(part.shown, serde_json::json!({ "a": "up", "b": "down" }));
    }
}
