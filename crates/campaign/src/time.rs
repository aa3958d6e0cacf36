//! When a campaign may send: start time, sending hours, deadline. Uses `number`.

pub(crate) mod deadline;
pub(crate) mod hours;
pub(crate) mod schedule;
