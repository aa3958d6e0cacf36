//! Grants: what an account or an API key may do.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::caller::Caller;
use crate::access::right::{Right, Rights};
use crate::access::role::Role;
use crate::error::{Error, Problem};

/// What an account or an API key may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The role.
    pub role: Role,
    /// Whether it may see whole phone numbers.
    #[serde(default)]
    pub has_numbers: bool,
    /// The senders that it may use and see; `None`: all.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    pub senders: Option<BTreeSet<String>>,
}

impl Grant {
    /// The rights.
    pub fn rights(&self) -> Rights {
        let rights = self.role.rights();
        if self.has_numbers { rights.and(Right::Numbers) } else { rights }
    }

    /// Refuses a grant of more than the caller may do itself.
    pub(crate) fn check_given_by(&self, caller: &Caller) -> Result<(), Error> {
        let own = self.rights();
        if let Some(lacking) =
            Right::ALL.into_iter().find(|right| own.has(*right) && !caller.rights.has(*right))
        {
            let text = format!(
                "you may not give or change the role {}{}: it includes the right to {}, which you do not have",
                self.role,
                if self.has_numbers { " with phone numbers" } else { "" },
                lacking.sentence()
            );
            return Err(Error::refused(Problem::Forbidden, text));
        }
        let Some(callers) = &caller.senders else { return Ok(()) };
        if self.senders.as_ref().is_some_and(|senders| senders.is_subset(callers)) {
            return Ok(());
        }
        let callers: Vec<&str> = callers.iter().map(String::as_str).collect();
        let text = format!("you may give only senders that you may use yourself: {}", callers.join(", "));
        Err(Error::refused(Problem::Forbidden, text))
    }

    pub(crate) fn stored(&self) -> store::Grant {
        let senders = self.senders.as_ref().map(|senders| senders.iter().cloned().collect());
        store::Grant { role: self.role.word().to_owned(), has_numbers: self.has_numbers, senders }
    }

    pub(crate) fn read(stored: store::Grant) -> Result<Self, Error> {
        let store::Grant { role, has_numbers, senders } = stored;
        let role = role.parse().map_err(store::Error::Unreadable)?;
        Ok(Self { role, has_numbers, senders: senders.map(|senders| senders.into_iter().collect()) })
    }
}

/// The senders that both may use; `None`: all.
pub(crate) fn common_senders(
    one: Option<BTreeSet<String>>,
    other: Option<BTreeSet<String>>,
) -> Option<BTreeSet<String>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.intersection(&other).cloned().collect()),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(role: Role, has_numbers: bool, senders: &[&str]) -> Grant {
        let senders: BTreeSet<String> = senders.iter().map(|name| (*name).to_owned()).collect();
        Grant { role, has_numbers, senders: (!senders.is_empty()).then_some(senders) }
    }

    fn caller(grant: &Grant) -> Caller {
        Caller { rights: grant.rights(), senders: grant.senders.clone(), ..Caller::command("anna") }
    }

    #[test]
    fn nobody_gives_more_rights_than_its_own() {
        for own in Role::ALL {
            for given in Role::ALL {
                let may = grant(given, false, &[]).check_given_by(&caller(&grant(own, false, &[]))).is_ok();
                assert_eq!(may, given <= own, "{own} gives {given}");
            }
        }
        let (without, with) = (grant(Role::Admin, false, &[]), grant(Role::Admin, true, &[]));
        let error = with.check_given_by(&caller(&without)).unwrap_err();
        assert_eq!(error.problem(), Problem::Forbidden);
        assert!(error.to_string().contains("see or download phone numbers"), "{error}");
        assert!(with.check_given_by(&caller(&with)).is_ok());
    }

    #[test]
    fn nobody_gives_more_senders_than_its_own() {
        let own = caller(&grant(Role::Admin, false, &["ke", "tz"]));
        assert!(grant(Role::Admin, false, &["ke"]).check_given_by(&own).is_ok());
        for more in [grant(Role::Viewer, false, &[]), grant(Role::Viewer, false, &["ke", "ug"])] {
            let error = more.check_given_by(&own).unwrap_err().to_string();
            assert_eq!(error, "you may give only senders that you may use yourself: ke, tz");
        }
    }

    #[test]
    fn common_senders_are_those_of_both() {
        let set = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>());
        assert_eq!(common_senders(None, None), None);
        assert_eq!(common_senders(set(&["a"]), None), set(&["a"]));
        assert_eq!(common_senders(None, set(&["b"])), set(&["b"]));
        assert_eq!(common_senders(set(&["a", "b"]), set(&["b", "c"])), set(&["b"]));
        assert_eq!(common_senders(set(&["a"]), set(&["b"])), set(&[]), "no sender, not all senders");
    }
}
