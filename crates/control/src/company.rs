//! What log-ins with the account of a company need.

use crate::access::role::Role;

/// How people log in with the account of their company.
#[derive(Debug)]
pub struct CompanyLogIns {
    /// The OpenID provider.
    pub provider: oidc::Provider,
    /// What the account is called on the page, such as `Example account`.
    pub name: String,
    /// The role of each group.
    pub roles: Vec<(String, Role)>,
}
