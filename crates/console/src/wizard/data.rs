//! Data of the first screen of a flow: in the form a line `name = value` for each member, or a JSON object if a value is no plain
//! text.

use serde_json::{Map, Value};

/// The data as the form shows it.
pub(crate) fn text(data: &Map<String, Value>) -> String {
    let line = |(name, value): (&String, &Value)| {
        let value = value.as_str().filter(|value| !value.contains('\n') && value.trim() == *value)?;
        (!name.contains(['=', '\n']) && !name.starts_with('{')).then(|| format!("{name} = {value}"))
    };
    match data.iter().map(line).collect::<Option<Vec<_>>>() {
        Some(lines) => lines.join("\n"),
        None => serde_json::to_string_pretty(data).unwrap_or_default(),
    }
}

/// The data of a text; the error says what is wrong.
pub(crate) fn read(text: &str) -> Result<Map<String, Value>, String> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| format!("This is not a JSON object: {error}"));
    }
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let member = |line: &str| match line.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), Value::String(value.trim().to_owned())))
        }
        _ => Err(format!("“{line}” has no name; write each line as name = value")),
    };
    lines.map(member).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn data_survives_its_form() {
        for data in [
            json!({}),
            json!({"first_name": "{{ first_name }}", "b": "x = y"}),
            json!({"n": 1, "list": ["a"]}),
            json!({"a=b": "c"}),
            json!({"text": "two\nlines"}),
            json!({"space": " x"}),
        ] {
            let data = data.as_object().unwrap();
            assert_eq!(&read(&text(data)).unwrap(), data);
        }
        assert_eq!(text(json!({"a": "1", "b": "2"}).as_object().unwrap()), "a = 1\nb = 2");
    }

    #[test]
    fn a_line_without_a_name_is_refused() {
        assert!(read("first_name").unwrap_err().contains("write each line as name = value"));
        assert!(read("= x").is_err());
        assert!(read("{ \"a\": }").unwrap_err().starts_with("This is not a JSON object"));
    }
}
