//! Accounts of people, their sessions, and API keys of programs.
//!
//! Uses `db`.

pub(crate) mod accounts;
pub(crate) mod api_keys;
pub(crate) mod company_accounts;
pub(crate) mod links;
pub(crate) mod log_ins;
pub(crate) mod old_rows;
pub(crate) mod second_factors;
pub(crate) mod sessions;
pub(crate) mod stream_holders;
