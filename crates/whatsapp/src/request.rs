//! The message to send, and Meta's JSON objects for it, which other providers pass on.
//!
//! This folder uses no other folder of the crate. All functions are pure.

pub(crate) mod interactive;
pub(crate) mod message_object;
pub(crate) mod outgoing;
pub(crate) mod template;
