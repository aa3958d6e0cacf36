//! What second factors need: the rule and the key of the installation.

use identity::{Factor, FactorKey};
use store::SecondFactorRow;

use crate::access::role::Role;
use crate::error::Error;

/// Whose log-ins need a second factor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactorRule {
    /// Nobody's; everybody may set one up.
    Optional,
    /// Those of operators and admins.
    #[default]
    Operators,
    /// Everybody's.
    Everyone,
}

/// What second factors need.
#[derive(Clone, Debug)]
pub struct SecondFactors {
    /// Whose log-ins need one. Without a key: nobody's.
    pub rule: SecondFactorRule,
    /// The key of the secrets, or why there is none.
    pub key: Result<FactorKey, String>,
}

impl Default for SecondFactors {
    fn default() -> Self {
        let problem = "second factors need a key, from which their secrets are derived; set [console] key for the server";
        Self { rule: SecondFactorRule::default(), key: Err(problem.into()) }
    }
}

impl SecondFactors {
    /// Whether an account with this role needs a second factor.
    pub(crate) fn requires(&self, role: Role) -> bool {
        self.key.is_ok()
            && match self.rule {
                SecondFactorRule::Optional => false,
                SecondFactorRule::Operators => matches!(role, Role::Operator | Role::Admin),
                SecondFactorRule::Everyone => true,
            }
    }

    pub(crate) fn factor(&self, row: &SecondFactorRow, name: &str) -> Result<Factor, Error> {
        let key = self.key.as_ref().map_err(Error::conflict)?;
        Ok(key.factor(row.account.0, row.generation, name))
    }
}
