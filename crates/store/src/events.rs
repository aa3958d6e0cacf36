//! Events, webhook endpoints, and the deliveries of events to them (`migrations/V30__events.sql`).
//!
//! Uses `db`.

pub(crate) mod deliveries;
pub(crate) mod endpoints;
pub(crate) mod outbox;
pub(crate) mod take_delivery;
