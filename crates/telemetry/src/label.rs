//! The labels of metrics, and which values they may have.

use crate::senders;

/// A label of a metric.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// The values that it may have.
    pub values: Values,
}

/// The values of a label.
#[derive(Clone, Copy, Debug)]
pub enum Values {
    /// These. Any other value becomes `other`.
    Closed(&'static [&'static str]),
    /// Names of senders, at most `[metrics] senders`. Further ones become `_other`.
    Senders,
    /// Values of a source that bounds them; the text says which.
    Bounded(&'static str),
}

/// What a value becomes that is not in the list of its label.
const OTHER: &str = "other";

/// The sender, by name.
pub const SENDER: Label = Label { name: "sender", values: Values::Senders };
/// The campaign, by id.
pub const CAMPAIGN: Label = Label {
    name: "campaign",
    values: Values::Bounded("ids of running and paused campaigns, at most `[metrics] campaigns`"),
};

impl Label {
    /// A label with a closed list of values.
    pub const fn closed(name: &'static str, values: &'static [&'static str]) -> Self {
        Self { name, values: Values::Closed(values) }
    }

    /// A label whose values another list bounds.
    pub const fn bounded(name: &'static str, by: &'static str) -> Self {
        Self { name, values: Values::Bounded(by) }
    }

    /// The value that a metric gets for `value`.
    pub(crate) fn admit(self, value: &str) -> String {
        match self.values {
            Values::Closed(values) if !values.contains(&value) => OTHER.to_owned(),
            Values::Closed(_) | Values::Bounded(_) => value.to_owned(),
            Values::Senders => senders::fold(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_outside_a_closed_list_becomes_other() {
        let label = Label::closed("outcome", &["accepted", "failed"]);
        assert_eq!(label.admit("failed"), "failed");
        assert_eq!(label.admit("254712000001"), "other");
    }
}
