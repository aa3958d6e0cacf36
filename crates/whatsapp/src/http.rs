//! The HTTP client: one request per message.
//!
//! This folder may use every other folder of the crate. `reqwest` sends requests only here.

pub(crate) mod channel;
pub(crate) mod client;
mod request_error;
pub(crate) mod template_list;
