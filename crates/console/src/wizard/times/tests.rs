use super::*;

fn zone() -> TimeZone {
    TimeZone::get("Africa/Nairobi").unwrap()
}

fn with(schedule: &str) -> Definition {
    let file = include_str!("../../../../../examples/campaign.toml");
    Definition::parse(&format!("{file}\n{schedule}")).unwrap()
}

fn sent(pairs: &[(&str, &str)]) -> Fields {
    Fields::sent(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

#[test]
fn times_survive_their_form() {
    let hours = "hours = [\"mon-fri 09:00-18:00\", \"sat 22:00-02:00\"]\nzone = \"Africa/Lagos\"\n";
    for schedule in [
        String::new(),
        "[schedule]\nstart_at = \"2026-12-01T09:00:00+03:00\"\n".into(),
        format!("deadline = \"24h\"\n[schedule]\n{hours}when_over = \"expire\"\n"),
        format!("deadline = \"2026-12-01T18:00:00+03:00\"\n[schedule]\n{hours}clock = \"recipient\"\n"),
        "[schedule]\nhours = [\"mon 08:00-10:00\", \"mon 14:00-24:00\"]\nzone = \"UTC\"\n".into(),
        "[schedule]\nhours = [\"fri-mon 08:00-10:00\"]\nzone = \"UTC\"\n".into(),
    ] {
        let definition = with(&schedule);
        let read = read(&fields(&definition, &zone()), &definition, &zone()).unwrap();
        assert_eq!(read.policy, definition.policy, "{schedule}");
        // Days with the same hours may be written as a range or one by one.
        let weeks = [&read, &definition].map(|definition| {
            let hours: Vec<String> = definition.schedule.hours.iter().map(ToString::to_string).collect();
            week(&hours).map_or_else(|| Err(hours), Ok)
        });
        assert_eq!(weeks[0], weeks[1], "{schedule}");
        let (one, other) = (read.schedule, definition.schedule);
        assert_eq!((one.start_at, one.clock, one.when_over), (other.start_at, other.clock, other.when_over));
        assert_eq!(one.zone.map(|zone| zone.to_string()), other.zone.map(|zone| zone.to_string()));
    }
}

#[test]
fn times_are_read_in_the_zone_of_the_person() {
    let base = with("");
    let read = read(&sent(&[("start", "at"), ("start_at", "2026-12-01T09:00")]), &base, &zone()).unwrap();
    assert_eq!(read.schedule.start_at, "2026-12-01T06:00:00Z".parse().ok());
    let now =
        super::read(&sent(&[("start", "now"), ("start_at", "2026-12-01T09:00")]), &base, &zone()).unwrap();
    assert_eq!(now.schedule.start_at, None);
}

#[test]
fn a_wrong_time_is_refused_at_its_field() {
    let base = with("");
    for (pairs, field) in [
        (vec![("start", "at"), ("start_at", "tomorrow")], "start_at"),
        (vec![("start", "now"), ("deadline", "soon")], "deadline"),
        (vec![("on.mon", "yes"), ("from.mon", "9"), ("until.mon", "25:00"), ("zone", "UTC")], "hours"),
        (vec![("on.mon", "yes"), ("from.mon", "09:00"), ("until.mon", "18:00"), ("zone", "Nairobi")], "zone"),
        (
            vec![
                ("hours", "mon 09:00-18:00"),
                ("zone", "UTC"),
                ("clock", "recipient"),
                ("when_over", "expire"),
            ],
            "form",
        ),
    ] {
        let faults = read(&sent(&pairs), &base, &zone()).unwrap_err();
        assert_eq!((faults.len(), faults[0].field.as_str()), (1, field), "{faults:?}");
    }
}

#[test]
fn a_form_with_other_times_than_the_draft_is_seen_however_hours_are_spelled() {
    let mut draft = crate::wizard::tests::draft(5).definition;
    draft.schedule.hours = vec!["mon-fri 09:00-18:00".parse().unwrap()];
    draft.schedule.zone = "Africa/Nairobi".parse().ok();
    let own = fields(&draft, &TimeZone::UTC);
    assert!(!are_changed(&own, &draft, &TimeZone::UTC));
    for (name, value) in [("until.fri", "23:30"), ("on.sun", "yes"), ("zone", "nowhere"), ("start", "at")] {
        let mut changed = own.clone();
        changed.set(name, value);
        assert!(are_changed(&changed, &draft, &TimeZone::UTC), "{name}");
    }
}
