//! Where a value of an answer comes from: the names of an answer are those of the action that completes the flow, and its values
//! may be passed from screen to screen before.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The most names of an answer that are followed, and the most references for each. Flows have a few.
const MOST_NAMES: usize = 500;
const MOST_STEPS: usize = 200;

/// A field of a form: id of the screen and name of the component.
pub(crate) type FieldPlace = (String, String);

/// What the actions of a flow pass on.
#[derive(Default)]
pub(crate) struct References {
    /// The values of an answer by name: the screen of the action, and the reference.
    answers: BTreeMap<String, BTreeSet<(String, String)>>,
    /// The data that a screen gets, by screen and name: the screen of the action, and the reference.
    passed: BTreeMap<(String, String), BTreeSet<(String, String)>>,
}

impl References {
    /// Adds the actions of a component of this screen.
    pub(crate) fn add(&mut self, screen: &str, component: &Value) {
        for action in ["on-click-action", "on-select-action", "on-unselect-action"] {
            let Some(action) = component.get(action) else { continue };
            let payload = action.get("payload").and_then(Value::as_object).into_iter().flatten();
            let values = payload.filter_map(|(name, value)| Some((name, value.as_str()?)));
            let next = action.pointer("/next/name").and_then(Value::as_str);
            for (name, reference) in values {
                let from = (screen.to_owned(), reference.to_owned());
                match (action.get("name").and_then(Value::as_str), next) {
                    (Some("complete"), _) => {
                        self.answers.entry(name.clone()).or_default().insert(from);
                    }
                    (Some("navigate"), Some(next)) => {
                        self.passed.entry((next.to_owned(), name.clone())).or_default().insert(from);
                    }
                    _ => {}
                }
            }
        }
    }

    /// The fields whose values each name of an answer has.
    pub(crate) fn fields(&self) -> BTreeMap<&str, BTreeSet<FieldPlace>> {
        let of = |from: &BTreeSet<(String, String)>| {
            let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
            let mut next: Vec<(String, String)> = from.iter().cloned().collect();
            // Each reference is followed once, so that a circle of screens ends.
            while let Some((screen, reference)) = next.pop() {
                if seen.len() >= MOST_STEPS || !seen.insert((screen.clone(), reference.clone())) {
                    continue;
                }
                match target(&screen, &reference) {
                    Some(Target::Form(place)) => {
                        found.insert(place);
                    }
                    Some(Target::Data(place)) => {
                        next.extend(self.passed.get(&place).into_iter().flatten().cloned());
                    }
                    None => {}
                }
            }
            found
        };
        self.answers.iter().take(MOST_NAMES).map(|(name, from)| (name.as_str(), of(from))).collect()
    }
}

/// What a reference names.
enum Target {
    /// A field of a form.
    Form(FieldPlace),
    /// A value that a screen got: screen and name.
    Data((String, String)),
}

/// The meaning of `${form.NAME}`, `${data.NAME}` and `${screen.SCREEN.form.NAME}` on a screen.
fn target(screen: &str, reference: &str) -> Option<Target> {
    let inner = reference.trim().strip_prefix("${")?.strip_suffix('}')?.trim();
    let (screen, inner) = match inner.strip_prefix("screen.") {
        Some(global) => global.split_once('.')?,
        None => (screen, inner),
    };
    let (kind, name) = inner.split_once('.')?;
    let place = (screen.to_owned(), name.to_owned());
    match kind {
        "form" => Some(Target::Form(place)),
        "data" => Some(Target::Data(place)),
        _ => None,
    }
}
