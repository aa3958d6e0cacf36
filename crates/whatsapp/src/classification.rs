//! From an answer of a provider to a [`campaign::Verdict`]: the rules of the error tables, the operator's overrides, and the
//! parts of the classification that all providers share.
//!
//! This folder uses no other folder of the crate. All functions are pure.

pub(crate) mod answer;
pub(crate) mod classify;
pub(crate) mod error_rule;
pub(crate) mod overrides;
