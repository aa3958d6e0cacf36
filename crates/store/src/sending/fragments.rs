//! Named parts of the statements in this folder.

use crate::senders::rate::{LONGEST, MAX_AHEAD};

/// The parts by name. A part may contain parts that follow it here.
pub(crate) const FRAGMENTS: &[(&str, &str)] = &[
    ("permit_steps", include_str!("permit_steps.sql")),
    ("refusal_columns", include_str!("refusal_columns.sql")),
    ("refusal_from", REFUSAL_FROM),
    ("of_campaign", OF_CAMPAIGN),
    ("gate_is_plain", GATE_IS_PLAIN),
    ("names_messages_by_id", NAMES_MESSAGES_BY_ID),
    ("max_ahead", MAX_AHEAD),
    ("longest", LONGEST),
    ("regained", REGAINED),
    ("window", WINDOW),
];

/// The parts of `permit_steps` in a claim: slots begin now, and the gate is open or has an armed probe.
pub(crate) const OF_CLAIM: &[(&str, &str)] = &[
    ("earliest", "clock_timestamp()"),
    ("or_probing_gate", ""),
    ("or_probing", ""),
    ("probe_stays_armed", "false"),
];

/// The parts of `permit_steps` in a lease for claimed recipients: slots begin $3 microseconds from now, and a probe passes the closed gate
/// of epoch $4.
pub(crate) const OF_LEASE: &[(&str, &str)] = &[
    ("earliest", "clock_timestamp() + $3::bigint * interval '1 microsecond'"),
    ("or_probing_gate", " or coalesce(g.epoch = $4, false)"),
    ("or_probing", " or coalesce(epoch = $4, false)"),
    ("probe_stays_armed", "g.probe_armed and $4::bigint is not null"),
];

/// The tables from which a refusal is read.
const REFUSAL_FROM: &str = "sender_gate g cross join campaign c left join campaign_gate l on l.campaign_id = c.id left join terms t on true";

/// The columns of the campaign `c` in the answer to a claim.
const OF_CAMPAIGN: &str = "c.epoch as campaign_epoch,
    (extract(epoch from c.deadline_at - clock_timestamp()) * 1000)::bigint as time_left_ms,
    (extract(epoch from c.closes_at - clock_timestamp()) * 1000)::bigint as open_for_ms";

/// A gate `g` that limits nothing but the rate: it is open, without a daily cap, and neither slowed down nor paused.
const GATE_IS_PLAIN: &str = "(g.is_open and g.daily_cap is null and g.paused_until <= clock_timestamp()
    and pace_now(g.pace, g.slowed_at) >= 1)";

/// The condition for senders whose provider puts only its own message id into delivery receipts, and no reference of ours. The
/// word is that of `campaign::Provider::OneMsg`.
const NAMES_MESSAGES_BY_ID: &str = "provider = '1msg'";

/// The most that a slowed-down sender loses of its rate until it has the whole rate again: the share of the rate grows evenly
/// within a minute. A slot of a slow rate takes at most this much longer, and not its whole time at the reduced rate.
const REGAINED: &str = "interval '30 seconds'";

/// The 24-hour window of WhatsApp, minus the time from a claim to the departure.
const WINDOW: &str = "interval '23 hours 59 minutes'";
