//! Compares the template of a campaign with the template that the provider knows.
//!
//! WhatsApp refuses a message whose variables, header or buttons differ from the approved template, for every recipient. So the
//! difference is reported before anything is sent. What is not known of the template is not compared.

use std::collections::BTreeSet;

use crate::message::template::{ButtonKind, TemplateUse};

/// What is known of an approved template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownTemplate {
    /// `text`, `image`, `video`, `document` or another word of Meta; `None` if it is not known.
    pub header_format: Option<String>,
    /// The text of the header with its variable.
    pub header: Option<String>,
    /// The text of the body with its variables.
    pub body: String,
    /// The buttons, in order.
    pub buttons: Vec<KnownButton>,
}

/// What is known of a button of an approved template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownButton {
    /// `flow`, `url`, `quick_reply`, `copy_code`, `phone_number` or another word of Meta; `None` if it is not known.
    pub kind: Option<String>,
    /// Whether the web address that it opens ends with a variable; `None` if the address is not known.
    pub has_variable: Option<bool>,
}

/// The first difference between the template of a campaign and the known template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("[template] {field}: {reason}")]
pub struct TemplateMismatch {
    /// The field of the campaign file.
    pub field: String,
    /// What differs and what to write.
    pub reason: String,
}

fn differs(field: impl Into<String>, reason: impl Into<String>) -> Result<(), TemplateMismatch> {
    Err(TemplateMismatch { field: field.into(), reason: reason.into() })
}

impl KnownTemplate {
    /// Refuses a campaign's template whose header, variables or buttons differ from the known template.
    pub fn check(&self, written: &TemplateUse) -> Result<(), TemplateMismatch> {
        self.check_header(written)?;
        self.check_body(written)?;
        self.check_buttons(written)
    }

    fn check_header(&self, written: &TemplateUse) -> Result<(), TemplateMismatch> {
        let format = self.header_format.as_deref().or(self.header.as_ref().map(|_| "text"));
        let media = written.media.as_ref().map(|media| media.kind.word());
        match (format, media) {
            (Some(format @ ("image" | "video" | "document")), None) => {
                return differs(
                    "media",
                    format!("is missing; the header of the approved template is of kind \"{format}\""),
                );
            }
            (Some(format), Some(kind)) if format != kind => {
                return differs(
                    "media.kind",
                    format!("is \"{kind}\", but the header of the approved template is of kind \"{format}\""),
                );
            }
            _ => {}
        }
        let in_header = self.header.as_deref().map(variables_of).unwrap_or_default();
        match (in_header.first(), &written.header) {
            (Some(name), None) => differs(
                "header",
                format!("is missing; the header of the approved template has the variable {{{{{name}}}}}"),
            ),
            (None, Some(_)) if format.is_some() => {
                differs("header", "cannot be filled in; the header of the approved template has no variable")
            }
            (Some(name), Some(_)) => match &written.header_name {
                Some(given) if given != name => differs(
                    "header_name",
                    format!("is {given}, but the variable of the approved template is {{{{{name}}}}}"),
                ),
                None if !is_number(name) => differs(
                    "header_name",
                    format!("is missing; the variable of the approved template is {{{{{name}}}}}"),
                ),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn check_body(&self, written: &TemplateUse) -> Result<(), TemplateMismatch> {
        let known: BTreeSet<&str> = variables_of(&self.body).into_iter().collect();
        let is_named = known.iter().any(|name| !is_number(name));
        let shown = || known.iter().map(|name| format!("{{{{{name}}}}}")).collect::<Vec<_>>().join(", ");
        if is_named {
            let given: BTreeSet<&str> = written.parameters.keys().map(String::as_str).collect();
            if given != known {
                let reason =
                    format!("name other variables than the approved template, which has {}", shown());
                return differs("parameters", reason);
            }
            return Ok(());
        }
        if !written.parameters.is_empty() {
            return differs(
                "parameters",
                "have names, but the variables of the approved template have numbers; write body",
            );
        }
        if written.body.len() != known.len() {
            let reason =
                format!("has {} variables, the approved template has {}", written.body.len(), known.len());
            return differs("body", reason);
        }
        Ok(())
    }

    fn check_buttons(&self, written: &TemplateUse) -> Result<(), TemplateMismatch> {
        let kind_at = |index: u8| self.buttons.get(usize::from(index)).map(|button| button.kind.as_deref());
        let flow = written.button.iter().map(|button| ("button".to_owned(), button.index, "flow"));
        let others = (0..).zip(&written.buttons);
        let others =
            others.map(|(place, button)| (format!("buttons.{place}"), button.index, button.kind.word()));
        for (field, index, kind) in flow.chain(others) {
            match kind_at(index) {
                None => {
                    let n = self.buttons.len();
                    return differs(
                        format!("{field}.index"),
                        format!("is {index}, but the approved template has {n} buttons"),
                    );
                }
                Some(Some(known)) if known != kind => {
                    let reason = format!(
                        "button {index} of the approved template is of kind \"{known}\", not \"{kind}\""
                    );
                    return differs(field, reason);
                }
                Some(_) => {}
            }
        }
        for (index, button) in (0_u8..).zip(&self.buttons) {
            let given = written.buttons.iter().find(|given| given.index == index);
            match (button.kind.as_deref(), button.has_variable, given) {
                (Some("copy_code"), _, None) => {
                    return differs(
                        "buttons",
                        format!("lack the code of button {index} of the approved template"),
                    );
                }
                (Some("url"), Some(true), None) => {
                    return differs(
                        "buttons",
                        format!("lack the value of button {index}, whose web address has a variable"),
                    );
                }
                (_, Some(false), Some(given)) if given.kind == ButtonKind::Url => {
                    return differs(
                        "buttons",
                        format!("give a value for button {index}, whose web address has no variable"),
                    );
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn is_number(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

/// The names of the variables in a text, such as `1` of `{{1}}`.
pub(crate) fn variables_of(text: &str) -> Vec<&str> {
    let parts = text.split("{{").skip(1);
    parts.filter_map(|part| part.split_once("}}").map(|(name, _)| name.trim())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(known: &KnownTemplate, parts: &Value) -> String {
        let mut whole = json!({"name": "offer", "language": "en"});
        whole.as_object_mut().unwrap().extend(parts.as_object().unwrap().clone());
        let written: TemplateUse = serde_json::from_value(whole).unwrap();
        known.check(&written).map_or_else(|error| error.to_string(), |()| "same".to_owned())
    }

    fn button(kind: &str, has_variable: Option<bool>) -> KnownButton {
        KnownButton { kind: Some(kind.into()), has_variable }
    }

    #[test]
    fn a_template_with_everything_is_compared_with_the_known_one() {
        let known = KnownTemplate {
            header_format: Some("image".into()),
            header: None,
            body: "Dear {{first_name}}, {{ discount }} off".into(),
            buttons: vec![button("flow", None), button("url", Some(true)), button("copy_code", None)],
        };
        let whole = json!({
            "media": {"kind": "image", "id": "1"},
            "parameters": {"first_name": "x", "discount": "y"},
            "button": {"index": 0},
            "buttons": [{"index": 1, "kind": "url", "value": "x"}, {"index": 2, "kind": "copy_code", "value": "x"}],
        });
        assert_eq!(check(&known, &whole), "same");
        for (pointer, value, expected) in [
            (
                "/media",
                json!(null),
                "media: is missing; the header of the approved template is of kind \"image\"",
            ),
            ("/media/kind", json!("video"), "media.kind: is \"video\", but the header"),
            (
                "/parameters",
                json!({"first_name": "x"}),
                "parameters: name other variables than the approved template, which has {{discount}}, {{first_name}}",
            ),
            (
                "/button/index",
                json!(1),
                "button: button 1 of the approved template is of kind \"url\", not \"flow\"",
            ),
            ("/button/index", json!(7), "button.index: is 7, but the approved template has 3 buttons"),
            (
                "/buttons/1/kind",
                json!("url"),
                "buttons.1: button 2 of the approved template is of kind \"copy_code\"",
            ),
            ("/buttons", json!([]), "buttons: lack the value of button 1"),
            ("/buttons/1", json!({"index": 5, "kind": "url", "value": "x"}), "buttons.1.index: is 5"),
        ] {
            let mut changed = whole.clone();
            *changed.pointer_mut(pointer).unwrap() = value;
            let found = check(&known, &changed);
            assert!(found.starts_with(&format!("[template] {expected}")), "{pointer}: {found}");
        }
    }

    #[test]
    fn numbers_and_the_header_text_are_compared_and_the_unknown_is_not() {
        let known = KnownTemplate {
            header: Some("News for {{1}}".into()),
            body: "Dear {{1}}, {{2}}".into(),
            ..Default::default()
        };
        assert_eq!(check(&known, &json!({"header": "x", "body": ["x", "y"]})), "same");
        assert!(check(&known, &json!({"body": ["x", "y"]})).contains("header: is missing"));
        assert!(
            check(&known, &json!({"header": "x", "body": ["x"]}))
                .contains("body: has 1 variables, the approved template has 2")
        );
        assert!(
            check(&known, &json!({"header": "x", "header_name": "a", "parameters": {"a": "x"}}))
                .contains("header_name: is a")
        );
        let plain = KnownTemplate { header: Some("News".into()), body: "Hi".into(), ..Default::default() };
        assert!(check(&plain, &json!({"header": "x"})).contains("header: cannot be filled in"));
        assert!(check(&plain, &json!({"parameters": {"a": "x"}})).contains("parameters: have names"));
        let unknown =
            KnownTemplate { body: "Hi".into(), buttons: vec![KnownButton::default()], ..Default::default() };
        assert_eq!(check(&unknown, &json!({"media": {"kind": "image", "id": "1"}, "button": {}})), "same");
    }
}
