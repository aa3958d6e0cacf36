//! From the answer of a provider to the outcome of a recipient: the rules of retry, stop and giving up. Uses `definition` and
//! `states`.

pub(crate) mod classify;
pub(crate) mod retry;
pub(crate) mod trouble;
pub(crate) mod verdict;
