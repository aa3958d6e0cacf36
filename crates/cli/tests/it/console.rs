//! The web console in a browser, and its answers to other clients.

mod browser;
mod forms;
mod live;
mod log_in;
mod pages;
mod server;
mod settings;
