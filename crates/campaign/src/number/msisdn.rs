//! A phone number in E.164 digits.

use std::fmt;
use std::str::FromStr;

use phonenumber::metadata::DATABASE;
use serde::{Deserialize, Serialize};

/// The country whose national formats are parsed if a number has no country code (ISO 3166-1 alpha-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Country {
    pub(crate) id: phonenumber::country::Id,
    /// The calling code.
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

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id.as_ref())
    }
}

/// A phone number: 7 to 15 E.164 digits with the country code, without `+`.
///
/// A value from [`Msisdn::parse`] is valid in its country's number plan. `Debug` shows the last two digits only.
/// `Display` shows all digits and is for request bodies and exports.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Msisdn(u64);

/// Why a text is not a phone number, in words for the author of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{}", self.sentence())]
pub enum MsisdnError {
    /// The cell is empty.
    Missing,
    /// Letters or signs that no phone number has.
    NotANumber,
    /// Two numbers in one cell.
    Several,
    /// A spreadsheet turned the number into `2.54712E+11`, which lost the last digits.
    Rounded,
    /// Fewer digits than any number of its country.
    TooShort,
    /// More digits than any number of its country, or than E.164 allows.
    TooLong,
    /// A national format without a default country.
    NoCountryCode,
    /// The length is right, but the country's number plan has no such number.
    NotInPlan,
    /// Without `+` it is a number of the default country and also of another country.
    TwoCountries,
    /// The name of a default country that does not exist.
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

    /// The reason code in tables and reports.
    pub fn word(self) -> &'static str {
        self.word_and_sentence().0
    }

    /// The reason as a sentence.
    pub fn sentence(self) -> &'static str {
        self.word_and_sentence().1
    }

    fn word_and_sentence(self) -> (&'static str, &'static str) {
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
    /// The number with the digits that [`Msisdn::digits`] returned.
    pub fn from_digits(digits: u64) -> Option<Self> {
        (1_000_000..=999_999_999_999_999).contains(&digits).then_some(Self(digits))
    }

    /// The E.164 digits as an integer, for storage. No E.164 number begins with zero, so no digit is lost.
    pub fn digits(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Msisdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Msisdn {
    /// The number for people who may not see it: its first four and last two digits.
    pub fn masked(self) -> String {
        let digits = self.0.to_string();
        let last = digits.len().saturating_sub(2);
        let sign = |(place, digit): (usize, char)| if place < 4 || place >= last { digit } else { '•' };
        digits.chars().enumerate().map(sign).collect()
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
    fn debug_hides_the_number() {
        let number = Msisdn::parse("+254712345678", None).unwrap();
        assert_eq!(format!("{number:?}"), "Msisdn(…78)");
    }
}
