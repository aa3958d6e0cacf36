//! Renders the template message of one recipient from the author's texts and the recipient's variables.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::message::compile::Compiler;
use crate::message::error::{CompileError, RenderError};
use crate::message::node::Node;
use crate::message::template::{FlowButton, TemplateHeader, TemplateMessage, TemplateUse};
use crate::message::template_parts::{CompiledButton, CompiledMedia, CompiledParameter, Filler, check_parts};
use crate::message::texts::Texts;
use crate::message::variables::Variables;
use crate::message::whitespace::is_one_line;

/// Meta's longest name of a template.
const NAME_LIMIT: usize = 512;

/// A compiled template message with valid fields.
#[derive(Debug)]
pub(crate) struct CompiledTemplate {
    texts: Texts,
    fixed: TemplateMessage,
    header: Option<CompiledParameter>,
    media: Option<CompiledMedia>,
    body: Vec<CompiledParameter>,
    buttons: Vec<CompiledButton>,
    data: Option<Node>,
    folds: bool,
    /// The variables that header, body and buttons use.
    in_parameters: BTreeSet<String>,
    variables: BTreeSet<String>,
}

impl CompiledTemplate {
    /// Compiles and checks the author's message.
    pub(crate) fn compile(written: &TemplateUse) -> Result<Self, CompileError> {
        let mut compiler = Compiler::new("template");
        let word = |field: &str, text: &str, limit| compiler.word(field, text, limit);
        word("name", &written.name, NAME_LIMIT)?;
        word("language", &written.language, NAME_LIMIT)?;
        written.namespace.as_deref().map(|text| word("namespace", text, NAME_LIMIT)).transpose()?;
        check_parts(&compiler, written)?;
        let header = CompiledParameter::header(&mut compiler, written)?;
        let body = CompiledParameter::body(&mut compiler, written)?;
        let buttons = CompiledButton::all(&mut compiler, written)?;
        let in_parameters = compiler.variables().clone();
        let media =
            written.media.as_ref().map(|media| CompiledMedia::new(&mut compiler, media)).transpose()?;
        let data = written.button.as_ref().map(|button| &button.data).filter(|data| !data.is_empty());
        let data = data.map(|data| compiler.node("button.data", &Value::Object(data.clone()))).transpose()?;
        let fixed = TemplateMessage {
            name: written.name.clone(),
            language: written.language.clone(),
            namespace: written.namespace.clone(),
            header: None,
            body: Vec::new(),
            button: written.button.as_ref().map(|button| FlowButton { index: button.index, data: None }),
            buttons: Vec::new(),
        };
        let texts = compiler.finish();
        let (folds, variables) = (written.fold_spaces, BTreeSet::new());
        let mut compiled =
            Self { texts, fixed, header, media, body, buttons, data, folds, in_parameters, variables };
        compiled.texts.check(|variables| compiled.render(variables).map(drop))?;
        compiled.variables = compiled.texts.needed(|variables| compiled.render(variables).map(drop));
        Ok(compiled)
    }

    /// The variables that the message needs of every recipient.
    pub(crate) fn variables(&self) -> &BTreeSet<String> {
        &self.variables
    }

    /// The variable whose line breaks, tabs or spaces make Meta refuse the message, if there is one.
    pub(crate) fn broken_variable(&self, variables: &Variables) -> Option<&str> {
        let broken = |name: &&String| variables.get(name).is_some_and(|cell| !is_one_line(cell));
        // Few rows have such a cell, and only the rendered text decides: a filter may remove the line break.
        let name = self.in_parameters.iter().find(broken).filter(|_| !self.folds)?;
        matches!(self.render(variables), Err(RenderError::Whitespace { .. })).then_some(name.as_str())
    }

    /// Renders the message for one recipient.
    pub(crate) fn render(&self, variables: &Variables) -> Result<TemplateMessage, RenderError> {
        let variables = &self.texts.context(variables);
        let filler = Filler { texts: &self.texts, variables, folds: self.folds };
        let mut message = self.fixed.clone();
        if let Some(header) = &self.header {
            message.header = Some(TemplateHeader::Text(header.fill(&filler)?));
        }
        message.body = self.body.iter().map(|variable| variable.fill(&filler)).collect::<Result<_, _>>()?;
        message.buttons = self.buttons.iter().map(|button| button.fill(&filler)).collect::<Result<_, _>>()?;
        if let (Some(button), Some(data)) = (&mut message.button, &self.data) {
            button.data = Some(self.texts.object(data, variables)?);
        }
        // Last, so that a wrong link does not hide a missing variable.
        if let Some(media) = &self.media {
            message.header = Some(TemplateHeader::Media(media.fill(&filler)?));
        }
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn written() -> TemplateUse {
        serde_json::from_value(json!({
            "name": "course_signup",
            "language": "en_US",
            "header": "{{ town }}",
            "body": ["{{ first_name }}", "two"],
            "button": {"data": {"first_name": "{{ first_name }}", "age": 7}},
        }))
        .unwrap()
    }

    #[test]
    fn a_template_is_rendered_for_one_recipient() {
        let compiled = CompiledTemplate::compile(&written()).unwrap();
        let message = compiled.render(&[("first_name", "Anna"), ("town", "Nakuru")].into_iter().collect());
        let message = message.unwrap();
        assert_eq!((message.name.as_str(), message.language.as_str()), ("course_signup", "en_US"));
        assert!(message.header == Some(TemplateHeader::Text("Nakuru".into())));
        assert!(message.body == ["Anna".into(), "two".into()]);
        let button = message.button.unwrap();
        assert_eq!(button.index, 0);
        assert_eq!(Value::Object(button.data.unwrap()), json!({"first_name": "Anna", "age": 7}));
        assert_eq!(compiled.variables().iter().collect::<Vec<_>>(), ["first_name", "town"]);
    }

    #[test]
    fn a_missing_variable_is_reported_with_its_field() {
        let compiled = CompiledTemplate::compile(&written()).unwrap();
        let error = compiled.render(&[("town", "Nakuru")].into_iter().collect()).unwrap_err();
        assert_eq!(error.to_string(), "[template] body.0: a variable is missing or empty in this row");
    }

    #[test]
    fn a_variable_that_meta_refuses_is_reported_with_its_column_or_folded() {
        let row = |name: &str| -> Variables {
            [("first_name", name), ("town", "Nakuru"), ("note", "a\nb")].into_iter().collect()
        };
        let compiled = CompiledTemplate::compile(&written()).unwrap();
        for name in ["Line one\nLine two", "Cy\tTab", "Five     spaces"] {
            let error = compiled.render(&row(name)).unwrap_err();
            assert_eq!(error.word(), "line_break_in_variable");
            assert!(error.to_string().starts_with("[template] body.0: Meta takes no line break"), "{error}");
            assert_eq!(compiled.broken_variable(&row(name)), Some("first_name"));
        }
        assert_eq!(compiled.broken_variable(&row("Anna    Maria")), None);
        let mut template = written();
        template.fold_spaces = true;
        let folding = CompiledTemplate::compile(&template).unwrap();
        assert_eq!(folding.render(&row("Line one\nLine two")).unwrap().body[0].text, "Line one Line two");
        assert_eq!(folding.broken_variable(&row("Cy\tTab")), None);
        template.fold_spaces = false;
        template.body[0] = "{{ first_name|replace('\\n', ', ') }}".into();
        let by_author = CompiledTemplate::compile(&template).unwrap();
        assert_eq!(by_author.broken_variable(&row("a\nb")), None, "the text removes it");
        template.body[1] = "two\nlines".into();
        let error = CompiledTemplate::compile(&template).unwrap_err().to_string();
        assert!(error.starts_with("[template] body.1: Meta takes no line break"), "{error}");
    }

    #[test]
    fn a_button_without_data_has_none_and_no_button_is_none() {
        let mut template = written();
        template.button = Some(crate::FlowButtonUse { index: 1, ..Default::default() });
        let all: Variables = [("first_name", "Anna"), ("town", "Nakuru")].into_iter().collect();
        let button = CompiledTemplate::compile(&template).unwrap().render(&all).unwrap().button.unwrap();
        assert_eq!((button.index, button.data), (1, None));
        template.button = None;
        assert!(CompiledTemplate::compile(&template).unwrap().render(&all).unwrap().button.is_none());
    }

    #[test]
    fn an_invalid_template_is_refused_with_its_field() {
        let change = |change: &dyn Fn(&mut TemplateUse)| {
            let mut template = written();
            change(&mut template);
            CompiledTemplate::compile(&template).unwrap_err().to_string()
        };
        assert_eq!(change(&|t| t.name = " ".into()), "[template] name: is empty; write it");
        assert_eq!(change(&|t| t.language = String::new()), "[template] language: is empty; write it");
        assert_eq!(
            change(&|t| t.name = "{{ first_name }}".into()),
            "[template] name: is the same for all recipients; write it without variables"
        );
        assert_eq!(change(&|t| t.body[1] = " ".into()), "[template] body.1: is empty; write its text");
        assert_eq!(
            change(&|t| t.header = Some("x".repeat(61))),
            "[template] header: has 61 characters, WhatsApp allows at most 60"
        );
        assert_eq!(
            change(&|t| t.button.as_mut().unwrap().index = 10),
            "[template] button.index: is not the index of a button; write 0 to 9"
        );
    }
}
