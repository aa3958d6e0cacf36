//! Components: what pages are made of. Each is one function; `/dev/components` shows all of them in debug builds.

pub(crate) mod alert;
pub(crate) mod badge;
pub(crate) mod button;
pub(crate) mod card;
pub(crate) mod check;
pub(crate) mod field;
pub(crate) mod filter;
pub(crate) mod follow;
pub(crate) mod icon;
pub(crate) mod parts;
pub(crate) mod progress;
pub(crate) mod segmented;
pub(crate) mod table;
pub(crate) mod tabs;
pub(crate) mod tile;
pub(crate) mod timeline;
