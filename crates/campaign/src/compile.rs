//! Parsing the author's message: which texts are fixed, which are templates, and what is wrong with them.

use std::collections::BTreeSet;

use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde_json::Value;

use crate::flow::{FlowActionKind, FlowName, FlowTemplate};

pub(crate) const HEADER_LIMIT: usize = 60;
pub(crate) const BODY_LIMIT: usize = 1024;
pub(crate) const FOOTER_LIMIT: usize = 60;
pub(crate) const CTA_LIMIT: usize = 30;

/// Why a flow message cannot be sent to anyone.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// A text is no valid template.
    #[error("[flow] {field}: {reason}")]
    Syntax {
        /// The field of the campaign file.
        field: String,
        /// What the template engine says, with the line.
        reason: String,
    },
    /// A field is missing, empty, too long or contradicts another.
    #[error("[flow] {field}: {reason}")]
    Field {
        /// The field of the campaign file.
        field: &'static str,
        /// What is wrong and what to write.
        reason: String,
    },
}

#[derive(Debug)]
pub(crate) enum Text {
    /// The same for everybody.
    Fixed(String),
    /// The name of a template in the environment.
    Template { field: String, limit: usize },
}

#[derive(Debug)]
pub(crate) enum Action {
    Navigate { screen: String, data: Option<Node> },
    DataExchange,
}

/// A JSON value whose strings may be templates.
#[derive(Debug)]
pub(crate) enum Node {
    Fixed(Value),
    Text(Text),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// Parses the texts of one message, and notes every variable they name.
pub(crate) struct Compiler {
    pub(crate) texts: Environment<'static>,
    pub(crate) variables: BTreeSet<String>,
}

impl Compiler {
    pub(crate) fn new() -> Self {
        let mut texts = Environment::new();
        texts.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        texts.set_auto_escape_callback(|_| AutoEscape::None);
        Self { texts, variables: BTreeSet::new() }
    }

    pub(crate) fn required(
        &mut self,
        field: &'static str,
        source: &str,
        limit: usize,
    ) -> Result<Text, CompileError> {
        if source.trim().is_empty() {
            return Err(CompileError::Field { field, reason: "is empty; write its text".into() });
        }
        self.text(field.to_owned(), source, limit)
    }

    pub(crate) fn optional(
        &mut self,
        field: &'static str,
        source: Option<&str>,
        limit: usize,
    ) -> Result<Option<Text>, CompileError> {
        source.map(|source| self.required(field, source, limit)).transpose()
    }

    fn text(&mut self, field: String, source: &str, limit: usize) -> Result<Text, CompileError> {
        if !["{{", "{%", "{#"].iter().any(|mark| source.contains(mark)) {
            return match source.chars().count() {
                length if length > limit => Err(CompileError::Syntax {
                    field,
                    reason: format!("has {length} characters, WhatsApp takes at most {limit}"),
                }),
                _ => Ok(Text::Fixed(source.to_owned())),
            };
        }
        let syntax = |error: minijinja::Error| CompileError::Syntax {
            field: field.clone(),
            reason: format!("not a valid text: {error}"),
        };
        self.texts.add_template_owned(field.clone(), source.to_owned()).map_err(syntax)?;
        let template = self.texts.get_template(&field).map_err(syntax)?;
        self.variables.extend(template.undeclared_variables(false));
        Ok(Text::Template { field, limit })
    }

    pub(crate) fn action(&mut self, template: &FlowTemplate) -> Result<Action, CompileError> {
        let field = |field, reason: &str| CompileError::Field { field, reason: reason.to_owned() };
        match (template.action, &template.screen) {
            (FlowActionKind::DataExchange, Some(_)) => Err(field(
                "screen",
                "is only for action = \"navigate\"; with data_exchange the endpoint decides",
            )),
            (FlowActionKind::DataExchange, None) if !template.data.is_empty() => Err(field(
                "data",
                "is only for action = \"navigate\"; with data_exchange the endpoint decides",
            )),
            (FlowActionKind::DataExchange, None) => Ok(Action::DataExchange),
            (FlowActionKind::Navigate, None) => {
                Err(field("screen", "is missing; name the flow's first screen"))
            }
            (FlowActionKind::Navigate, Some(screen)) if screen.trim().is_empty() => {
                Err(field("screen", "is empty; name the flow's first screen"))
            }
            (FlowActionKind::Navigate, Some(screen)) => {
                let data = (!template.data.is_empty())
                    .then(|| self.node("data", &Value::Object(template.data.clone())))
                    .transpose()?;
                Ok(Action::Navigate { screen: screen.clone(), data })
            }
        }
    }

    fn node(&mut self, path: &str, value: &Value) -> Result<Node, CompileError> {
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

/// Exactly one of id and name.
pub(crate) fn flow_name(template: &FlowTemplate) -> Result<FlowName, CompileError> {
    match (&template.flow_id, &template.flow_name) {
        (Some(id), None) if !id.trim().is_empty() => Ok(FlowName::Id(id.clone())),
        (None, Some(name)) if !name.trim().is_empty() => Ok(FlowName::Name(name.clone())),
        _ => Err(CompileError::Field {
            field: "flow_id",
            reason: "give exactly one of flow_id and flow_name".into(),
        }),
    }
}
