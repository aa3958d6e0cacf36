//! The parsed texts of one message, and their rendering.
//!
//! A missing or empty variable is an error and never becomes an empty text. `template_language.rs` defines what a text
//! may use, and its limits.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::Environment;
use serde_json::{Map, Value};

use crate::message::error::{CompileError, EMOJI, FAULTY, OVER_LIMIT, RenderError, WHITESPACE};
use crate::message::node::{Node, Text};
use crate::message::template_language::{self as language, Unfilled};
use crate::message::variables::Variables;

/// The texts of one message that contain variables, by field.
#[derive(Debug)]
pub(crate) struct Texts {
    /// The section of the campaign file.
    pub(crate) section: &'static str,
    pub(crate) parsed: Environment<'static>,
    /// Every variable that the texts use.
    pub(crate) named: BTreeSet<String>,
}

impl Texts {
    /// The variables for the template engine. An empty cell counts as missing.
    pub(crate) fn context(&self, variables: &Variables) -> minijinja::Value {
        let filled = |name: &String| variables.get(name).filter(|cell| !cell.trim().is_empty());
        let named = self.named.iter().filter_map(|name| Some((name.clone(), filled(name)?.to_owned())));
        minijinja::Value::from(named.collect::<BTreeMap<_, _>>())
    }

    /// The variables that every recipient must have. A variable with a default, or one that `if` tests, is optional.
    pub(crate) fn needed(&self, render: impl Fn(&Variables) -> Result<(), RenderError>) -> BTreeSet<String> {
        let all = &self.named;
        let without = |variable: &String| -> Variables {
            all.iter().filter(|other| *other != variable).map(|other| (other.as_str(), "1")).collect()
        };
        let is_needed =
            |variable: &&String| matches!(render(&without(variable)), Err(RenderError::Missing { .. }));
        all.iter().filter(is_needed).cloned().collect()
    }

    /// Refuses texts that fail for every recipient, whatever the list contains.
    pub(crate) fn check(
        &self,
        render: impl Fn(&Variables) -> Result<(), RenderError>,
    ) -> Result<(), CompileError> {
        let all: Variables = self.named.iter().map(|name| (name.as_str(), "1")).collect();
        match render(&all) {
            Err(RenderError::OverLimit { section, field }) => {
                Err(CompileError::Field { section, field, reason: OVER_LIMIT.to_owned() })
            }
            Err(RenderError::Faulty { section, field }) => {
                Err(CompileError::Field { section, field, reason: FAULTY.to_owned() })
            }
            Err(RenderError::Whitespace { section, field }) => {
                Err(CompileError::Field { section, field, reason: WHITESPACE.to_owned() })
            }
            Err(RenderError::Emoji { section, field }) => {
                Err(CompileError::Field { section, field, reason: EMOJI.to_owned() })
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Renders one text and checks its limit.
    pub(crate) fn text(&self, text: &Text, variables: &minijinja::Value) -> Result<String, RenderError> {
        let (field, limit) = match text {
            Text::Fixed(text) => return Ok(text.clone()),
            Text::Template { field, limit } => (field, *limit),
        };
        let section = self.section;
        let missing = || RenderError::Missing { section, field: field.clone() };
        let template = self.parsed.get_template(field).map_err(|_| missing())?;
        let filled = language::fill(&template, variables).map_err(|why| match why {
            Unfilled::Missing => missing(),
            Unfilled::OverLimit => RenderError::OverLimit { section, field: field.clone() },
            Unfilled::Wrong => RenderError::Faulty { section, field: field.clone() },
        })?;
        if filled.trim().is_empty() {
            return Err(missing());
        }
        match filled.chars().count() {
            length if length > limit => {
                Err(RenderError::TooLong { section, field: field.clone(), length, limit })
            }
            _ => Ok(filled),
        }
    }

    /// Renders the texts of a JSON object.
    pub(crate) fn object(
        &self,
        node: &Node,
        variables: &minijinja::Value,
    ) -> Result<Map<String, Value>, RenderError> {
        match self.value(node, variables)? {
            Value::Object(members) => Ok(members),
            _ => Ok(Map::new()),
        }
    }

    fn value(&self, node: &Node, variables: &minijinja::Value) -> Result<Value, RenderError> {
        Ok(match node {
            Node::Fixed(value) => value.clone(),
            Node::Text(text) => Value::String(self.text(text, variables)?),
            Node::List(items) => {
                items.iter().map(|item| self.value(item, variables)).collect::<Result<_, _>>()?
            }
            Node::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(name, node)| Ok((name.clone(), self.value(node, variables)?)))
                    .collect::<Result<_, RenderError>>()?,
            ),
        })
    }
}
