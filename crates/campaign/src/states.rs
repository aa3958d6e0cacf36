//! States of campaigns and recipients, delivery statuses, stop reasons and reason codes. Uses no other folder.

pub(crate) mod reason_codes;
pub(crate) mod receipt;
pub(crate) mod state;
pub(crate) mod stop;
