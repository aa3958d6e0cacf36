//! A phone number in eight bytes. Its `Debug` output is masked.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;

/// An E.164 number: 7 to 15 digits that do not begin with 0. It is parsed with or without `+` and displayed without.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Msisdn(u64);

impl Msisdn {
    /// The business number if the configuration names none.
    pub(crate) const DEFAULT_SENDER: Self = Self(919_900_000_000);

    /// Parses a number; `None` if the text is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        let well_formed = (7..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        if well_formed { digits.parse().ok().map(Self) } else { None }
    }

    /// The WhatsApp id of the number. It differs from the dialed number in Mexico (a 1 is added), Argentina (a 9 is added) and
    /// Brazil (the ninth digit is left out; in reality only for accounts older than the ninth digit, here for all).
    pub(crate) fn wa_id(self) -> Self {
        let digits = self.0.to_string();
        let written = match digits.split_at_checked(2) {
            Some(("52", local)) if local.len() == 10 => format!("521{local}"),
            Some(("54", local)) if local.len() == 10 => format!("549{local}"),
            Some(("55", local)) if local.len() == 11 => match local.split_at_checked(2) {
                Some((area, mobile)) => format!("55{area}{}", mobile.strip_prefix('9').unwrap_or(mobile)),
                None => digits,
            },
            _ => digits,
        };
        written.parse().map_or(self, Self)
    }

    /// The digits as one integer.
    pub fn as_u64(self) -> u64 {
        self.0
    }

    /// The reverse of [`Msisdn::as_u64`]; 0 stands for no number.
    pub(crate) fn from_u64(digits: u64) -> Option<Self> {
        (digits != 0).then_some(Self(digits))
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

impl FromStr for Msisdn {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
            .ok_or_else(|| Error::invalid("a number must be E.164: 7 to 15 digits, with or without +"))
    }
}

impl Serialize for Msisdn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Msisdn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_number_with_or_without_plus() {
        assert_eq!(Msisdn::parse("+254700000001"), Msisdn::parse("254700000001"));
        assert_eq!(Msisdn::parse("+254700000001").unwrap().to_string(), "254700000001");
    }

    #[test]
    fn refuses_text_that_is_not_one_number() {
        let wrong = [
            "",
            "+",
            "123456",
            "0254700000001",
            "2547000000011234",
            "254 700000001",
            "++254700000001",
            "254700000001,254700000002",
        ];
        for text in wrong {
            assert_eq!(Msisdn::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_whatsapp_id_of_some_countries_differs_from_the_number() {
        for (number, known) in [
            ("525512345678", "5215512345678"),
            ("5215512345678", "5215512345678"),
            ("541123456789", "5491123456789"),
            ("5531996883193", "553196883193"),
            ("553196883193", "553196883193"),
            ("254712000801", "254712000801"),
        ] {
            assert_eq!(Msisdn::parse(number).unwrap().wa_id().to_string(), known);
        }
    }

    #[test]
    fn its_debug_output_is_a_mask() {
        assert_eq!(format!("{:?}", Msisdn::parse("254712345678").unwrap()), "Msisdn(…78)");
    }
}
