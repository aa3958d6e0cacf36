//! What differs between two versions of a campaign.

use campaign::Definition;
use maud::{Markup, html};
use serde_json::Value;

use crate::part::table::{Kind, column, table};
use crate::words::capital;

/// A part of the campaign with its two values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) part: String,
    pub(crate) one: String,
    pub(crate) other: String,
}

/// The parts that differ, in the order of the campaign file.
pub(crate) fn between(one: &Definition, other: &Definition) -> Vec<Difference> {
    let parts = |definition: &Definition| {
        let mut parts = Vec::new();
        flatten("", &serde_json::to_value(definition).unwrap_or_default(), &mut parts);
        parts
    };
    let (one, other) = (parts(one), parts(other));
    let value = |parts: &[(String, String)], part: &str| {
        parts.iter().find(|(name, _)| name == part).map_or_else(String::new, |(_, value)| value.clone())
    };
    let mut names: Vec<&String> = one.iter().map(|(name, _)| name).collect();
    names.extend(other.iter().map(|(name, _)| name).filter(|name| !one.iter().any(|(own, _)| own == *name)));
    let difference =
        |name: &String| Difference { part: label(name), one: value(&one, name), other: value(&other, name) };
    names.into_iter().map(difference).filter(|found| found.one != found.other).collect()
}

fn flatten(path: &str, value: &Value, parts: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(&path, member, parts);
            }
        }
        Value::Null => {}
        Value::String(text) => parts.push((path.to_owned(), text.clone())),
        Value::Array(items) => {
            let texts =
                items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned));
            parts.push((path.to_owned(), texts.collect::<Vec<_>>().join("\n")));
        }
        Value::Bool(_) | Value::Number(_) => parts.push((path.to_owned(), value.to_string())),
    }
}

/// The words for a part: those of the form if the form has it.
fn label(part: &str) -> String {
    let field = match part {
        "flow.cta" => "cta",
        "flow.body" => "body",
        "flow.flow_id" => "flow_id",
        "flow.mode" => "mode",
        "flow.action" => "action",
        "template.name" => "template",
        "template.language" => "language",
        "template.body" => "template_body",
        "template.header" => "template_header",
        "policy.assume_window" => "assume_window",
        "schedule.start_at" => return "Start time".into(),
        "schedule.hours" => return "Sending hours".into(),
        "schedule.zone" => return "Time zone of the hours".into(),
        "policy.deadline" => return "Deadline".into(),
        other => {
            let last = other.strip_prefix("flow.").or_else(|| other.strip_prefix("policy.")).unwrap_or(other);
            return capital(&last.replace(['.', '_'], " "));
        }
    };
    crate::wizard::faults::label(field)
}

/// The differences as a table with these headings for the two versions.
pub(crate) fn draw(
    caption: &str,
    (one, other): (&'static str, &'static str),
    found: &[Difference],
) -> Markup {
    let columns = [column("Part", Kind::Name), column(one, Kind::Number), column(other, Kind::Number)];
    let cell = |text: &str| {
        if text.is_empty() {
            html! { span class="muted" { "nothing" } }
        } else {
            html! { (text) }
        }
    };
    let row = |found: &Difference| {
        vec![html! { span class="title" { (found.part) } }, cell(&found.one), cell(&found.other)]
    };
    let rows: Vec<Vec<Markup>> = found.iter().map(row).collect();
    html! { div class="versions" { (table(caption, &columns, &rows)) } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wizard::tests::draft;

    #[test]
    fn only_parts_that_differ_are_shown_with_the_words_of_the_form() {
        let one = draft(0).definition;
        let mut other = one.clone();
        if let Some(flow) = &mut other.flow {
            flow.body = "Hi <b>".into();
            flow.footer = None;
        }
        other.defaults.insert("first_name".into(), "friend".into());
        let found = between(&one, &other);
        let parts: Vec<&str> = found.iter().map(|found| found.part.as_str()).collect();
        assert_eq!(parts, ["Text", "Footer", "Defaults first name"]);
        assert_eq!((found[1].other.as_str(), found[2].one.as_str()), ("", ""));
        assert!(between(&one, &one).is_empty());
        let drawn = draw("Versions", ("Yours", "Stored"), &found).into_string();
        assert!(drawn.contains("Hi &lt;b&gt;") && drawn.contains("nothing"), "{drawn}");
    }
}
