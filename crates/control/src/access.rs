//! Who may do what.

pub(crate) mod action;
pub(crate) mod action_rules;
pub(crate) mod caller;
pub(crate) mod grant;
pub(crate) mod log_in_rules;
pub(crate) mod object;
pub(crate) mod right;
pub(crate) mod role;
