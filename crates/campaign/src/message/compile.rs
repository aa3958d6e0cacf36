//! Compiles the author's message: finds fixed texts and templates, and refuses invalid fields.

use std::collections::BTreeSet;

use minijinja::Environment;
use serde_json::Value;

use crate::message::error::CompileError;
use crate::message::flow::{FlowActionKind, FlowName, FlowTemplate};
use crate::message::node::{Action, BODY_LIMIT, Node, Text};
use crate::message::texts::Texts;
use crate::message::{template_language as language, template_rules as rules};

/// The most texts with variables in one message, the most variables, and the most loops. All are rendered for every
/// recipient.
const MOST_TEXTS: usize = 100;
const MOST_VARIABLES: usize = 100;
const MOST_LOOPS: usize = 10;

/// Parses the texts of one message and collects the variables they use.
pub(crate) struct Compiler {
    section: &'static str,
    parsed: Environment<'static>,
    variables: BTreeSet<String>,
    texts: usize,
    loops: usize,
}

impl Compiler {
    /// A compiler for the message in this section of the campaign file.
    pub(crate) fn new(section: &'static str) -> Self {
        Self { section, parsed: language::environment(), variables: BTreeSet::new(), texts: 0, loops: 0 }
    }

    /// The parsed texts.
    pub(crate) fn finish(self) -> Texts {
        Texts { section: self.section, parsed: self.parsed, named: self.variables }
    }

    /// The variables found so far.
    pub(crate) fn variables(&self) -> &BTreeSet<String> {
        &self.variables
    }

    pub(crate) fn wrong(&self, field: &str, reason: impl Into<String>) -> CompileError {
        CompileError::Field { section: self.section, field: field.to_owned(), reason: reason.into() }
    }

    pub(crate) fn required(&mut self, field: &str, source: &str, limit: usize) -> Result<Text, CompileError> {
        if source.trim().is_empty() {
            return Err(self.wrong(field, "is empty; write its text"));
        }
        self.text(field.to_owned(), source, limit)
    }

    pub(crate) fn optional(
        &mut self,
        field: &str,
        source: Option<&str>,
        limit: usize,
    ) -> Result<Option<Text>, CompileError> {
        source.map(|source| self.required(field, source, limit)).transpose()
    }

    /// Checks a name that is the same for all recipients.
    pub(crate) fn word(&self, field: &str, source: &str, limit: usize) -> Result<(), CompileError> {
        if source.trim().is_empty() {
            return Err(self.wrong(field, "is empty; write it"));
        }
        if has_variables(source) {
            return Err(self.wrong(field, "is the same for all recipients; write it without variables"));
        }
        match source.chars().count() {
            length if length > limit => Err(self.too_long(field, length, limit)),
            _ => Ok(()),
        }
    }

    fn too_long(&self, field: &str, length: usize, limit: usize) -> CompileError {
        self.wrong(field, format!("has {length} characters, WhatsApp allows at most {limit}"))
    }

    fn text(&mut self, field: String, source: &str, limit: usize) -> Result<Text, CompileError> {
        if !has_variables(source) {
            return match source.chars().count() {
                length if length > limit => Err(self.too_long(&field, length, limit)),
                _ => Ok(Text::Fixed(source.to_owned())),
            };
        }
        self.loops += rules::check(source).map_err(|reason| self.wrong(&field, reason))?;
        self.texts += 1;
        let section = self.section;
        let syntax = |error: minijinja::Error| CompileError::Syntax {
            section,
            field: field.clone(),
            reason: spaced(source).unwrap_or_else(|| format!("not a valid text: {error}")),
        };
        self.parsed.add_template_owned(field.clone(), source.to_owned()).map_err(syntax)?;
        let template = self.parsed.get_template(&field).map_err(syntax)?;
        let names =
            template.undeclared_variables(false).into_iter().filter(|name| !language::is_function(name));
        self.variables.extend(names);
        for (n, most, what) in [
            (self.texts, MOST_TEXTS, "texts with variables"),
            (self.variables.len(), MOST_VARIABLES, "variables"),
            (self.loops, MOST_LOOPS, "loops"),
        ] {
            if n > most {
                return Err(self.wrong(&field, format!("is one too many: a message may have {most} {what}")));
            }
        }
        Ok(Text::Template { field, limit })
    }

    pub(crate) fn action(&mut self, template: &FlowTemplate) -> Result<Action, CompileError> {
        match (template.action, &template.screen) {
            (FlowActionKind::DataExchange, Some(_)) => Err(self.wrong(
                "screen",
                "is only for action = \"navigate\"; with data_exchange the endpoint decides",
            )),
            (FlowActionKind::DataExchange, None) if !template.data.is_empty() => Err(self
                .wrong("data", "is only for action = \"navigate\"; with data_exchange the endpoint decides")),
            (FlowActionKind::DataExchange, None) => Ok(Action::DataExchange),
            (FlowActionKind::Navigate, None) => {
                Err(self.wrong("screen", "is missing; name the flow's first screen"))
            }
            (FlowActionKind::Navigate, Some(screen)) if screen.trim().is_empty() => {
                Err(self.wrong("screen", "is empty; name the flow's first screen"))
            }
            (FlowActionKind::Navigate, Some(screen)) if !is_plain_name(screen) => Err(self.wrong(
                "screen",
                "is not the id of a screen; write the screen's id from the Flow JSON, which has letters, digits and _ only",
            )),
            (FlowActionKind::Navigate, Some(screen)) => {
                let data = (!template.data.is_empty())
                    .then(|| self.node("data", &Value::Object(template.data.clone())))
                    .transpose()?;
                Ok(Action::Navigate { screen: screen.clone(), data })
            }
        }
    }

    /// The flow, named by exactly one of id and name.
    pub(crate) fn flow_name(&self, template: &FlowTemplate) -> Result<FlowName, CompileError> {
        for (field, written) in [("flow_id", &template.flow_id), ("flow_name", &template.flow_name)] {
            if written.as_ref().is_some_and(|written| is_web_address(written)) {
                return Err(self.wrong(
                    field,
                    "is a web address; write the flow's id, the digits that WhatsApp Manager shows beside its name",
                ));
            }
        }
        match (&template.flow_id, &template.flow_name) {
            (Some(id), None) if !id.trim().is_empty() && !is_plain_name(&id.replace('-', "_")) => Err(self
                .wrong(
                    "flow_id",
                    "is not the id of a flow; write the digits that WhatsApp Manager shows beside its name",
                )),
            (Some(id), None) if !id.trim().is_empty() => Ok(FlowName::Id(id.clone())),
            (None, Some(name)) if !name.trim().is_empty() => Ok(FlowName::Name(name.clone())),
            _ => Err(self.wrong("flow_id", "give exactly one of flow_id and flow_name")),
        }
    }

    pub(crate) fn node(&mut self, path: &str, value: &Value) -> Result<Node, CompileError> {
        Ok(match value {
            Value::String(source) => Node::Text(self.text(path.to_owned(), source, BODY_LIMIT)?),
            Value::Array(items) => Node::List(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| self.node(&format!("{path}.{index}"), item))
                    .collect::<Result<_, _>>()?,
            ),
            Value::Object(members) => Node::Object(
                members
                    .iter()
                    .map(|(name, item)| Ok((name.clone(), self.node(&format!("{path}.{name}"), item)?)))
                    .collect::<Result<_, CompileError>>()?,
            ),
            other => Node::Fixed(other.clone()),
        })
    }
}

/// Whether a name has only letters, digits and `_`.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_web_address(text: &str) -> bool {
    let text = text.trim().to_ascii_lowercase();
    text.contains("://") || text.starts_with("www.")
}

/// Whether the template engine must render this text.
fn has_variables(source: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|mark| source.contains(mark))
}
/// What is wrong with a variable that is written as the heading of its column, with spaces: `{{ First name }}`.
fn spaced(source: &str) -> Option<String> {
    const OPERATORS: [&str; 6] = ["if", "else", "and", "or", "not", "in"];
    let inner =
        source.split("{{").skip(1).filter_map(|rest| rest.split_once("}}")).map(|(inner, _)| inner.trim());
    let is_name = |word: &str| {
        word.chars().all(|sign| sign.is_alphanumeric() || sign == '_') && !OPERATORS.contains(&word)
    };
    let mut names = inner.filter(|inner| inner.contains(' ') && inner.split_whitespace().all(is_name));
    let written = names.next()?;
    let name = written.split_whitespace().collect::<Vec<_>>().join("_").to_lowercase();
    Some(format!("{{{{ {written} }}}} is not a variable, because it has a space; write {{{{ {name} }}}}"))
}
