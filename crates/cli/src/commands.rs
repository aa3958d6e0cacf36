//! One file for each command or group of commands. Files here use `args`, `terminal` and the files next to this one.
//! Only `main` uses them.

pub(crate) mod accounts;
pub(crate) mod api_keys;
pub(crate) mod audit;
pub(crate) mod campaign_check;
pub(crate) mod campaigns;
pub(crate) mod check_config;
pub(crate) mod database;
pub(crate) mod dead_letters;
pub(crate) mod demo;
pub(crate) mod erasure;
pub(crate) mod export;
pub(crate) mod generate;
pub(crate) mod health;
pub(crate) mod import;
pub(crate) mod prices;
pub(crate) mod providers;
pub(crate) mod report;
pub(crate) mod restored;
pub(crate) mod roles;
pub(crate) mod sender_test;
pub(crate) mod senders;
pub(crate) mod suppressions;
pub(crate) mod texts;
pub(crate) mod top;
pub(crate) mod waiting;
pub(crate) mod webhook_endpoints;
