//! Checks a JSON object strictly: every member has a type and a rule, and unknown members are collected.
//!
//! Invariant: paths and reasons contain names of members and rules only, never a value of the request.

use std::cell::RefCell;
use std::fmt;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

/// The rule that a request breaks: the member and the rule, such as `extra_info.ref: must be a string`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation(pub(crate) String);

/// Paths of the members that the documentation does not name.
pub(crate) type UnknownMembers = RefCell<Vec<String>>;

/// An object inside a request, with its path.
pub(crate) struct Object<'v, 'p> {
    members: &'v Map<String, Value>,
    path: Path<'p>,
    unknown: &'p UnknownMembers,
}

impl<'v, 'p> Object<'v, 'p> {
    /// The object that is the whole body.
    pub(crate) fn root(value: &'v Value, unknown: &'p UnknownMembers) -> Result<Self, Violation> {
        let members =
            value.as_object().ok_or_else(|| Violation("the body must be a JSON object".to_owned()))?;
        Ok(Self { members, path: Path { parent: None, step: Step::Root }, unknown })
    }

    /// Collects the path of every member that is not in `known`.
    pub(crate) fn allow_members(&self, known: &[&str]) {
        for name in self.members.keys().filter(|name| !known.contains(&name.as_str())) {
            self.unknown.borrow_mut().push(self.at(name).to_string());
        }
    }

    /// An optional string whose length in characters is in `length`.
    pub(crate) fn text(
        &self,
        name: &str,
        length: RangeInclusive<usize>,
    ) -> Result<Option<&'v str>, Violation> {
        let Some(value) = self.members.get(name) else { return Ok(None) };
        let text = value.as_str().ok_or_else(|| self.wrong(name, "must be a string"))?;
        let within =
            (*length.start() == 0 && text.len() <= *length.end()) || length.contains(&text.chars().count());
        if within {
            return Ok(Some(text));
        }
        let rule = match *length.end() {
            usize::MAX => "must not be empty".to_owned(),
            most => format!("must have {} to {most} characters", length.start()),
        };
        Err(self.wrong(name, &rule))
    }

    pub(crate) fn required_text(
        &self,
        name: &str,
        length: RangeInclusive<usize>,
    ) -> Result<&'v str, Violation> {
        self.text(name, length)?.ok_or_else(|| self.missing(name))
    }

    /// An optional string that is one of `allowed`.
    pub(crate) fn word(&self, name: &str, allowed: &[&str]) -> Result<Option<&'v str>, Violation> {
        match self.text(name, 0..=usize::MAX)? {
            Some(word) if !allowed.contains(&word) => {
                Err(self.wrong(name, &format!("must be one of: {}", allowed.join(", "))))
            }
            word => Ok(word),
        }
    }

    pub(crate) fn required_word(&self, name: &str, allowed: &[&str]) -> Result<&'v str, Violation> {
        self.word(name, allowed)?.ok_or_else(|| self.missing(name))
    }

    pub(crate) fn object<'s>(&'s self, name: &'s str) -> Result<Option<Object<'v, 's>>, Violation> {
        let Some(value) = self.members.get(name) else { return Ok(None) };
        let members = value.as_object().ok_or_else(|| self.wrong(name, "must be an object"))?;
        Ok(Some(Object { members, path: self.at(name), unknown: self.unknown }))
    }

    pub(crate) fn required_object<'s>(&'s self, name: &'s str) -> Result<Object<'v, 's>, Violation> {
        self.object(name)?.ok_or_else(|| self.missing(name))
    }

    /// Checks an optional object that must have at least one member, of any name.
    pub(crate) fn non_empty_object(&self, name: &str) -> Result<(), Violation> {
        match self.object(name)? {
            Some(object) if object.members.is_empty() => Err(self.wrong(name, "must not be empty")),
            _ => Ok(()),
        }
    }

    /// Calls `visit` for each object of an optional array, and returns the number of objects.
    pub(crate) fn each<F>(&self, name: &str, mut visit: F) -> Result<Option<usize>, Violation>
    where
        F: FnMut(&Object<'v, '_>) -> Result<(), Violation>,
    {
        let Some(value) = self.members.get(name) else { return Ok(None) };
        let items = value.as_array().ok_or_else(|| self.wrong(name, "must be an array"))?;
        let here = self.at(name);
        for (index, item) in items.iter().enumerate() {
            let path = Path { parent: Some(&here), step: Step::Item(index) };
            let members = item.as_object().ok_or_else(|| Violation(format!("{path}: must be an object")))?;
            visit(&Object { members, path, unknown: self.unknown })?;
        }
        Ok(Some(items.len()))
    }

    /// The unchecked member, for rules that no other function covers.
    pub(crate) fn value(&self, name: &str) -> Option<&'v Value> {
        self.members.get(name)
    }

    pub(crate) fn wrong(&self, name: &str, rule: &str) -> Violation {
        Violation(format!("{}: {rule}", self.at(name)))
    }

    pub(crate) fn missing(&self, name: &str) -> Violation {
        self.wrong(name, "is required")
    }

    fn at<'s>(&'s self, name: &'s str) -> Path<'s> {
        Path { parent: Some(&self.path), step: Step::Member(name) }
    }
}

/// The path from the root to a member. Paths are linked on the stack; the text is built only for a violation or an unknown
/// member.
#[derive(Clone, Copy)]
struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Root,
    Member(&'p str),
    Item(usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut dot = "";
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
            dot = if matches!(parent.step, Step::Root) { "" } else { "." };
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Member(name) => write!(f, "{dot}{name}"),
            Step::Item(index) => write!(f, "[{index}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reports_the_member_that_breaks_a_rule() {
        let unknown = UnknownMembers::default();
        let value = json!({"a": {"list": [{"x": 1}, {"x": "long"}]}});
        let root = Object::root(&value, &unknown).unwrap();
        let a = root.required_object("a").unwrap();
        let mut found = Vec::new();
        let outcome = a.each("list", |item| {
            found.push(item.text("x", 0..=3).unwrap_err().0);
            Ok(())
        });
        assert_eq!(outcome, Ok(Some(2)));
        assert_eq!(found, ["a.list[0].x: must be a string", "a.list[1].x: must have 0 to 3 characters"]);
        assert_eq!(a.required_text("y", 1..=9).unwrap_err().0, "a.y: is required");
    }

    #[test]
    fn counts_characters_and_not_bytes() {
        let unknown = UnknownMembers::default();
        let value = json!({"text": "żółć"});
        let root = Object::root(&value, &unknown).unwrap();
        assert_eq!(root.text("text", 1..=4), Ok(Some("żółć")));
        assert!(root.text("text", 1..=3).is_err());
    }

    #[test]
    fn collects_unknown_members() {
        let unknown = UnknownMembers::default();
        let value = json!({"a": {"b": 1, "odd": 2}, "stray": 3});
        let root = Object::root(&value, &unknown).unwrap();
        root.allow_members(&["a"]);
        root.required_object("a").unwrap().allow_members(&["b"]);
        assert_eq!(*unknown.borrow(), ["stray", "a.odd"]);
    }
}
