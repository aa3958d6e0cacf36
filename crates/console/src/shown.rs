//! What live pages show: drawn from numbers alone, the same for everybody who may see them. Pages and streams draw with these functions.

pub(crate) mod campaign;
pub(crate) mod campaigns;
pub(crate) mod range;
pub(crate) mod stops;
