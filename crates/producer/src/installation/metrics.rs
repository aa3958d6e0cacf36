//! The metrics of the installation. The names are those of `store::Measure`, with `flowcast_` before them.

use telemetry::{CAMPAIGN, Gauges, Instrument, Label, SENDER};

const STATES: Label = Label::closed(
    "state",
    &["pending", "sending", "retry", "accepted", "failed", "unknown", "skipped", "expired", "cancelled"],
);
const CAMPAIGN_STATES: Label =
    Label::closed("state", &["draft", "running", "paused", "finished", "cancelled"]);
const HOLD_REASON: Label = Label::closed(
    "reason",
    &[
        "low_balance",
        "payment",
        "bad_credentials",
        "sender_not_allowed",
        "misconfigured",
        "daily_limit",
        "provider_down",
        "daily_cap",
        "policy_hold",
        "too_many_refusals",
        "template_fault",
        "flow_fault",
        "database_failed_over",
        "operator",
    ],
);
/// The reasons of `report.waiting`: those of holds, and those of senders that are open.
const WAITING_REASON: Label = Label::closed(
    "reason",
    &[
        "low_balance",
        "payment",
        "bad_credentials",
        "sender_not_allowed",
        "misconfigured",
        "daily_limit",
        "provider_down",
        "daily_cap",
        "policy_hold",
        "too_many_refusals",
        "template_fault",
        "flow_fault",
        "database_failed_over",
        "operator",
        "retry",
        "no_producer",
        "hours",
        "queue_blocked",
        "queue_away",
        "feed_failed",
        "no_worker",
        "throttled",
        "rate",
        "queue",
        "database",
    ],
);

macro_rules! gauges {
    ($($(#[$doc:meta])* $constant:ident = $name:literal, [$($label:expr),*], $help:literal;)*) => {
        $($(#[$doc])* pub(super) static $constant: Gauges = Gauges::gauges($name, $help, &[$($label),*]);)*
        pub(super) static GAUGES: &[&Gauges] = &[$(&$constant),*];
        /// The metrics of the installation.
        pub static INSTRUMENTS: &[&dyn Instrument] = &[$(&$constant),*];
    };
}

gauges! {
    RECIPIENTS = "flowcast_recipients", [SENDER, STATES], "Recipients of running and paused campaigns";
    CAMPAIGNS = "flowcast_campaigns", [SENDER, CAMPAIGN_STATES], "Campaigns that are not archived";
    WAITING = "flowcast_waiting_recipients", [SENDER, WAITING_REASON], "Recipients that wait, by the reason in report.waiting";
    WAITING_SECONDS = "flowcast_waiting_seconds", [SENDER, WAITING_REASON], "Time since the reason began; no series if it is not known";
    HOLD = "flowcast_hold_seconds", [SENDER, Label::closed("scope", &["sender", "campaign"]), HOLD_REASON],
        "Age of the oldest open hold of the sender or of one of its campaigns";
    RATE = "flowcast_rate_allowed", [SENDER], "Requests per second that the sender may make; no series without a rate";
    PACE = "flowcast_rate_pace", [SENDER], "Part of the rate that is in use, from 0 to 1";
    DAILY_USED = "flowcast_daily_used", [SENDER], "Recipients of today that count for the daily cap";
    DAILY_CAP = "flowcast_daily_cap", [SENDER], "The daily cap; no series without one";
    QUEUE = "flowcast_queue_ready", [SENDER], "Ready messages in the queue of the sender, at the last round of its feed";
    WORKERS = "flowcast_workers", [SENDER], "Workers that reported in the last 10 seconds";
    DUE = "flowcast_due_recipients", [SENDER], "Listed recipients that are to be published now, counted up to 10,000";
    OVERDUE = "flowcast_due_overdue_seconds", [SENDER], "Time since the oldest of them was to be published";
    CLAIMS = "flowcast_claims_open", [SENDER], "Open claims";
    WITHOUT_CLAIM = "flowcast_sending_without_claim", [SENDER], "Recipients that are sending and in no claim, at least; must be 0";
    DIFFERENCE = "flowcast_conservation_difference", [SENDER],
        "Sum of the absolute differences of report.conservation of running and paused campaigns; must be 0";
    UNKNOWN = "flowcast_unknown_recipients", [SENDER], "Unknown recipients of all campaigns";
    UNKNOWN_OLDEST = "flowcast_unknown_oldest_seconds", [SENDER], "Age of the oldest unknown recipient; 0 if there is none";
    CAMPAIGN_WAITING = "flowcast_campaign_waiting_recipients", [CAMPAIGN], "Recipients of a running or paused campaign that are pending or to be retried";
    CAMPAIGN_RATE = "flowcast_campaign_rate", [CAMPAIGN], "Attempts per second of the last five complete minutes";
    DEADLINE = "flowcast_campaign_deadline_timestamp_seconds", [CAMPAIGN], "Deadline in Unix time; no series without one";
    UNMATCHED = "flowcast_unmatched_statuses", [], "Webhook events whose message is not known yet, counted up to 100,000";
    DELTAS = "flowcast_counter_deltas", [], "Counter deltas that are not folded yet, counted up to 100,000";
    VOLUMES = "flowcast_volumes", [], "Volumes of recipients";
    UNARCHIVED = "flowcast_unarchived_campaigns", [], "Campaigns that are not archived";
    BYTES = "flowcast_database_bytes", [], "Size of the database, read once a minute";
    CONFIRMED = "flowcast_database_confirmed", [], "1 if the database is the one that was confirmed, else 0: then nothing is sent";
    MAX_CONNECTIONS = "flowcast_database_max_connections", [], "max_connections of PostgreSQL";
    CONNECTIONS = "flowcast_database_connections", [], "Connections to PostgreSQL, of all programs";
    STANDBYS = "flowcast_database_sync_standbys", [],
        "Synchronous standbys that are connected; no series if the role may not see them (pg_read_all_stats)";
    STANDBYS_WANTED = "flowcast_database_sync_standbys_wanted", [],
        "Synchronous standbys that synchronous_standby_names demands; no series if the role may not see them";
    AGE = "flowcast_state_age_seconds", [], "Time since this producer read the metrics of the installation";
}

#[cfg(test)]
mod tests {
    use campaign::StopReason;
    use telemetry::Values;

    use super::*;

    #[test]
    fn every_reason_of_a_stop_is_a_value_of_the_labels() {
        for label in [HOLD_REASON, WAITING_REASON] {
            let Values::Closed(values) = label.values else { panic!("the label is closed") };
            for reason in StopReason::ALL {
                assert!(values.contains(&reason.word()), "{reason:?} is not in {values:?}");
            }
        }
    }
}
