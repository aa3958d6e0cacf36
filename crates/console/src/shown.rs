//! The parts of live pages. Pages and streams draw them with the same functions. A part does not depend on the viewer, so all streams of
//! a view share its bytes.

pub(crate) mod campaign;
pub(crate) mod campaigns;
pub(crate) mod range;
pub(crate) mod stops;
