//! The web console in a browser, and its answers to other clients.

mod actions;
mod approval;
mod browser;
mod company;
mod drafts;
mod flows;
mod forms;
mod live;
mod log_in;
mod openid_provider;
mod pages;
mod previews;
mod recipients;
mod senders;
mod server;
mod settings;
mod states;
mod story;
