//! The metrics of this crate. `sender_metrics.rs` has the handles of one sender.

use telemetry::{Counters, Gauges, Histograms, Instrument, Label, SENDER};

/// The other value of a label.
pub(crate) const OTHER: &str = "other";
/// The outcomes of requests.
pub(crate) const OUTCOMES: &[&str] = &["accepted", "retry", "throttled", "failed", "unknown", "held"];
/// The results of claims.
pub(crate) const CLAIM_RESULTS: &[&str] = &["granted", "wait", "held", "nothing_due", "too_many", "error"];
/// What becomes of deliveries.
pub(crate) const ACKNOWLEDGEMENTS: &[&str] = &["ack", "requeue", "dead_letter"];
const STAGES: Label = Label::closed("stage", &["claimed", "requested"]);

pub(crate) static REQUESTS: Counters = Counters::counters(
    "flowcast_requests",
    "Requests to the provider that ended, by outcome. The rate of all outcomes is the rate of sending",
    &[SENDER, Label::closed("outcome", OUTCOMES)],
);
pub(crate) static RETURNED: Counters = Counters::counters(
    "flowcast_recipients_returned",
    "Claimed recipients for whom no request was made, by reason",
    &[
        SENDER,
        Label::closed(
            "reason",
            &[
                "stopped",
                "slot_missed",
                "lease_ended",
                "worker_stopping",
                "deadline",
                "hours_over",
                "recipient_hours",
                "had_enough",
                "pair_limit",
                "claim_unanswered",
                "not_rendered",
                OTHER,
            ],
        ),
    ],
);
pub(crate) static HELD: Counters = Counters::counters(
    "flowcast_messages_held",
    "Accepted messages that Meta holds back for a check of the template's quality; it may drop them later",
    &[SENDER],
);
pub(crate) static REFUSALS: Counters = Counters::counters(
    "flowcast_refusals",
    "Requests that the provider did not accept, by reason code",
    &[
        SENDER,
        Label::bounded(
            "code",
            "codes of the provider's table and of Flowcast, at most 16 for a sender in one process; otherwise `other`",
        ),
    ],
);
pub(crate) static REQUEST_SECONDS: Histograms = Histograms::histograms(
    "flowcast_request_seconds",
    "Duration of a request to the provider",
    &[Label::closed("provider", &["kaleyra", "lipachat", "1msg", "meta"])],
    &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0],
);
pub(crate) static CLAIM_SECONDS: Histograms = Histograms::histograms(
    "flowcast_claim_seconds",
    "Duration of a claim, with its round trips",
    &[Label::closed("result", CLAIM_RESULTS)],
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0],
);
pub(crate) static CLAIM_RECIPIENTS: Histograms = Histograms::histograms(
    "flowcast_claim_recipients",
    "Recipients of a granted claim",
    &[],
    &[1.0, 2.0, 8.0, 32.0, 100.0, 200.0, 400.0],
);
pub(crate) static RECORD_SECONDS: Histograms = Histograms::histograms(
    "flowcast_record_seconds",
    "Duration of a commit of outcomes",
    &[],
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0],
);
pub(crate) static LATE: Counters = Counters::counters(
    "flowcast_outcomes_late",
    "Outcomes whose recipients were resolved or claimed again before the record",
    &[SENDER],
);
pub(crate) static REFUSED: Counters = Counters::counters(
    "flowcast_outcomes_refused",
    "Outcomes that PostgreSQL refuses on their own. They are kept and tried again",
    &[SENDER],
);
pub(crate) static DROPPED: Counters = Counters::counters(
    "flowcast_outcomes_dropped",
    "Outcomes that were not recorded before the worker stopped; their recipients become unknown",
    &[SENDER],
);
pub(crate) static RECORDED_AGAIN: Counters = Counters::counters(
    "flowcast_outcomes_recorded_again",
    "Outcomes that PostgreSQL had lost and that are recorded again, after a failover or in a restored backup",
    &[],
);
pub(crate) static WAITING: Gauges =
    Gauges::gauges("flowcast_outcomes_waiting", "Outcomes that are not recorded yet", &[SENDER]);
pub(crate) static SLOT_WAIT: Histograms = Histograms::histograms(
    "flowcast_slot_wait_seconds",
    "Time that a rendered message waits for its departure",
    &[],
    &[0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0],
);
pub(crate) static SLOTS_MISSED: Counters = Counters::counters(
    "flowcast_slots_missed",
    "Departures without a slot: a stall (new slots are leased), no slot before the stop, or the end of the claim's lease",
    &[SENDER, Label::closed("reason", &["stall", "no_slot", "lease_ended"])],
);
pub(crate) static RETURNED_BY_JOURNAL: Counters = Counters::counters(
    "flowcast_journal_recipients_returned",
    "Recipients of workers that died, given back because the departure journal says that nothing was sent to them",
    &[],
);
pub(crate) static IN_FLIGHT: Gauges = Gauges::gauges(
    "flowcast_in_flight",
    "Recipients from the claim to the record, and requests that are running or have a permit",
    &[SENDER, STAGES],
);
pub(crate) static IN_FLIGHT_LIMIT: Gauges =
    Gauges::gauges("flowcast_in_flight_limit", "The limits of flowcast_in_flight", &[SENDER, STAGES]);
pub(crate) static DELIVERIES: Counters = Counters::counters(
    "flowcast_deliveries",
    "Queue messages, by what became of them",
    &[SENDER, Label::closed("acknowledgement", ACKNOWLEDGEMENTS)],
);

/// The metrics of this crate.
pub static INSTRUMENTS: &[&dyn Instrument] = &[
    &REQUESTS,
    &RETURNED,
    &HELD,
    &REFUSALS,
    &REQUEST_SECONDS,
    &CLAIM_SECONDS,
    &CLAIM_RECIPIENTS,
    &RECORD_SECONDS,
    &LATE,
    &REFUSED,
    &DROPPED,
    &RECORDED_AGAIN,
    &WAITING,
    &SLOT_WAIT,
    &SLOTS_MISSED,
    &RETURNED_BY_JOURNAL,
    &IN_FLIGHT,
    &IN_FLIGHT_LIMIT,
    &DELIVERIES,
];
