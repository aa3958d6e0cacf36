//! Flow answers as people read them.

use campaign::FlowLabels;
use serde_json::Value;

/// The fields of an answer with their values as text, in words of the flow where they are known.
pub(crate) fn fields(answer: &Value, labels: &FlowLabels) -> Vec<(String, String)> {
    match answer {
        Value::Object(fields) => {
            let labelled = |(name, value): (&String, &Value)| {
                let label = labels.field(name).unwrap_or(name).to_owned();
                (label, words(value, &|value| option(labels, name, value)))
            };
            fields.iter().map(labelled).collect()
        }
        other => vec![("answer".to_owned(), text(other))],
    }
}

/// A value of a field, as the flow shows it.
pub(crate) fn option(labels: &FlowLabels, field: &str, value: &str) -> String {
    labels.option(field, value).unwrap_or(value).to_owned()
}

/// A value as text: several choices with commas between.
pub(crate) fn text(value: &Value) -> String {
    words(value, &str::to_owned)
}

fn words(value: &Value, word: &dyn Fn(&str) -> String) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => word(text),
        Value::Array(values) => values.iter().map(|value| words(value, word)).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use campaign::FlowJson;
    use serde_json::json;

    #[test]
    fn an_answer_has_the_words_of_the_flow_and_other_values_as_they_are() {
        let labels = FlowJson::parse(include_str!("../../../../examples/flow.json")).unwrap().labels();
        let answer = json!({"visit": "0_very_good", "topics": ["staff", "parking"], "call_back": true, "town": "Nakuru", "n": null});
        let read = fields(&answer, &labels);
        let expected = [
            ("How was your visit?", "Very good"),
            ("What is it about?", "Staff, parking"),
            ("You may call me", "true"),
            ("town", "Nakuru"),
            ("n", ""),
        ];
        assert_eq!(read, expected.map(|(label, value)| (label.to_owned(), value.to_owned())));
        assert_eq!(text(&answer["topics"]), "staff, parking", "files have the values as they are stored");
        assert_eq!(fields(&json!("x"), &labels), [("answer".to_owned(), "x".to_owned())]);
    }
}
