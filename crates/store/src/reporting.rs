//! Reports: counters, recipients, flow answers, waiting recipients, and dead-lettered messages.
//!
//! Uses `db`, `lists` and `senders`.

pub(crate) mod answer_summary;
pub(crate) mod answers;
pub(crate) mod breakdowns;
pub(crate) mod campaign_page;
pub(crate) mod counters;
pub(crate) mod dead_letters;
pub(crate) mod found_recipients;
pub(crate) mod installation;
pub(crate) mod lists;
pub(crate) mod live;
pub(crate) mod recipients;
pub(crate) mod reports;
pub(crate) mod standbys;
pub(crate) mod view_row;
pub(crate) mod waiting;
