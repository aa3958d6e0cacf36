//! Identifiers of campaigns, senders, recipients and claims; the queue message; and the reference that a message
//! carries to the provider and back. Uses no other folder.

pub(crate) mod block;
pub(crate) mod id;
pub(crate) mod reference;
pub(crate) mod user_id;
