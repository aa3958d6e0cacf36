//! A phone number as somebody wrote it: its digits, and whether a country code is marked.

use std::borrow::Cow;

use crate::msisdn::MsisdnError;

/// Most digits that are taken: two more than E.164 has, for a `00` in front.
const MOST: usize = 17;
/// Fewer digits than this are no number anywhere.
const FEWEST: usize = 4;
/// Digits from which on a part of a cell is a number of its own.
const WHOLE_NUMBER: usize = 7;
/// Where the digits 0 to 9 begin: Arabic, Persian, Devanagari, Bengali and full width.
const OTHER_DIGITS: [char; 5] = ['\u{660}', '\u{6f0}', '\u{966}', '\u{9e6}', '\u{ff10}'];

/// The digits of a written number.
#[derive(Debug)]
pub(crate) struct Written {
    digits: String,
    is_international: bool,
}

impl Written {
    /// Takes off everything people write between digits. What no phone number has is refused, and not passed over.
    pub(crate) fn read(text: &str) -> Result<Self, MsisdnError> {
        // An apostrophe in front is how a spreadsheet marks a number as text.
        let text = text.trim().trim_start_matches('\'').trim_start();
        let text = &*undecorated(text)?;
        let mut digits = String::with_capacity(MOST + 1);
        let mut has_plus = false;
        for sign in text.chars() {
            match sign {
                '0'..='9' => digits.push(sign),
                '+' | '\u{ff0b}' if digits.is_empty() && !has_plus => has_plus = true,
                sign if is_between(sign) => {}
                sign => digits.push(other_digit(sign).ok_or_else(|| strange(text))?),
            }
        }
        match digits.len() {
            0 if text.is_empty() => Err(MsisdnError::Missing),
            0 => Err(MsisdnError::NotANumber),
            1..FEWEST => Err(MsisdnError::TooShort),
            FEWEST..=MOST => Ok(Self::of(digits, has_plus)),
            _ if has_several(text) => Err(MsisdnError::Several),
            _ => Err(MsisdnError::TooLong),
        }
    }

    fn of(mut digits: String, has_plus: bool) -> Self {
        if has_plus {
            return Self { digits, is_international: true };
        }
        let is_international = digits.starts_with("00");
        if is_international {
            digits.drain(..2);
        }
        Self { digits, is_international }
    }

    /// ASCII digits, without `+` or `00` in front.
    pub(crate) fn digits(&self) -> &str {
        &self.digits
    }

    /// Whether the digits begin with a country code for sure.
    pub(crate) fn is_international(&self) -> bool {
        self.is_international
    }
}

/// Undoes what spreadsheets and data tools do to a long number, where no digit is lost: `254712000001.0` and
/// `2.54712000001E+11`. `2.54712E+11` is refused.
fn undecorated(text: &str) -> Result<Cow<'_, str>, MsisdnError> {
    if let Some((whole, decimals)) = text.split_once('.') {
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
    // With as many decimals as the exponent says, every digit is there.
    if decimals.len() == exponent {
        Ok(format!("{whole}{decimals}").into())
    } else {
        Err(MsisdnError::Rounded)
    }
}

/// What stands between the digits of a number, or comes along when one is copied: spaces, dashes, brackets, and the marks
/// of the direction of writing.
fn is_between(sign: char) -> bool {
    matches!(
        sign,
        ' ' | '-' | '(' | ')' | '.' | '/' | '\u{a0}' | '\u{ad}' | '\u{2000}'..='\u{2015}' | '\u{2028}'..='\u{202f}'
            | '\u{2060}'..='\u{2069}' | '\u{2212}' | '\u{3000}' | '\u{feff}' | '\u{ff0d}'
    )
}

fn other_digit(sign: char) -> Option<char> {
    let sign = u32::from(sign);
    let digit =
        OTHER_DIGITS.iter().find_map(|zero| sign.checked_sub(u32::from(*zero)).filter(|n| *n < 10))?;
    char::from_digit(digit, 10)
}

fn strange(text: &str) -> MsisdnError {
    if has_several(text) { MsisdnError::Several } else { MsisdnError::NotANumber }
}

fn has_several(text: &str) -> bool {
    let parts = text.split(['/', ',', ';', '|', '&', '\n']);
    let whole = |part: &&str| part.bytes().filter(u8::is_ascii_digit).count() >= WHOLE_NUMBER;
    parts.filter(whole).count() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, bool), MsisdnError> {
        Written::read(text).map(|written| (written.digits().to_owned(), written.is_international()))
    }

    #[test]
    fn whatever_stands_between_the_digits_is_taken_off() {
        for (text, digits, is_international) in [
            ("+254 712-000.001", "254712000001", true),
            ("00254712000001", "254712000001", true),
            ("'0712000001", "0712000001", false),
            ("\u{202a}+254\u{a0}712\u{2011}000001\u{202c}", "254712000001", true),
            ("(0712) 000/001", "0712000001", false),
            ("٠٧١٢٠٠٠٠٠١", "0712000001", false),
            ("＋２５４７１２０００００１", "254712000001", true),
        ] {
            assert_eq!(read(text), Ok((digits.to_owned(), is_international)), "{text}");
        }
    }

    #[test]
    fn a_number_that_a_spreadsheet_wrote_is_repaired_where_it_is_exact() {
        for text in ["254712000001.0", "2.54712000001E+11", "2.54712000001e11", "2,54712000001E+11"] {
            assert_eq!(read(text), Ok(("254712000001".into(), false)), "{text}");
        }
        for text in ["2.54712E+11", "2,54712E+11", "2E+11", "2.547120000019E+11"] {
            assert_eq!(read(text), Err(MsisdnError::Rounded), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused_with_its_reason() {
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
        ] {
            assert_eq!(read(text), Err(reason), "{text:?}");
        }
    }
}
