//! The pages, one file each: what is asked, what is shown, in that order.

pub(crate) mod activity;
pub(crate) mod admit;
pub(crate) mod ask;
pub(crate) mod campaign;
pub(crate) mod campaigns;
pub(crate) mod company;
#[cfg(debug_assertions)]
pub(crate) mod components;
#[cfg(debug_assertions)]
pub(crate) mod dev;
pub(crate) mod flow;
pub(crate) mod flow_form;
pub(crate) mod link;
pub(crate) mod log_in;
pub(crate) mod new_sender;
pub(crate) mod people;
pub(crate) mod second_factor;
pub(crate) mod sender;
pub(crate) mod sender_action;
pub(crate) mod sender_settings;
pub(crate) mod sender_texts;
pub(crate) mod senders;
pub(crate) mod settings;
pub(crate) mod stream;
pub(crate) mod template;
pub(crate) mod template_form;
