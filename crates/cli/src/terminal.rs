//! Output for users: results on standard output, progress on standard error.

pub(crate) mod import_progress;
pub(crate) mod output;
pub(crate) mod progress;
