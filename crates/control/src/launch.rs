//! Whether a campaign can be started, and what would happen.

pub(crate) mod check;
pub(crate) mod forecast;
pub(crate) mod sample;
