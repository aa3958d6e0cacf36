//! The version of this program and the commit that it was built from.

/// The version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The first digits of the commit; `debug` for a build for development, `unknown` for sources without a repository.
pub(crate) const COMMIT: &str = env!("FLOWCAST_COMMIT");
/// Both, as `--version` shows them.
pub(crate) const SHOWN: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("FLOWCAST_COMMIT"), ")");
