//! The metrics of this crate.

use std::sync::{Mutex, Once, PoisonError};

use telemetry::{Counters, Gauges, Instrument, Label, Rows, replace_together};
use tokio::sync::watch;

use crate::{Config, Error, QueueName, State, Topology};

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Publishing.
    Publisher,
    /// Consuming the queue of a sender.
    Consumer,
    /// Consuming the dead-letter queue.
    DeadLetters,
}

const CONNECTION: Label = Label::closed("connection", &["publisher", "consumer", "dead_letters"]);
const STATES: [State; 5] = [State::Connecting, State::Up, State::Down, State::Blocked, State::Paused];

static CONNECTIONS: Gauges = Gauges::gauges(
    "flowcast_broker_connections",
    "Publishers and consumers by the state of their connection to RabbitMQ. A consumer process has one consumer for each sender for which it works; they share a connection",
    &[CONNECTION, Label::closed("state", &["connecting", "up", "down", "blocked", "paused"])],
);
static CONNECTS: Counters = Counters::counters(
    "flowcast_broker_connects",
    "Attempts to connect to RabbitMQ",
    &[CONNECTION, Label::closed("result", &["ok", "refused", "timeout", "failed"])],
);

/// The metrics of this crate.
pub static INSTRUMENTS: &[&dyn Instrument] = &[&CONNECTIONS, &CONNECTS];

impl Purpose {
    /// The purpose of a consumer of this queue.
    pub(crate) fn of(config: &Config, queue: &QueueName) -> Self {
        if *queue == Topology::new(&config.prefix).dead_queue() { Self::DeadLetters } else { Self::Consumer }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Publisher => "publisher",
            Self::Consumer => "consumer",
            Self::DeadLetters => "dead_letters",
        }
    }
}

/// Counts an attempt to connect.
pub(crate) fn count_connect<T>(purpose: Purpose, result: &Result<T, Error>) {
    let result = match result {
        Ok(_) => "ok",
        Err(Error::Refused { .. }) => "refused",
        Err(Error::Unavailable { source: None, .. } | Error::Unreachable { source: None, .. }) => "timeout",
        Err(_) => "failed",
    };
    CONNECTS.with(&[purpose.word(), result]).inc();
}

/// The connections that exist.
static FOLLOWED: Mutex<Vec<(Purpose, watch::Receiver<State>)>> = Mutex::new(Vec::new());

/// Shows the state of a connection until its task ends.
pub(crate) fn follow(purpose: Purpose, state: watch::Receiver<State>) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| telemetry::on_scrape(refresh));
    FOLLOWED.lock().unwrap_or_else(PoisonError::into_inner).push((purpose, state));
}

fn refresh() {
    let mut followed = FOLLOWED.lock().unwrap_or_else(PoisonError::into_inner);
    let mut rows: Rows<'_> = Vec::new();
    // All states of a purpose have a series as soon as one connection has it, so that 0 is told from "no such process".
    for (purpose, _) in followed.iter() {
        rows.extend(STATES.map(|state| (vec![purpose.word(), state.word()], 0.0)));
    }
    // An error means that the task of the connection has ended.
    followed.retain(|(_, state)| state.has_changed().is_ok());
    for (purpose, state) in followed.iter() {
        rows.push((vec![purpose.word(), state.borrow().word()], 1.0));
    }
    replace_together(&[(&CONNECTIONS, rows)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_counted_by_state_until_their_task_ends() {
        let (first, state) = watch::channel(State::Connecting);
        let (second, other) = watch::channel(State::Up);
        follow(Purpose::Consumer, state);
        follow(Purpose::Consumer, other);
        let count = |state: State| {
            refresh();
            CONNECTIONS.with(&["consumer", state.word()]).get().to_string()
        };
        assert_eq!([count(State::Up), count(State::Connecting), count(State::Down)], ["1", "1", "0"]);
        first.send_replace(State::Up);
        assert_eq!([count(State::Up), count(State::Connecting)], ["2", "0"]);
        drop(second);
        assert_eq!(count(State::Up), "1");
    }
}
