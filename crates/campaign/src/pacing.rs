//! Rates, and departure slots by the generic cell rate algorithm. Uses no other folder.

pub(crate) mod gcra;
pub(crate) mod rate;
