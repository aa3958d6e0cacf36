//! From the answer of a provider to the outcome of a recipient: rules for retries, stops and failures. Uses
//! `definition` and `states`.

pub(crate) mod classify;
pub(crate) mod retry;
pub(crate) mod trouble;
pub(crate) mod verdict;
