//! Reads screens and components.

use serde_json::{Map, Value};

use crate::flow_json::MOST_COMPONENTS;
use crate::flow_json::component::{
    FlowChoice, FlowComponent, FlowField, FlowInput, FlowOption, FlowOptions, FlowPart, FlowText,
};
use crate::flow_json::error::FlowJsonError;
use crate::flow_json::{FlowScreen, error};

/// The most options of a field that are read; WhatsApp allows 200.
const MOST_OPTIONS: usize = 200;
/// Branches within branches that are drawn; WhatsApp allows as many.
const DEEPEST: usize = 3;

/// One screen.
pub(crate) fn screen(place: usize, screen: &Value) -> Result<FlowScreen, FlowJsonError> {
    let place = format!("screens[{place}]");
    let id = screen.get("id").and_then(Value::as_str).filter(|id| !id.trim().is_empty());
    let id = id.ok_or_else(|| part(&place, "the screen has no id; give it one, such as WELCOME"))?;
    let children = screen.pointer("/layout/children").and_then(Value::as_array);
    let children = children.ok_or_else(|| part(&place, "the screen has no layout with children"))?;
    let mut reader = Reader { left: MOST_COMPONENTS, left_out: 0 };
    let components = reader.components(&format!("{place}.layout.children"), children, 0)?;
    Ok(FlowScreen {
        id: id.to_owned(),
        title: text(screen, "title"),
        is_terminal: screen.get("terminal") == Some(&Value::Bool(true)),
        data: declared(screen),
        components,
        left_out: reader.left_out,
    })
}

/// The data that a screen declares, with its examples.
fn declared(screen: &Value) -> Map<String, Value> {
    let declared = screen.get("data").and_then(Value::as_object);
    let example = |about: &Value| about.get("__example__").cloned().unwrap_or_default();
    declared.into_iter().flatten().map(|(name, about)| (name.clone(), example(about))).collect()
}

fn part(place: &str, reason: &'static str) -> FlowJsonError {
    error::FlowJsonError::Part { place: place.to_owned(), reason }
}

/// Reads components until a screen has as many as WhatsApp allows, and counts the others.
struct Reader {
    left: usize,
    left_out: usize,
}

impl Reader {
    fn components(
        &mut self,
        place: &str,
        children: &[Value],
        depth: usize,
    ) -> Result<Vec<FlowComponent>, FlowJsonError> {
        let mut read = Vec::new();
        for (index, child) in children.iter().enumerate() {
            let place = format!("{place}[{index}]");
            let word = child.get("type").and_then(Value::as_str);
            let word = word.ok_or_else(|| part(&place, "the component has no type"))?;
            // A form only groups fields.
            if word == "Form" {
                let inner = child.get("children").and_then(Value::as_array);
                let inner = inner.ok_or_else(|| part(&place, "the form has no children"))?;
                read.extend(self.components(&format!("{place}.children"), inner, depth)?);
                continue;
            }
            if self.left == 0 {
                self.left_out += 1;
                continue;
            }
            if child.get("visible") == Some(&Value::Bool(false)) {
                continue;
            }
            self.left -= 1;
            let kind = match word {
                "If" | "Switch" if depth < DEEPEST => self.branch(&place, child, depth)?,
                word => kind(word, child),
            };
            let visible = child.get("visible").and_then(Value::as_str).map(str::to_owned);
            read.push(FlowComponent { kind, visible });
        }
        Ok(read)
    }

    /// `If` or `Switch`, with the components of its first branch.
    fn branch(&mut self, place: &str, child: &Value, depth: usize) -> Result<FlowPart, FlowJsonError> {
        let is_if = child.get("type").and_then(Value::as_str) == Some("If");
        let (word, condition) = if is_if { ("If", "condition") } else { ("Switch", "value") };
        let mut branches: Vec<(&str, &Vec<Value>)> = if is_if {
            let branch = |name| Some((name, child.get(name)?.as_array()?));
            ["then", "else"].into_iter().filter_map(branch).collect()
        } else {
            let cases = child.get("cases").and_then(Value::as_object).into_iter().flatten();
            cases.filter_map(|(name, case)| Some((name.as_str(), case.as_array()?))).collect()
        };
        if branches.is_empty() {
            return Err(part(place, "the branch has no components; write then, or cases"));
        }
        let (branch, first) = branches.remove(0);
        Ok(FlowPart::Branch {
            word,
            condition: text(child, condition),
            branch: branch.to_owned(),
            others: branches.len(),
            components: self.components(&format!("{place}.{branch}"), first, depth + 1)?,
        })
    }
}

/// A component that contains no other.
fn kind(word: &str, child: &Value) -> FlowPart {
    let line = |style| FlowPart::Text { style, text: text(child, "text") };
    let input = |input| FlowPart::Input { input, field: field(child) };
    let choice = |choice| FlowPart::Choice { choice, field: field(child), options: source(child) };
    match word {
        "TextHeading" => line(FlowText::Heading),
        "TextSubheading" => line(FlowText::Subheading),
        "TextBody" => line(FlowText::Body),
        "TextCaption" => line(FlowText::Caption),
        "TextInput" => input(FlowInput::Line),
        "TextArea" => input(FlowInput::Area),
        "DatePicker" => input(FlowInput::Date),
        "CalendarPicker" => input(FlowInput::Calendar),
        "Dropdown" => choice(FlowChoice::Dropdown),
        "RadioButtonsGroup" => choice(FlowChoice::Radio),
        "CheckboxGroup" => choice(FlowChoice::Checkbox),
        "ChipsSelector" => choice(FlowChoice::Chips),
        "OptIn" => FlowPart::OptIn(field(child)),
        "EmbeddedLink" => FlowPart::Link(text(child, "text")),
        "Image" => FlowPart::Image(text(child, "alt-text")),
        "Footer" => FlowPart::Footer(text(child, "label")),
        unknown => FlowPart::Unknown(unknown.to_owned()),
    }
}

fn field(child: &Value) -> FlowField {
    FlowField {
        name: text(child, "name"),
        label: text(child, "label"),
        help: [text(child, "helper-text"), text(child, "description")].concat(),
        is_required: child.get("required") == Some(&Value::Bool(true)),
    }
}

fn source(child: &Value) -> FlowOptions {
    match child.get("data-source") {
        Some(Value::Array(listed)) => FlowOptions::Listed(options(listed)),
        Some(Value::String(reference)) => FlowOptions::Data(reference.clone()),
        _ => FlowOptions::Listed(Vec::new()),
    }
}

/// Options with an id.
pub(crate) fn options(listed: &[Value]) -> Vec<FlowOption> {
    let option = |value: &Value| {
        let (id, title) = (text(value, "id"), text(value, "title"));
        let title = if title.is_empty() { id.clone() } else { title };
        Some(FlowOption { description: text(value, "description"), id, title })
            .filter(|one| !one.id.is_empty())
    };
    listed.iter().take(MOST_OPTIONS).filter_map(option).collect()
}

/// A member as text; empty if it is missing.
fn text(value: &Value, member: &str) -> String {
    value.get(member).map(text_of).unwrap_or_default()
}

/// A value as people read it: lines of a list below each other, members of an object beside each other.
pub(crate) fn text_of(value: &Value) -> String {
    let joined = |values: Vec<String>, between: &str| values.join(between);
    match value {
        Value::Null => String::new(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(lines) => joined(lines.iter().map(text_of).collect(), "\n"),
        Value::Object(members) => joined(members.values().map(text_of).collect(), " – "),
    }
}
