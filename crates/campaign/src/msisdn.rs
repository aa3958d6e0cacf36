//! A subscriber number in E.164 digits.

use std::fmt;
use std::str::FromStr;

use phonenumber::metadata::DATABASE;
use serde::{Deserialize, Serialize};

use crate::reading;
use crate::written::Written;

/// The country whose national formats are read when a number carries no country code (ISO 3166-1 alpha-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Country {
    pub(crate) id: phonenumber::country::Id,
    /// Its calling code.
    pub(crate) code: u16,
}

impl FromStr for Country {
    type Err = MsisdnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id: phonenumber::country::Id =
            text.to_ascii_uppercase().parse().map_err(|_| MsisdnError::UnknownCountry)?;
        let plan = DATABASE.by_id(id.as_ref()).ok_or(MsisdnError::UnknownCountry)?;
        Ok(Self { id, code: plan.country_code() })
    }
}

/// A subscriber number: 7 to 15 E.164 digits with the country code, without `+`.
///
/// A valid number of the country's own plan when it comes from [`Msisdn::parse`]. `Debug` shows the last two digits
/// only; `Display` shows all of them and is for request bodies and exports.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Msisdn(u64);

/// Why a written number is not an MSISDN, in words for the person who wrote the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{}", self.sentence())]
pub enum MsisdnError {
    /// Nothing was written.
    Missing,
    /// Letters or signs that no phone number has.
    NotANumber,
    /// Two numbers in one cell.
    Several,
    /// A spreadsheet turned the number into `2.54712E+11`; its last digits are gone.
    Rounded,
    /// Fewer digits than any number of that country.
    TooShort,
    /// More digits than any number of that country, or than E.164 allows.
    TooLong,
    /// A national format, and no default country to read it by.
    NoCountryCode,
    /// The right shape, but the country gives out no such number.
    NotInPlan,
    /// Without `+` it is a number of the default country as well as one of another country.
    TwoCountries,
    /// The name of a default country that no country has.
    UnknownCountry,
}

impl MsisdnError {
    /// Every reason.
    pub const ALL: [Self; 10] = [
        Self::Missing,
        Self::NotANumber,
        Self::Several,
        Self::Rounded,
        Self::TooShort,
        Self::TooLong,
        Self::NoCountryCode,
        Self::NotInPlan,
        Self::TwoCountries,
        Self::UnknownCountry,
    ];

    /// The word this reason has in tables and reports.
    pub fn word(self) -> &'static str {
        self.said().0
    }

    /// The reason as a sentence.
    pub fn sentence(self) -> &'static str {
        self.said().1
    }

    fn said(self) -> (&'static str, &'static str) {
        match self {
            Self::Missing => ("number_missing", "the number is missing"),
            Self::NotANumber => ("not_a_number", "this is not a phone number"),
            Self::Several => {
                ("several_numbers", "there is more than one number in the cell; keep one, or make two rows")
            }
            Self::Rounded => (
                "number_rounded",
                "a spreadsheet rounded this number (E+); format the column as text and export again",
            ),
            Self::TooShort => ("number_too_short", "the number is too short"),
            Self::TooLong => ("number_too_long", "the number is too long"),
            Self::NoCountryCode => {
                ("no_country_code", "the number has no known country code; add it, or name a default country")
            }
            Self::NotInPlan => (
                "not_in_number_plan",
                "no such number exists in its country; look for a wrong, missing or extra digit",
            ),
            Self::TwoCountries => (
                "two_countries",
                "without + this is a number of the default country and of another one; write it with + and its country code",
            ),
            Self::UnknownCountry => {
                ("unknown_country", "this is not a country; write two letters of ISO 3166, like KE")
            }
        }
    }
}

impl Msisdn {
    /// Reads any written form: `+254 712 000 001`, `00254712000001`, `254712000001`, or `0712 000 001` with a default
    /// country. The verdict is that of the `phonenumber` crate, which is asked only where the fast path is not sure. A spelling of
    /// an older number plan (`+52 1 55 …`) becomes that of today's.
    pub fn parse(written: &str, default_country: Option<Country>) -> Result<Self, MsisdnError> {
        let written = Written::read(written)?;
        let digits = written.digits();
        if written.is_international() {
            return reading::international(digits);
        }
        match default_country {
            // A national number, or one with its country code and no plus.
            Some(country) => reading::unmarked(digits, country),
            None if digits.starts_with('0') => Err(MsisdnError::NoCountryCode),
            None => reading::international(digits),
        }
    }

    /// Takes the digits as they were stored by [`Msisdn::digits`].
    pub fn from_digits(digits: u64) -> Option<Self> {
        (1_000_000..=999_999_999_999_999).contains(&digits).then_some(Self(digits))
    }

    /// The E.164 digits as one number, for storage; no E.164 number begins with zero.
    pub fn digits(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Msisdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for Msisdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Msisdn(…{:02})", self.0 % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_written_form_of_one_number_is_the_same_number() {
        let kenya: Option<Country> = "KE".parse().ok();
        for written in [
            "+254712000001",
            "+254 712 000 001",
            "00254712000001",
            "254712000001",
            "0712000001",
            "712000001",
            " 0712-000-001 ",
            "+254 (712) 000 001",
        ] {
            let parsed = Msisdn::parse(written, kenya);
            assert_eq!(parsed.map(|number| number.to_string()), Ok("254712000001".into()), "{written}");
        }
    }

    #[test]
    fn a_refused_number_has_its_own_reason() {
        let kenya: Option<Country> = "KE".parse().ok();
        for (written, country, reason) in [
            ("", kenya, MsisdnError::Missing),
            ("   ", kenya, MsisdnError::Missing),
            ("n/a", kenya, MsisdnError::NotANumber),
            ("0712000001 x", kenya, MsisdnError::NotANumber),
            ("+254+712000001", None, MsisdnError::NotANumber),
            ("0712000001 / 0712000002", kenya, MsisdnError::Several),
            ("2.54712E+11", kenya, MsisdnError::Rounded),
            ("12", kenya, MsisdnError::TooShort),
            ("+254712000001254712000001", None, MsisdnError::TooLong),
            ("0712000001", None, MsisdnError::NoCountryCode),
            ("+254012000001", None, MsisdnError::NotInPlan),
            ("+999712000001", None, MsisdnError::NoCountryCode),
        ] {
            assert_eq!(Msisdn::parse(written, country), Err(reason), "{written:?}");
        }
    }

    #[test]
    fn leading_zeros_of_a_national_number_survive() {
        let rome = Msisdn::parse("+39 06 698 12345", None).unwrap();
        assert_eq!(rome.to_string(), "390669812345");
    }

    #[test]
    fn debug_hides_the_number() {
        let number = Msisdn::parse("+254712345678", None).unwrap();
        assert_eq!(format!("{number:?}"), "Msisdn(…78)");
    }
}
