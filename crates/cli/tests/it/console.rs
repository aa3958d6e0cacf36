//! The web console in a browser, and its answers to other clients.

mod actions;
mod browser;
mod company;
mod forms;
mod live;
mod log_in;
mod openid_provider;
mod pages;
mod recipients;
mod server;
mod settings;
