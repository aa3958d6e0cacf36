use super::*;

const FILE: &str = include_str!("../../../../../examples/campaign.toml");
const TEMPLATE: &str = include_str!("../../../../../examples/template-campaign.toml");

fn sent(pairs: &[(&str, &str)]) -> Fields {
    Fields::sent(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

/// A flow message with all that it needs.
fn complete() -> Vec<(&'static str, &'static str)> {
    vec![
        ("name", "September"),
        ("sender", "ke-main"),
        ("kind", "flow"),
        ("body", "Hello {{ first_name }}"),
        ("cta", "Open"),
        ("flow_id", "119"),
        ("action", "navigate"),
        ("screen", "WELCOME"),
        ("mode", "published"),
        ("assume_window", "open"),
    ]
}

fn with(field: &'static str, value: &'static str) -> Fields {
    let mut pairs = complete();
    pairs.retain(|(name, _)| *name != field);
    pairs.push((field, value));
    sent(&pairs)
}

#[test]
fn a_definition_survives_its_form_and_keeps_what_the_form_does_not_show() {
    let more = "rate = \"10/s\"\ndeadline = \"24h\"\n[schedule]\nstart_at = \"2026-12-01T09:00:00+03:00\"\n";
    let both = format!(
        "{TEMPLATE}\n[flow]\nbody = \"two\\nlines\"\ncta = \"Open\"\nflow_name = \"f\"\naction = \"data_exchange\"\nmode = \"draft\"\n"
    );
    for file in [format!("{FILE}{more}"), TEMPLATE.to_owned(), both] {
        let definition = Definition::parse(&file).unwrap();
        assert_eq!(Fields::of(&definition).definition(Some(&definition)).unwrap(), definition, "{file}");
    }
}

#[test]
fn everything_that_is_missing_is_said_at_once() {
    let faults = sent(&[("kind", "both"), ("cta", "x")]).definition(None).unwrap_err();
    let fields: Vec<&str> = faults.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(fields, ["name", "sender", "body", "flow_id", "screen", "template", "language"]);
    let faults = with("assume_window", "x").definition(None);
    assert!(faults.is_ok());
    let pairs: Vec<_> = complete().into_iter().filter(|(name, _)| *name != "assume_window").collect();
    assert_eq!(sent(&pairs).definition(None).unwrap_err()[0].field, "assume_window");
}

#[test]
fn a_fault_of_the_definition_is_at_its_field() {
    for (field, value, text) in [
        ("body", "{{ first_name", "Text: not a valid text"),
        ("cta", "Open 🙏", "no emoji"),
        ("flow_id", "https://wa.me/1", "is a web address"),
        ("screen", "MY SCREEN", "is not the id of a screen"),
        ("data", "first_name", "write each line as name = value"),
        ("header", "{{ x | nothing }}", "there is no filter nothing"),
    ] {
        let faults = with(field, value).definition(None).unwrap_err();
        assert_eq!((faults.len(), faults[0].field.as_str()), (1, field), "{faults:?}");
        assert!(faults[0].text.contains(text), "{faults:?}");
    }
}

#[test]
fn texts_may_be_as_long_as_their_counters_say() {
    use crate::wizard::message_form::LIMITS;
    for (field, limit) in LIMITS {
        let text = |length| -> &'static str { Box::leak("x".repeat(length).into_boxed_str()) };
        assert!(with(field, text(limit)).definition(None).is_ok(), "{field}");
        assert_eq!(with(field, text(limit + 1)).definition(None).unwrap_err()[0].field, field);
    }
}

#[test]
fn line_breaks_of_browsers_are_plain_and_values_for_unused_variables_are_dropped() {
    let mut pairs = complete();
    pairs.extend([("default.first_name", "friend"), ("default.old", "x"), ("footer", "  ")]);
    pairs.retain(|(name, _)| *name != "body");
    pairs.push(("body", "Hello {{ first_name }}\r\nHow are you?\r\n"));
    let definition = sent(&pairs).definition(None).unwrap();
    let flow = definition.flow.unwrap();
    assert_eq!((flow.body.as_str(), flow.footer), ("Hello {{ first_name }}\nHow are you?", None));
    assert_eq!(definition.defaults, [("first_name".to_owned(), "friend".to_owned())].into());
}
