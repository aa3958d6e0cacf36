//! Phone numbers: parsing what a list holds into E.164, and what a number says about country and time zone. Uses no other
//! folder.

pub(crate) mod calling_code;
pub(crate) mod dialing;
pub(crate) mod msisdn;
pub(crate) mod msisdn_parse;
pub(crate) mod number_plan;
pub(crate) mod spelling;
pub(crate) mod wrapping;
pub(crate) mod zone;
