//! Prices of messages by country. Uses `number`.

pub(crate) mod currency;
pub(crate) mod prices;
