//! Whom a post of Meta is about: the list `contacts`, which holds number and user id side by side.
//!
//! A message or a status may have one of the two only, where the other stands in this list.

use campaign::{Msisdn, UserId};
use serde_json::Value;

use super::value::{number, user};

/// The people of one post.
pub(super) struct Contacts<'a>(&'a [Value]);

impl<'a> Contacts<'a> {
    /// Those of the value of a change; none where there is no such list.
    pub(super) fn of(value: &'a Value) -> Self {
        Self(value.get("contacts").and_then(Value::as_array).map_or(&[], Vec::as_slice))
    }

    /// Number and user id of the person of whom these are known.
    pub(super) fn complete(
        &self,
        known_number: Option<Msisdn>,
        known_user: Option<UserId>,
    ) -> (Option<Msisdn>, Option<UserId>) {
        if known_number.is_some() && known_user.is_some() {
            return (known_number, known_user);
        }
        let people = || self.0.iter().map(|contact| (number(contact, "wa_id"), user(contact, "user_id")));
        let found = match self.0 {
            // Where the post is about one person, it is that one, unless it is said to be another.
            [_] => people().find(|(number, user)| {
                !differ(*number, known_number) && !differ(user.as_ref(), known_user.as_ref())
            }),
            _ => people().find(|(number, user)| {
                (known_number.is_some() && *number == known_number)
                    || (known_user.is_some() && *user == known_user)
            }),
        };
        let (number, user) = found.unwrap_or_default();
        (known_number.or(number), known_user.or(user))
    }
}

fn differ<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one != other)
}
