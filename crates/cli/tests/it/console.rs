//! The web console in a browser, and its answers to other clients.

mod browser;
mod live;
mod server;
