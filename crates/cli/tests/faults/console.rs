//! Browsers and servers of the short tests of the console.

#[path = "../it/console/browser.rs"]
pub(crate) mod browser;
#[path = "../it/console/server.rs"]
pub(crate) mod server;
