//! Parses a phone number as people write it: its digits, and whether a country code is marked.

use std::borrow::Cow;

use crate::number::dialing;
use crate::number::msisdn::{Country, Msisdn, MsisdnError};
use crate::number::wrapping::{is_invisible, unwrapped};

/// The most digits accepted: two more than E.164 has, for a leading `00`.
const MOST: usize = 17;
/// The fewest digits of a number in any country.
const FEWEST: usize = 4;
/// From this many digits on, a part of a cell is a number of its own.
const WHOLE_NUMBER: usize = 7;
/// The digits before a slash, and after it, that make two numbers: `0712000068/9`.
const BEFORE_SLASH: usize = 9;
const AFTER_SLASH: std::ops::RangeInclusive<usize> = 1..=3;
/// The first of ten consecutive digits in the other scripts of Unicode (category Nd).
const OTHER_DIGITS: [char; 65] = [
    '\u{660}',
    '\u{6f0}',
    '\u{7c0}',
    '\u{966}',
    '\u{9e6}',
    '\u{a66}',
    '\u{ae6}',
    '\u{b66}',
    '\u{be6}',
    '\u{c66}',
    '\u{ce6}',
    '\u{d66}',
    '\u{de6}',
    '\u{e50}',
    '\u{ed0}',
    '\u{f20}',
    '\u{1040}',
    '\u{1090}',
    '\u{17e0}',
    '\u{1810}',
    '\u{1946}',
    '\u{19d0}',
    '\u{1a80}',
    '\u{1a90}',
    '\u{1b50}',
    '\u{1bb0}',
    '\u{1c40}',
    '\u{1c50}',
    '\u{a620}',
    '\u{a8d0}',
    '\u{a900}',
    '\u{a9d0}',
    '\u{a9f0}',
    '\u{aa50}',
    '\u{abf0}',
    '\u{ff10}',
    '\u{104a0}',
    '\u{10d30}',
    '\u{11066}',
    '\u{110f0}',
    '\u{11136}',
    '\u{111d0}',
    '\u{112f0}',
    '\u{11450}',
    '\u{114d0}',
    '\u{11650}',
    '\u{116c0}',
    '\u{11730}',
    '\u{118e0}',
    '\u{11950}',
    '\u{11c50}',
    '\u{11d50}',
    '\u{11da0}',
    '\u{16a60}',
    '\u{16ac0}',
    '\u{16b50}',
    '\u{1d7ce}',
    '\u{1d7d8}',
    '\u{1d7e2}',
    '\u{1d7ec}',
    '\u{1d7f6}',
    '\u{1e140}',
    '\u{1e2f0}',
    '\u{1e950}',
    '\u{1fbf0}',
];

/// The digits of a written number.
#[derive(Debug)]
pub(crate) struct Written {
    digits: String,
    is_international: bool,
}

impl Written {
    /// Removes everything that people write between digits and around a number. Characters that no phone number has are
    /// refused, not ignored.
    pub(crate) fn read(text: &str) -> Result<Self, MsisdnError> {
        match Self::bare(text) {
            Ok(_) if has_alternative(text) => Err(MsisdnError::Several),
            Err(error @ (MsisdnError::NotANumber | MsisdnError::TooLong)) => {
                let inner = unwrapped(text);
                let found = if *inner == *text { Err(error) } else { Self::bare(&inner) };
                found.or_else(|error| one_of_several(&inner).unwrap_or(Err(error)))
            }
            found => found,
        }
    }

    /// Parses a number without a label or link around it.
    fn bare(text: &str) -> Result<Self, MsisdnError> {
        // A spreadsheet marks a number as text with a leading apostrophe.
        let text = text.trim().trim_start_matches('\'').trim_start();
        let text = &*undecorated(text)?;
        let mut digits = String::with_capacity(MOST + 1);
        let mut has_plus = false;
        for sign in text.chars() {
            match sign {
                '0'..='9' => digits.push(sign),
                '+' | '\u{ff0b}' if digits.is_empty() => has_plus = true,
                sign if is_between(sign) => {}
                sign => digits.push(other_digit(sign).ok_or(MsisdnError::NotANumber)?),
            }
        }
        match digits.len() {
            0 if text.is_empty() => Err(MsisdnError::Missing),
            0 => Err(MsisdnError::NotANumber),
            1..FEWEST => Err(MsisdnError::TooShort),
            FEWEST..=MOST => Ok(Self::of(digits, has_plus)),
            _ => Err(MsisdnError::TooLong),
        }
    }

    fn of(mut digits: String, has_plus: bool) -> Self {
        let has_zeros = digits.starts_with("00");
        if has_zeros {
            digits.drain(..2);
        }
        Self { digits, is_international: has_plus || has_zeros }
    }

    /// ASCII digits, without a leading `+` or `00`.
    pub(crate) fn digits(&self) -> &str {
        &self.digits
    }

    /// Whether the digits certainly begin with a country code.
    pub(crate) fn is_international(&self) -> bool {
        self.is_international
    }
}

/// Reverts what spreadsheets and data tools do to a long number, if no digit is lost: `254712000001.0` and
/// `2.54712000001E+11`. `2.54712E+11` is refused.
fn undecorated(text: &str) -> Result<Cow<'_, str>, MsisdnError> {
    if let Some((whole, decimals)) = text.split_once(['.', ',']) {
        let is_whole = whole.len() >= WHOLE_NUMBER && whole.bytes().all(|byte| byte.is_ascii_digit());
        if is_whole && matches!(decimals, "0" | "00") {
            return Ok(whole.into());
        }
    }
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return Ok(text.into()) };
    let Ok(exponent) = exponent.parse::<usize>() else { return Ok(text.into()) };
    let (whole, decimals) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 1 || !all_digits(whole) || !all_digits(decimals) {
        return Ok(text.into());
    }
    // With as many decimals as the exponent, no digit is lost.
    if decimals.len() == exponent {
        Ok(format!("{whole}{decimals}").into())
    } else {
        Err(MsisdnError::Rounded)
    }
}

/// Separators between the digits of a number, and characters that come along when a number is copied: spaces, dashes,
/// brackets, and invisible characters.
fn is_between(sign: char) -> bool {
    matches!(
        sign,
        ' ' | '\t' | '-' | '(' | ')' | '.' | '/' | '\u{a0}' | '\u{2000}'..='\u{2015}' | '\u{2028}'..='\u{202f}'
            | '\u{205f}' | '\u{2212}' | '\u{3000}' | '\u{ff08}' | '\u{ff09}' | '\u{ff0d}'
    ) || is_invisible(sign)
}

fn other_digit(sign: char) -> Option<char> {
    let sign = u32::from(sign);
    let digit =
        OTHER_DIGITS.iter().find_map(|zero| sign.checked_sub(u32::from(*zero)).filter(|n| *n < 10))?;
    char::from_digit(digit, 10)
}

/// Whether the digits after a slash are the end of a second number.
fn has_alternative(text: &str) -> bool {
    let digits = |part: &str| part.chars().filter(|sign| is_digit(*sign)).count();
    text.rsplit_once('/')
        .is_some_and(|(first, last)| digits(first) >= BEFORE_SLASH && AFTER_SLASH.contains(&digits(last)))
}

fn is_digit(sign: char) -> bool {
    sign.is_ascii_digit() || other_digit(sign).is_some()
}

/// The number of a cell that contains the same number several times; `Several` if they differ, `None` for at most one
/// number.
fn one_of_several(text: &str) -> Option<Result<Written, MsisdnError>> {
    let numbers = numbers(text, WHOLE_NUMBER, |sign| !is_digit(sign) && (sign == '/' || !is_between(sign)))
        .or_else(|| numbers(text, BEFORE_SLASH, char::is_whitespace))?;
    let digits = |number: &&str| Written::bare(number).ok().map(|number| number.digits);
    let first = numbers.first().and_then(digits);
    let pluses = text.chars().filter(|sign| "+\u{ff0b}".contains(*sign)).count();
    let is_same =
        numbers.iter().all(|number| digits(number) == first) && (pluses == 0 || pluses == numbers.len());
    let same = first.filter(|_| is_same).map(|digits| Written::of(digits, pluses > 0));
    Some(same.ok_or(MsisdnError::Several))
}

/// The parts of a text with at least so many digits, if there are several.
fn numbers(text: &str, digits: usize, is_end: impl Fn(char) -> bool) -> Option<Vec<&str>> {
    let parts =
        text.split(is_end).filter(|part| part.chars().filter(|sign| is_digit(*sign)).count() >= digits);
    let parts: Vec<&str> = parts.collect();
    (parts.len() > 1).then_some(parts)
}

impl Msisdn {
    /// Parses any written form: `+254 712 000 001`, `00254712000001`, `254712000001`, or `0712 000 001` with a default
    /// country. The result is that of the `phonenumber` crate, which is called only if the fast path cannot decide. A
    /// number of an older number plan (`+52 1 55 …`) becomes the current number.
    pub fn parse(written: &str, default_country: Option<Country>) -> Result<Self, MsisdnError> {
        let written = Written::read(written)?;
        let digits = written.digits();
        if written.is_international() {
            return dialing::international(digits);
        }
        match default_country {
            // A national number, or one with its country code and no plus.
            Some(country) => dialing::unmarked(digits, country),
            None if digits.starts_with('0') => Err(MsisdnError::NoCountryCode),
            None => dialing::international(digits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, bool), MsisdnError> {
        Written::read(text).map(|written| (written.digits().to_owned(), written.is_international()))
    }

    #[test]
    fn separators_between_the_digits_are_removed() {
        for (text, digits, is_international) in [
            ("+254 712-000.001", "254712000001", true),
            ("00254712000001", "254712000001", true),
            ("'0712000001", "0712000001", false),
            ("\u{202a}+254\u{a0}712\u{2011}000001\u{202c}", "254712000001", true),
            ("(0712) 000/001", "0712000001", false),
            ("٠٧١٢٠٠٠٠٠١", "0712000001", false),
            ("+๒๕๔๗๑๒๐๐๐๐๐๑", "254712000001", true),
            ("𝟎𝟕𝟏𝟐𝟎𝟎𝟎𝟎𝟎𝟏", "0712000001", false),
            ("\u{61c}+254712\u{fe0f}\u{20e3}000\t001\u{e0020}", "254712000001", true),
            ("++254712000001", "254712000001", true),
            ("+00254712000001", "254712000001", true),
            ("wa.me/254712000001", "254712000001", true),
            ("\u{200f}\"254712000001+\"", "254712000001", true),
            ("0712000001 / 0712000001", "0712000001", false),
            ("+254712000001 / +254 712 000 001", "254712000001", true),
            ("254712000001,0", "254712000001", false),
            ("＋２５４７１２０００００１", "254712000001", true),
        ] {
            assert_eq!(read(text), Ok((digits.to_owned(), is_international)), "{text}");
        }
    }

    #[test]
    fn a_number_that_a_spreadsheet_reformatted_is_repaired_if_no_digit_is_lost() {
        for text in ["254712000001.0", "2.54712000001E+11", "2.54712000001e11", "2,54712000001E+11"] {
            assert_eq!(read(text), Ok(("254712000001".into(), false)), "{text}");
        }
        for text in ["2.54712E+11", "2,54712E+11", "2E+11", "2.547120000019E+11"] {
            assert_eq!(read(text), Err(MsisdnError::Rounded), "{text}");
        }
    }

    #[test]
    fn invalid_numbers_are_refused_with_their_reason() {
        for (text, reason) in [
            ("", MsisdnError::Missing),
            (" ' ", MsisdnError::Missing),
            ("n/a", MsisdnError::NotANumber),
            ("-", MsisdnError::NotANumber),
            ("712 000 001 ext 5", MsisdnError::NotANumber),
            ("+254+712000001", MsisdnError::NotANumber),
            ("12", MsisdnError::TooShort),
            ("254712000001254712000001", MsisdnError::TooLong),
            ("0712000001, 0712000002", MsisdnError::Several),
            ("0712000001/0712000002", MsisdnError::Several),
            ("0712000001 0713000001", MsisdnError::Several),
            ("0712000001 - 0713000001", MsisdnError::Several),
            ("0712000001 or 0713000001", MsisdnError::Several),
            ("+254712000001 ::: +254713000001", MsisdnError::Several),
            ("+254712000001+254713000001", MsisdnError::Several),
            ("0712000001\n0713000001", MsisdnError::Several),
            ("0712000001/2", MsisdnError::Several),
            ("٠٧١٢٠٠٠٠٠١ / ٠٧١٣٠٠٠٠٠١", MsisdnError::Several),
            ("John 0712000001", MsisdnError::NotANumber),
            ("+2547*****001", MsisdnError::NotANumber),
            ("=0712000001-1", MsisdnError::NotANumber),
        ] {
            assert_eq!(read(text), Err(reason), "{text:?}");
        }
    }

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
}
