//! Time zones: by name, and by the country of a number.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use jiff::tz::TimeZone;
use phonenumber::metadata::DATABASE;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::number::calling_code::CallingCode;
use crate::number::msisdn::Msisdn;

/// ISO 3166-1 alpha-2 and the name of a zone on each line; a country has one line for each of its zones.
const COUNTRIES: &str = include_str!("../../data/zones.tsv");

static ZONES: LazyLock<HashMap<&str, Vec<Zone>>> = LazyLock::new(zones_by_country);

/// A time zone of the IANA database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// A text that is not the name of a time zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a time zone; write a name of the IANA database, like Africa/Nairobi or Europe/Berlin")]
pub struct ZoneError(String);

impl Zone {
    /// The time zones of the number's country. Empty if the number has no country.
    pub fn of_country(recipient: Msisdn) -> &'static [Self] {
        let number = phonenumber::parse(None, format!("+{}", recipient.digits())).ok();
        let country = number.and_then(|number| number.country().id());
        country.and_then(|country| ZONES.get(country.as_ref())).map_or(&[], Vec::as_slice)
    }

    /// The zones of the main country of a calling code; for 1, those of the United States.
    pub fn of_calling_code(code: CallingCode) -> &'static [Self] {
        let regions = u16::try_from(code.0).ok().and_then(|code| DATABASE.by_code(&code));
        let main = regions.and_then(|regions| regions.first().copied());
        main.and_then(|region| ZONES.get(region.id())).map_or(&[], Vec::as_slice)
    }

    /// The zone's rules.
    pub(crate) fn rules(&self) -> &TimeZone {
        &self.0
    }
}

fn zones_by_country() -> HashMap<&'static str, Vec<Zone>> {
    let mut zones: HashMap<&str, Vec<Zone>> = HashMap::new();
    let lines = COUNTRIES.lines().filter(|line| !line.starts_with('#'));
    for (country, name) in lines.filter_map(|line| line.split_once('\t')) {
        if let Ok(zone) = name.parse() {
            zones.entry(country).or_default().push(zone);
        }
    }
    zones
}

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(name: &str) -> Result<Self, ZoneError> {
        // `UTC` is not in every platform's database, but is a usual name.
        if name == "UTC" {
            return Ok(Self(TimeZone::UTC));
        }
        TimeZone::get(name).map(Self).map_err(|_| ZoneError(name.to_owned()))
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.iana_name().unwrap_or("UTC"))
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_found_by_its_name_only() {
        for name in ["Africa/Nairobi", "Europe/Berlin", "America/Argentina/Buenos_Aires", "UTC"] {
            assert_eq!(name.parse::<Zone>().unwrap().to_string(), name);
        }
        for name in ["", "Nairobi", "+03:00", "Africa/Atlantis"] {
            assert!(
                name.parse::<Zone>().unwrap_err().to_string().contains("is not a time zone; write"),
                "{name}"
            );
        }
    }

    #[test]
    fn every_zone_of_the_table_is_known() {
        let lines = COUNTRIES.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(zones_by_country().values().map(Vec::len).sum::<usize>(), lines);
    }

    #[test]
    fn the_country_of_a_number_has_its_zones() {
        for (digits, first, zones) in [
            (254_712_000_001, "Africa/Nairobi", 1),
            (4_915_112_345_678, "Europe/Berlin", 2),
            (919_812_345_678, "Asia/Kolkata", 1),
            (12_125_551_234, "America/New_York", 29),
        ] {
            let found = Zone::of_country(Msisdn::from_digits(digits).unwrap());
            assert_eq!((found.len(), found[0].to_string().as_str()), (zones, first));
            let of_code = Zone::of_calling_code(Msisdn::from_digits(digits).unwrap().calling_code());
            assert_eq!(of_code, found);
        }
        // Satellite phones have no country.
        assert!(Zone::of_country(Msisdn::from_digits(881_612_345_678).unwrap()).is_empty());
        assert!(Zone::of_calling_code(CallingCode(881)).is_empty());
    }
}
