//! What a recipient sees: the message on a phone, the text of its template, and the screens of its flow. Nothing in it can be used.

pub(crate) mod component;
pub(crate) mod format;
pub(crate) mod phone;
pub(crate) mod screens;
pub(crate) mod template;
