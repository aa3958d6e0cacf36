//! Country calling codes of numbers.

use std::fmt;
use std::str::FromStr;

use phonenumber::metadata::DATABASE;

use crate::number::msisdn::Msisdn;

/// The country calling codes with two digits (ITU-T E.164). The codes 1 and 7 have one digit, all others three. No code
/// is a prefix of another.
const OF_TWO_DIGITS: [i16; 44] = [
    20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57, 58,
    60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98,
];

/// A country calling code, 1 to 999. Some countries share one, such as 1 for the United States and Canada.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallingCode(pub i16);

impl fmt::Display for CallingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A text that is not a country calling code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a country calling code; write one like 254 or +254")]
pub struct UnknownCallingCode(String);

impl FromStr for CallingCode {
    type Err = UnknownCallingCode;

    /// Parses a code with which numbers begin.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownCallingCode(text.to_owned());
        let digits = text.strip_prefix('+').unwrap_or(text);
        let is_plain = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
        let code = digits.parse::<u16>().ok().filter(|_| is_plain).ok_or_else(unknown)?;
        DATABASE.by_code(&code).ok_or_else(unknown)?;
        i16::try_from(code).map(Self).map_err(|_| unknown())
    }
}

impl Msisdn {
    /// The country calling code with which the number begins.
    pub fn calling_code(self) -> CallingCode {
        let mut leading = self.digits();
        while leading > 999 {
            leading /= 10;
        }
        let leading = i16::try_from(leading).unwrap_or_default();
        CallingCode(match leading / 10 {
            10..=19 => 1,
            70..=79 => 7,
            two if OF_TWO_DIGITS.binary_search(&two).is_ok() => two,
            _ => leading,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_every_number_plan_is_found_whatever_follows() {
        let mut codes = 0;
        for code in 1..=999_u16 {
            if DATABASE.by_code(&code).is_none() {
                continue;
            }
            codes += 1;
            for rest in ["000000", "9999999", "123456789"] {
                let digits = format!("{code}{rest}").parse().unwrap();
                let found = Msisdn::from_digits(digits).unwrap().calling_code();
                assert_eq!(Ok(found), format!("+{code}").parse(), "{digits}");
            }
        }
        assert!(codes > 200, "{codes}");
        for text in ["", "+", "0", "25", "0254", "++254", "1684", "65536", "KE"] {
            assert!(text.parse::<CallingCode>().is_err(), "{text}");
        }
    }
}
