//! Roles of accounts and API keys, and the rights of each.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::right::{Right, Rights};

/// A role. Each role includes the rights of the roles before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees campaigns, reports and masked recipients.
    Viewer,
    /// Prepares and sends campaigns.
    Marketer,
    /// Operates senders, workers and queues.
    Operator,
    /// Manages accounts and erases data.
    Admin,
}

impl Role {
    /// All roles, from the fewest rights to the most.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Marketer, Self::Operator, Self::Admin];

    /// The value in the database, the API and the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Marketer => "marketer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// The lowest role that has this right; `None` if it is given apart from roles.
    fn lowest_with(right: Right) -> Option<Self> {
        match right {
            Right::View | Right::ViewRecipients => Some(Self::Viewer),
            Right::ViewAnswers | Right::Prepare | Right::Test | Right::Send | Right::Suppress => {
                Some(Self::Marketer)
            }
            Right::Unsuppress
            | Right::HoldSenders
            | Right::ManageSenders
            | Right::ManagePrices
            | Right::Operate
            | Right::ViewAudit => Some(Self::Operator),
            Right::Erase | Right::ManageAccounts | Right::ManageWebhooks => Some(Self::Admin),
            Right::Numbers => None,
        }
    }

    /// The rights of this role.
    pub fn rights(self) -> Rights {
        let has = |right: &Right| Self::lowest_with(*right).is_some_and(|lowest| lowest <= self);
        Right::ALL.into_iter().filter(has).collect()
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|role| role.word() == word)
            .ok_or_else(|| format!("'{word}' is not a role; use viewer, marketer, operator or admin"))
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_includes_the_rights_of_the_roles_before_it() {
        for roles in Role::ALL.windows(2) {
            let (lower, higher) = (roles[0].rights(), roles[1].rights());
            assert!(higher.include(&lower) && higher != lower, "{} and {}", roles[0], roles[1]);
        }
        assert!(!Role::Admin.rights().has(Right::Numbers), "numbers are a right of their own");
        assert_eq!(Role::Admin.rights().and(Right::Numbers), Rights::all());
    }

    #[test]
    fn a_viewer_sees_and_changes_nothing() {
        let rights = Role::Viewer.rights();
        let may: Vec<Right> = Right::ALL.into_iter().filter(|right| rights.has(*right)).collect();
        assert_eq!(may, [Right::View, Right::ViewRecipients]);
    }

    #[test]
    fn words_are_read_back() {
        for role in Role::ALL {
            assert_eq!(role.word().parse(), Ok(role));
        }
        assert!("root".parse::<Role>().unwrap_err().contains("viewer, marketer"));
    }
}
