//! Live parts of pages: drawn once for all people who look at the same thing, and sent as server-sent events.
//!
//! ```text
//! sampler (control) ─▶ feed of a page ─▶ frame (latest wins) ─▶ parts, drawn once for each time zone ─▶ streams
//! ```
//!
//! **Invariants.**
//! - The number of statements does not depend on the number of streams. A feed without streams ends.
//! - A stream first sends all parts, then the parts that changed since its last message. A slow one gets the latest only.
//! - Parts hold no phone number, no nonce, no attribute of htmx and no button, so that they are the same for everybody who may see
//!   the page.
//! - A stream ends with its session, after its longest time, and when the server stops.

pub(crate) mod campaign;
pub(crate) mod feed;
pub(crate) mod feeds;
pub(crate) mod limits;
pub(crate) mod list;
