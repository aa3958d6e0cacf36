//! What a start does, as a paragraph that can be read aloud.

use control::{Campaign, Check, Cost, SenderView};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use crate::words::number::{counted, money};
use crate::words::provider;
use crate::words::state::Clock;
use crate::words::time::{about, zone_name};

/// Who gets what, through which sender, when, how fast, until when, for how much.
pub(crate) fn paragraph(draft: &Campaign, check: &Check, sender: &SenderView, clock: Clock<'_>) -> Markup {
    let definition = &draft.definition;
    // Hours are in the zone of the campaign: what comes of them is said in it as well.
    let own = definition.schedule.zone.as_ref().and_then(|zone| TimeZone::get(&zone.to_string()).ok());
    let clock = own.as_ref().map_or(clock, |zone| Clock { zone, ..clock });
    let names_a_time = check.deadline_at.is_some()
        || check.begins_at.is_some_and(|at| at > clock.now)
        || sender.is_open && check.seconds.is_some();
    let rates = [sender.rate, definition.policy.rate];
    let rate =
        rates.into_iter().flatten().min_by(|one, other| one.per_second().total_cmp(&other.per_second()));
    html! {
        p class="read-aloud" {
            b { (counted(check.recipients, "recipient gets", "recipients get")) } " “" b { (definition.name) } "” through "
            b { (sender.name) } " (" (provider::name(&sender.provider)) "), " (begin(check, sender, clock))
            @if let Some(rate) = rate { ", at " b { (rate) } }
            // Nobody knows for how long a stopped sender is stopped.
            @if sender.is_open { (end(draft, check, clock)) }
            @if let Some(cost) = &check.cost { (price(cost)) }
            "."
            @if check.cost.is_none() { " The cost is not known, because " (sender.name) " has no price list." }
            @if let Some(deadline) = check.deadline_at { " Nothing is sent after " b { (clock.at(deadline)) } "." }
            @if names_a_time { " Times are in " (zone_name(clock.zone)) "." }
            " The campaign can be paused at any moment; messages that were sent cannot be called back."
        }
    }
}

fn begin(check: &Check, sender: &SenderView, clock: Clock<'_>) -> Markup {
    let later = check.begins_at.filter(|at| *at > clock.now);
    html! {
        "from "
        @if let Some(at) = later { b { (clock.at(at)) } }
        @else if sender.is_open { b { "now" } " on" }
        @else { "the moment when the sender is resumed" }
    }
}

/// When the last message leaves. The check may be old: without hours, the time counts from now.
fn end(draft: &Campaign, check: &Check, clock: Clock<'_>) -> Markup {
    let Some(seconds) = check.seconds else { return html! {} };
    let is_now =
        check.begins_at.is_none_or(|at| at <= clock.now) && draft.definition.schedule.hours.is_empty();
    let end: Option<Timestamp> = if is_now {
        i64::try_from(seconds)
            .ok()
            .and_then(|seconds| clock.now.checked_add(SignedDuration::from_secs(seconds)).ok())
    } else {
        check.finished_at.filter(|at| *at > clock.now)
    };
    html! {
        @match end {
            Some(end) => { ", done by about " b { (clock.at(end)) } " (" (about(seconds)) " of sending)" }
            None => { ", in " (about(seconds)) " of sending" }
        }
    }
}

fn price(cost: &Cost) -> Markup {
    html! {
        @if let Some(total) = &cost.total { ", for about " b { (cost.currency) " " (money(total)) } }
        @else {
            ", for at least " b { (cost.currency) " " (money(&cost.priced)) } " ("
            (counted(cost.unpriced, "recipient has no price", "recipients have no price")) ")"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wizard::checked::tests::check;
    use crate::wizard::start::tests::sender;

    fn read(check: &Check) -> String {
        read_of(check, &sender())
    }

    fn read_of(check: &Check, sender: &SenderView) -> String {
        let zone = TimeZone::get("Africa/Nairobi").unwrap();
        let clock = Clock { now: "2026-11-30T11:02:31Z".parse().unwrap(), zone: &zone };
        let drawn = paragraph(&crate::wizard::tests::draft(1_000_000), check, sender, clock).into_string();
        drawn.replace("<b>", "").replace("</b>", "")
    }

    #[test]
    fn the_paragraph_says_who_what_when_how_fast_and_how_much() {
        let cost = Cost {
            currency: "KES".into(),
            total: Some("1500000".into()),
            priced: "1500000".into(),
            unpriced: 0,
            countries: vec![],
        };
        let read_aloud = read(&Check { cost: Some(cost.clone()), ..check() });
        assert_eq!(
            read_aloud,
            "<p class=\"read-aloud\">1,000,000 recipients get “September survey” through ke-main (Kaleyra), from now on, at 80/s, done by \
             about 17:30 (about 3 h 29 min of sending), for about KES 1,500,000. Times are in Africa/Nairobi. The campaign can be paused at any \
             moment; messages that were sent cannot be called back.</p>"
        );
        let part = Cost { total: None, unpriced: 12, ..cost };
        assert!(
            read(&Check { cost: Some(part), ..check() })
                .contains("for at least KES 1,500,000 (12 recipients have no price).")
        );
    }

    #[test]
    fn times_of_sending_hours_are_said_in_their_zone() {
        let mut draft = crate::wizard::tests::draft(14);
        draft.definition.schedule.zone = "Africa/Nairobi".parse().ok();
        draft.definition.schedule.hours = vec!["mon-fri 09:00-18:00".parse().unwrap()];
        let begins_at = "2026-12-01T06:00:00Z".parse().ok();
        let check = Check { begins_at, finished_at: begins_at, ..check() };
        let clock = Clock { now: "2026-11-30T16:02:31Z".parse().unwrap(), zone: &TimeZone::UTC };
        let drawn = paragraph(&draft, &check, &sender(), clock).into_string();
        assert!(
            drawn.contains("from <b>Tue 09:00</b>") && drawn.contains("Times are in Africa/Nairobi."),
            "{drawn}"
        );
    }

    #[test]
    fn a_stopped_sender_has_no_end() {
        let read_aloud = read_of(&check(), &SenderView { is_open: false, ..sender() });
        assert!(
            read_aloud.contains("from the moment when the sender is resumed, at 80/s. The cost is not known, because ke-main has no price list. The campaign"),
            "{read_aloud}"
        );
    }

    #[test]
    fn a_later_begin_and_a_deadline_are_said() {
        let later = Check {
            begins_at: "2026-12-01T06:00:00Z".parse().ok(),
            finished_at: "2026-12-01T09:28:00Z".parse().ok(),
            deadline_at: "2026-12-01T15:00:00Z".parse().ok(),
            recipients: 1,
            ..check()
        };
        let read_aloud = read(&later);
        for expected in [
            "1 recipient gets",
            "from Tue 09:00,",
            "done by about Tue 12:28",
            "Nothing is sent after Tue 18:00.",
        ] {
            assert!(read_aloud.contains(expected), "{expected} is not in {read_aloud}");
        }
    }
}
