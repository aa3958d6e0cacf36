//! The list `contacts` of Meta's webhook, which pairs phone numbers and user ids.
//!
//! A message or a status may contain only one of the two; the other is in this list.

use campaign::{Msisdn, UserId};
use serde_json::Value;

use crate::webhook::fields::{number, user};

/// The contacts of one change.
pub(super) struct Contacts<'a>(&'a [Value]);

impl<'a> Contacts<'a> {
    /// The contacts in the value of a change; empty if there is no list.
    pub(super) fn of(value: &'a Value) -> Self {
        Self(value.get("contacts").and_then(Value::as_array).map_or(&[], Vec::as_slice))
    }

    /// Completes number and user id of a person.
    pub(super) fn complete(
        &self,
        known_number: Option<Msisdn>,
        known_user: Option<UserId>,
    ) -> (Option<Msisdn>, Option<UserId>) {
        if known_number.is_some() && known_user.is_some() {
            return (known_number, known_user);
        }
        let contacts = || self.0.iter().map(|contact| (number(contact, "wa_id"), user(contact, "user_id")));
        let found = match self.0 {
            // If there is one contact, it is the person, unless number or user id contradict.
            [_] => contacts().find(|(number, user)| {
                !differ(*number, known_number) && !differ(user.as_ref(), known_user.as_ref())
            }),
            _ => contacts().find(|(number, user)| {
                (known_number.is_some() && *number == known_number)
                    || (known_user.is_some() && *user == known_user)
            }),
        };
        let (number, user) = found.unwrap_or_default();
        (known_number.or(number), known_user.or(user))
    }
}

fn differ<T: PartialEq>(left: Option<T>, right: Option<T>) -> bool {
    matches!((left, right), (Some(left), Some(right)) if left != right)
}
