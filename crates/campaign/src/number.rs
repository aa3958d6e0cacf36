//! Phone numbers: converts the cells of a list to E.164, and derives country and time zone from a number. Uses no other
//! folder.

pub(crate) mod calling_code;
pub(crate) mod dialing;
pub(crate) mod msisdn;
pub(crate) mod msisdn_parse;
pub(crate) mod number_plan;
pub(crate) mod spelling;
pub(crate) mod wrapping;
pub(crate) mod zone;
