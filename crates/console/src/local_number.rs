//! Numbers as people write them in their country: without its code.

use campaign::{Country, Msisdn};

/// The country of numbers without a country code.
#[derive(Clone, Debug)]
pub(crate) struct LocalCountry {
    /// Two letters.
    pub(crate) letters: String,
    country: Country,
}

impl LocalCountry {
    /// The country with these letters.
    pub(crate) fn of(letters: &str) -> Option<Self> {
        Some(Self { letters: letters.to_ascii_uppercase(), country: letters.parse().ok()? })
    }
}

/// The number with its country code. A text that is no number of the country is unchanged: who reads it says what is wrong.
pub(crate) fn with_code(written: &str, local: Option<&LocalCountry>) -> String {
    let number = local.and_then(|local| Msisdn::parse(written, Some(local.country)).ok());
    number.map_or_else(|| written.to_owned(), |number| format!("+{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_number_gets_the_code_of_the_country_and_others_keep_theirs() {
        let kenya = LocalCountry::of("ke");
        assert_eq!(kenya.as_ref().unwrap().letters, "KE");
        for (written, read) in [
            ("0712 000 003", "+254712000003"),
            ("+254712000003", "+254712000003"),
            ("254712000003", "+254712000003"),
            ("+49 30 901820", "+4930901820"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(with_code(written, kenya.as_ref()), read);
        }
        assert_eq!(with_code("0712 000 003", None), "0712 000 003");
        assert!(LocalCountry::of("Kenya").is_none());
    }
}
