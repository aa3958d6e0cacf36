//! Components: what pages are made of. Each is one function.

pub(crate) mod icon;
