//! The form of start time, sending hours and deadline.

use campaign::{Deadline, Definition, Schedule, ScheduleClock, SendingHours, WhenOver};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use maud::{Markup, html};

use crate::wizard::faults::Fault;
use crate::wizard::fields::Fields;
use crate::wizard::inputs::Inputs;
use crate::words::time::zone_name;

/// The days of the week: in the definition, on the page.
const DAYS: [(&str, &str); 7] = [
    ("mon", "Monday"),
    ("tue", "Tuesday"),
    ("wed", "Wednesday"),
    ("thu", "Thursday"),
    ("fri", "Friday"),
    ("sat", "Saturday"),
    ("sun", "Sunday"),
];

/// The hours of one day: from, until.
type Span = Option<(String, String)>;

/// The form that shows the times of a definition. Times are in the zone of the person, hours in the zone of the campaign.
pub(crate) fn fields(definition: &Definition, zone: &TimeZone) -> Fields {
    let schedule = &definition.schedule;
    let mut pairs = vec![("start", if schedule.start_at.is_some() { "at" } else { "now" }.to_owned())];
    if let Some(at) = schedule.start_at {
        pairs.push(("start_at", local(at, zone)));
    }
    let own = schedule.zone.as_ref().map(ToString::to_string);
    pairs.push(("zone", own.unwrap_or_else(|| zone_name(zone))));
    let clock = match schedule.clock {
        ScheduleClock::Campaign => "campaign",
        ScheduleClock::Recipient => "recipient",
    };
    let over = match schedule.when_over {
        WhenOver::Hold => "hold",
        WhenOver::Expire => "expire",
    };
    pairs.extend([("clock", clock.to_owned()), ("when_over", over.to_owned())]);
    if let Some(deadline) = definition.policy.deadline {
        let text = match deadline {
            Deadline::At(at) => local(at, zone).replace('T', " "),
            Deadline::After(_) => deadline.to_string(),
        };
        pairs.push(("deadline", text));
    }
    let mut pairs: Vec<(String, String)> =
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let hours: Vec<String> = schedule.hours.iter().map(ToString::to_string).collect();
    match week(&hours) {
        Some(week) => {
            for ((day, _), span) in DAYS.iter().zip(week) {
                if let Some((from, until)) = span {
                    pairs.extend([
                        (format!("on.{day}"), "yes".to_owned()),
                        (format!("from.{day}"), from),
                        (format!("until.{day}"), until),
                    ]);
                }
            }
        }
        None => pairs.push(("hours".to_owned(), hours.join("\n"))),
    }
    Fields::sent(pairs)
}

fn local(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M").to_string()
}

/// The hours of each day, if each day has at most one span.
fn week(hours: &[String]) -> Option<[Span; 7]> {
    let mut week: [Span; 7] = Default::default();
    let place = |day: &str| DAYS.iter().position(|(word, _)| *word == day);
    for span in hours {
        let (days, times) = span.split_once(' ')?;
        let (from, until) = times.split_once('-')?;
        let (first, last) = days.split_once('-').unwrap_or((days, days));
        let (mut day, last) = (place(first)?, place(last)?);
        loop {
            if week[day].replace((from.to_owned(), until.to_owned())).is_some() {
                return None;
            }
            if day == last {
                break;
            }
            day = (day + 1) % 7;
        }
    }
    Some(week)
}

/// The definition with the times of the form, or what is wrong with them.
pub(crate) fn read(fields: &Fields, base: &Definition, zone: &TimeZone) -> Result<Definition, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut fault = |field: &str, text: String| faults.push(Fault::new(field, text));
    let start_at = (fields.get("start") == "at").then(|| moment(fields.get("start_at"), zone));
    if start_at == Some(None) {
        fault("start_at", "Write the start as date and time, such as 2026-12-01 09:00".into());
    }
    let mut hours = Vec::new();
    for line in spans(fields) {
        match line.parse::<SendingHours>() {
            Ok(span) => hours.push(span),
            Err(error) => fault("hours", format!("Sending hours: {error}")),
        }
    }
    let own_zone = (!hours.is_empty()).then(|| fields.get("zone").trim().parse());
    let own_zone = match own_zone.transpose() {
        Ok(zone) => zone,
        Err(error) => {
            fault("zone", format!("Time zone: {error}"));
            None
        }
    };
    let text = fields.get("deadline").trim();
    let deadline = moment(text, zone).map(Deadline::At).or_else(|| text.parse().ok());
    if deadline.is_none() && !text.is_empty() {
        let text = "Write the deadline as date and time, such as 2026-12-01 18:00, or as a time after the start, such as 24h";
        fault("deadline", text.into());
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let has_hours = !hours.is_empty();
    let clock = if has_hours && fields.get("clock") == "recipient" {
        ScheduleClock::Recipient
    } else {
        ScheduleClock::Campaign
    };
    let when_over =
        if has_hours && fields.get("when_over") == "expire" { WhenOver::Expire } else { WhenOver::Hold };
    let mut definition = base.clone();
    definition.schedule = Schedule { start_at: start_at.flatten(), hours, zone: own_zone, clock, when_over };
    definition.policy.deadline = deadline;
    definition
        .check()
        .map_err(|error| vec![Fault::new("form", crate::frame::sentence(&error.to_string()))])?;
    Ok(definition)
}

/// Whether the form has other times than the definition. Times that cannot be read are other times.
pub(crate) fn are_changed(sent: &Fields, base: &Definition, zone: &TimeZone) -> bool {
    // A definition is read through its form: both spell spans of hours alike.
    read(sent, base, zone).ok() != read(&fields(base, zone), base, zone).ok()
}

/// A date and a time in this zone.
fn moment(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let at: DateTime = text.trim().replace(' ', "T").parse().ok()?;
    at.to_zoned(zone.clone()).ok().map(|at| at.timestamp())
}

/// The sending hours of the form, as a definition has them.
fn spans(fields: &Fields) -> Vec<String> {
    if fields.has("hours") {
        return fields
            .get("hours")
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect();
    }
    let on = DAYS.iter().filter(|(day, _)| fields.has(&format!("on.{day}")));
    let span = |(day, _): &(&str, &str)| {
        let at = |part: &str| fields.get(&format!("{part}.{day}")).trim().to_owned();
        format!("{day} {}-{}", at("from"), at("until"))
    };
    on.map(span).collect()
}

/// The fields of the form.
pub(crate) fn draw(inputs: Inputs<'_>, zone: &TimeZone) -> Markup {
    let fields = inputs.fields;
    let zone = zone_name(zone);
    html! {
        (inputs.radios("start", &[("now", "Now"), ("at", "At a time")]))
        div class="of-start" { (inputs.moment("start_at", &html! { "In " (zone) "." })) }
        details class="more" open[!spans(fields).is_empty()] {
            summary { "Only at some hours" }
            div class="stack" {
                @if fields.has("hours") {
                    (inputs.text("hours", 4, Some(&html! { "A line for each span, such as mon-fri 09:00-18:00." })))
                } @else { (grid(fields)) }
                div class="pair" {
                    (inputs.line("zone", Some(&html! { "Such as Africa/Nairobi." })))
                    (inputs.choice("clock", &[
                        ("campaign", "The clock of this time zone".into()),
                        ("recipient", "The clock of each recipient's country".into()),
                    ], None))
                    (inputs.choice("when_over", &[
                        ("hold", "Wait for the next hours".into()),
                        ("expire", "Expire".into()),
                    ], Some(&html! { "Recipients that still wait when the hours end." })))
                }
            }
        }
        details class="more" open[!fields.get("deadline").is_empty()] {
            summary { "Deadline" }
            (inputs.line("deadline", Some(&html! { "Nothing is sent after it: 2026-12-01 18:00 in " (zone) ", or 24h after the start." })))
        }
    }
}

/// A row for each day of the week.
fn grid(fields: &Fields) -> Markup {
    html! {
        fieldset class="week" {
            legend { "Sending hours" }
            @for (day, name) in DAYS {
                @let on = fields.has(&format!("on.{day}"));
                @let at = |part: &str, usual: &str| if on { fields.get(&format!("{part}.{day}")).to_owned() } else { usual.to_owned() };
                div class="day" {
                    label class="tick" { input type="checkbox" name={ "on." (day) } value="yes" checked[on]; span { (name) } }
                    input name={ "from." (day) } value=(at("from", "09:00")) aria-label={ (name) " from" } maxlength="5" inputmode="numeric";
                    input name={ "until." (day) } value=(at("until", "18:00")) aria-label={ (name) " until" } maxlength="5" inputmode="numeric";
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
