//! Labels of the fields of an answer, and of their options.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::flow_json::read::{options, text_of};
use crate::flow_json::references::{FieldPlace, References};

/// The labels of the fields of an answer, by the names that answers contain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowLabels(BTreeMap<String, Labels>);

/// The labels of one field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Labels {
    /// The label; `None`: it is not known, or several components with different labels fill the field.
    label: Option<String>,
    /// The titles of the options by their ids.
    options: BTreeMap<String, String>,
}

impl FlowLabels {
    /// The label of a field; `None`: it is not known.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.label.as_deref()
    }

    /// The title of an option of a field; `None`: it is not known.
    pub fn option(&self, name: &str, id: &str) -> Option<&str> {
        self.0.get(name)?.options.get(id).map(String::as_str)
    }

    /// The labels of a Flow JSON that was checked.
    pub(crate) fn of(document: &Value) -> Self {
        let (mut found, mut references) = (BTreeMap::<FieldPlace, Vec<Labels>>::new(), References::default());
        for screen in document.get("screens").and_then(Value::as_array).into_iter().flatten() {
            let id = screen.get("id").and_then(Value::as_str).unwrap_or_default();
            // The document is as deep as its parser allows, and all branches are looked at.
            let mut next = vec![screen.get("layout").unwrap_or(&Value::Null)];
            while let Some(value) = next.pop() {
                match value {
                    Value::Array(values) => next.extend(values),
                    Value::Object(members) => {
                        references.add(id, value);
                        if let Some(name) = value.get("name").and_then(Value::as_str) {
                            found.entry((id.to_owned(), name.to_owned())).or_default().push(labels(value));
                        }
                        next.extend(
                            members.iter().filter(|(name, _)| holds_components(name)).map(|(_, value)| value),
                        );
                    }
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
                }
            }
        }
        Self::joined(&found, &references)
    }

    fn joined(found: &BTreeMap<FieldPlace, Vec<Labels>>, references: &References) -> Self {
        let mut by_name: BTreeMap<&str, BTreeSet<FieldPlace>> = BTreeMap::new();
        for place in found.keys() {
            by_name.entry(&place.1).or_default().insert(place.clone());
        }
        // What the action that completes the flow says is better than equal names.
        for (name, places) in references.fields() {
            if places.iter().any(|place| found.contains_key(place)) {
                by_name.insert(name, places);
            }
        }
        let all = |places: &BTreeSet<FieldPlace>| {
            join(places.iter().filter_map(|place| found.get(place)).flatten())
        };
        Self(by_name.into_iter().map(|(name, places)| (name.to_owned(), all(&places))).collect())
    }
}

/// Whether components are below this member.
fn holds_components(member: &str) -> bool {
    // The members of `cases` have names of their own; the members of an action or a source are no components.
    !matches!(
        member,
        "data-source" | "on-click-action" | "on-select-action" | "on-unselect-action" | "init-values"
    )
}

/// The labels of a component. A label with a reference differs from recipient to recipient, and is not known here.
fn labels(component: &Value) -> Labels {
    let fixed = |text: String| Some(text).filter(|text| !text.trim().is_empty() && !text.contains("${"));
    let label = component.get("label").filter(|label| label.is_string()).map(text_of).and_then(fixed);
    let listed = component.get("data-source").and_then(Value::as_array);
    let titles = listed.map(|listed| options(listed)).unwrap_or_default().into_iter();
    let titles = titles.filter_map(|option| Some((option.id, fixed(option.title)?)));
    Labels { label, options: titles.collect() }
}

/// The labels of several components that fill one field: what they agree about.
fn join<'a>(all: impl Iterator<Item = &'a Labels>) -> Labels {
    let (mut labels, mut titles) = (BTreeSet::new(), BTreeMap::<&str, BTreeSet<&str>>::new());
    for one in all {
        labels.extend(one.label.as_deref());
        for (id, title) in &one.options {
            titles.entry(id).or_default().insert(title);
        }
    }
    let only =
        |texts: &BTreeSet<&str>| texts.first().filter(|_| texts.len() == 1).map(|text| (*text).to_owned());
    let options = titles.iter().filter_map(|(id, titles)| Some(((*id).to_owned(), only(titles)?)));
    Labels { label: only(&labels), options: options.collect() }
}
