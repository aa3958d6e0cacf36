//! A subscriber number in E.164 digits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The country whose national formats are read when a number carries no country code (ISO 3166-1 alpha-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Country(phonenumber::country::Id);

impl FromStr for Country {
    type Err = MsisdnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.to_ascii_uppercase().parse().map(Self).map_err(|_| MsisdnError::UnknownCountry)
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
    /// The name of a default country that no country has.
    UnknownCountry,
}

impl MsisdnError {
    /// Every reason.
    pub const ALL: [Self; 8] = [
        Self::Missing,
        Self::NotANumber,
        Self::Rounded,
        Self::TooShort,
        Self::TooLong,
        Self::NoCountryCode,
        Self::NotInPlan,
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
            Self::Rounded => (
                "number_rounded",
                "a spreadsheet rounded this number (E+); format the column as text and export again",
            ),
            Self::TooShort => ("number_too_short", "the number is too short"),
            Self::TooLong => ("number_too_long", "the number is too long"),
            Self::NoCountryCode => {
                ("no_country_code", "the number has no known country code; add it, or name a default country")
            }
            Self::NotInPlan => ("not_in_number_plan", "no such number exists in that country's plan"),
            Self::UnknownCountry => {
                ("unknown_country", "this is not a country; write two letters of ISO 3166, like KE")
            }
        }
    }
}

impl Msisdn {
    /// Reads any written form: `+254 712 000 001`, `00254712000001`, `254712000001`, or `0712 000 001` with a default
    /// country.
    pub fn parse(written: &str, default_country: Option<Country>) -> Result<Self, MsisdnError> {
        let written = written.trim();
        precheck(written)?;
        let digits = written.trim_start_matches('+');
        if written.starts_with('+') {
            return parse_in(written, None);
        }
        if let Some(rest) = digits.strip_prefix("00") {
            return parse_in(&format!("+{rest}"), None);
        }
        match default_country {
            // A national number, or one with its country code and no plus; the national reading goes first.
            Some(Country(country)) => parse_in(written, Some(country))
                .or_else(|national| parse_in(&format!("+{written}"), None).map_err(|_| national)),
            None if digits.starts_with('0') => Err(MsisdnError::NoCountryCode),
            None => parse_in(&format!("+{written}"), None),
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

/// Refuses what the number plan's own parser would read too kindly (`"254712000001abc"`, `"1.5"`, `"tel:…"`).
fn precheck(written: &str) -> Result<(), MsisdnError> {
    if written.is_empty() {
        return Err(MsisdnError::Missing);
    }
    if written.contains(['e', 'E']) && written.parse::<f64>().is_ok() {
        return Err(MsisdnError::Rounded);
    }
    let phone_like = |c: char| c.is_ascii_digit() || " -().+/\u{a0}\u{202a}\u{202c}".contains(c);
    let plus_inside = written.chars().skip(1).any(|c| c == '+');
    if !written.chars().all(phone_like) || plus_inside || !written.contains(|c: char| c.is_ascii_digit()) {
        return Err(MsisdnError::NotANumber);
    }
    match written.chars().filter(char::is_ascii_digit).count() {
        0..=3 => Err(MsisdnError::TooShort),
        4..=17 => Ok(()),
        _ => Err(MsisdnError::TooLong),
    }
}

fn parse_in(text: &str, country: Option<phonenumber::country::Id>) -> Result<Msisdn, MsisdnError> {
    use phonenumber::ParseError;
    let number = phonenumber::parse(country, text).map_err(|error| match error {
        ParseError::InvalidCountryCode => MsisdnError::NoCountryCode,
        ParseError::TooShortAfterIdd | ParseError::TooShortNsn => MsisdnError::TooShort,
        ParseError::TooLong => MsisdnError::TooLong,
        ParseError::NoNumber | ParseError::MalformedInteger(_) => MsisdnError::NotANumber,
    })?;
    if !phonenumber::is_valid(&number) {
        return Err(MsisdnError::NotInPlan);
    }
    let zeros = usize::from(number.national().zeros());
    let digits = format!("{}{}{}", number.code().value(), "0".repeat(zeros), number.national().value());
    if digits.len() > 15 {
        return Err(MsisdnError::TooLong);
    }
    digits.parse().ok().and_then(Msisdn::from_digits).ok_or(MsisdnError::TooShort)
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
