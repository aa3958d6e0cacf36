//! The content of webhook requests, which providers post to us.
//!
//! [`crate::read_webhook`] parses a body into a [`ParsedWebhook`]. This folder holds the events, the parts of the parsers that
//! providers share, and Meta's signature. It uses `classification`; the parser of each provider is in `providers`. All functions
//! are pure.

mod contacts;
pub(crate) mod delivery_failure;
pub(crate) mod event;
pub(crate) mod fields;
pub(crate) mod meta_change;
pub(crate) mod reader;
mod signature;

pub use event::{
    DeliveryFailure, Event, InboundMessage, InvalidBody, MessageRef, Notice, NumberChange, ParsedWebhook,
    Preference, Receipt, Subject,
};
pub use signature::{SIGNATURE_HEADER, is_signed};
