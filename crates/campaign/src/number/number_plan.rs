//! The number plans of all countries, compiled for a million lookups: the fast path of [`Msisdn::parse`].
//!
//! **Invariants.** The fast path accepts a number only if the `phonenumber` crate accepts it with the same digits. All
//! other digits are left to that crate. The rules are the patterns of that crate's metadata; a country's patterns are
//! compiled at its first number.
//!
//! [`Msisdn::parse`]: crate::Msisdn::parse

use std::sync::OnceLock;

use phonenumber::Metadata;
use phonenumber::metadata::{DATABASE, Descriptor};
use regex::bytes::{Regex, RegexBuilder};

use crate::number::msisdn::Country;

/// The most digits of E.164.
const MOST_DIGITS: usize = 15;

/// Plans by calling code.
static PLANS: [OnceLock<Option<Plan>>; 1000] = [const { OnceLock::new() }; 1000];

/// The countries that share a calling code, the main one first.
struct Plan(Vec<Region>);

/// The numbers of one country.
struct Region {
    id: String,
    /// How this country's numbers begin, if several countries share the calling code.
    leading: Option<Regex>,
    general: Shape,
    kinds: Vec<Shape>,
    mobile: Option<Shape>,
    /// The national prefix, dialed first within the country.
    prefix: Option<String>,
    prefix_pattern: Option<Regex>,
    /// Whether the prefix is rewritten and not only removed.
    is_rewritten: bool,
    /// The international prefix, dialed first for calls to other countries.
    abroad: Option<Regex>,
}

/// The lengths a number may have, as bits (0: any), and how it begins.
struct Shape {
    lengths: u32,
    pattern: Regex,
}

/// The digits of an international number, if they certainly are one.
pub(crate) fn international(digits: &str) -> Option<u64> {
    if digits.starts_with('0') || digits.len() > MOST_DIGITS {
        return None;
    }
    let (plan, national) = split(digits)?;
    let region = plan.region_of(national)?;
    if national.starts_with('0') || region.has_prefix(national) || !region.has(national) {
        return None;
    }
    digits.parse().ok()
}

/// Whether digits certainly are not an international number. Returns false if only the `phonenumber` crate can decide.
pub(crate) fn is_surely_none(digits: &str) -> bool {
    let may_be_prefix =
        |national: &str, region: &Region| national.starts_with('0') || region.has_prefix(national);
    match split(digits) {
        None => true,
        Some((plan, national)) => match plan.region_of(national) {
            Some(region) => !may_be_prefix(national, region) && !region.has(national),
            None => !plan.0.iter().any(|region| may_be_prefix(national, region)),
        },
    }
}

/// Whether digits begin with a country code and have a length that the country uses.
pub(crate) fn is_possible(digits: &str) -> bool {
    split(digits).is_some_and(|(plan, national)| {
        let length = bit(national.len());
        plan.0.iter().flat_map(|region| &region.kinds).any(|kind| kind.lengths & length != 0)
    })
}

/// Whether international digits can be those of a mobile phone.
pub(crate) fn is_mobile(digits: &str) -> bool {
    let region = split(digits).and_then(|(plan, national)| Some((plan.region_of(national)?, national)));
    region
        .is_some_and(|(region, national)| region.mobile.as_ref().is_some_and(|mobile| mobile.fits(national)))
}

/// The plan of the country code with which digits begin, and the remaining digits.
fn split(digits: &str) -> Option<(&'static Plan, &str)> {
    (1..=3).find_map(|length| {
        let (code, national) = digits.split_at_checked(length)?;
        Some((plan(code.parse().ok()?)?, national))
    })
}

/// The international digits of a number as dialed within this country, if it certainly is one.
pub(crate) fn national(digits: &str, country: Country) -> Option<u64> {
    let plan = plan(country.code)?;
    let region = plan.0.iter().find(|region| region.id == country.id.as_ref())?;
    if region.abroad.as_ref().is_some_and(|abroad| abroad.is_match(digits.as_bytes())) {
        return None;
    }
    let code = country.code.to_string();
    let national = match digits.strip_prefix(&code) {
        Some(_) if region.general.fits(digits) => return None,
        Some(national) => national,
        None => digits,
    };
    let significant = region.without_prefix(national)?;
    let is_long_enough = significant.len() == national.len() || region.general.takes(significant.len());
    let is_known = is_long_enough
        && !significant.starts_with('0')
        && code.len() + significant.len() <= MOST_DIGITS
        && plan.region_of(significant)?.has(significant);
    let shift = 10_u64.checked_pow(u32::try_from(significant.len()).ok()?)?;
    Some(u64::from(country.code) * shift + significant.parse::<u64>().ok()?).filter(|_| is_known)
}

fn plan(code: u16) -> Option<&'static Plan> {
    PLANS.get(usize::from(code))?.get_or_init(|| Plan::read(code)).as_ref()
}

impl Plan {
    fn read(code: u16) -> Option<Self> {
        let regions = DATABASE.by_code(&code)?;
        let regions: Result<Vec<Region>, _> = regions.into_iter().map(Region::read).collect();
        regions.ok().map(Self)
    }

    /// The country of a number: the first whose leading digits match, or to whose numbers it belongs.
    fn region_of(&self, national: &str) -> Option<&Region> {
        if let [only] = self.0.as_slice() {
            return Some(only);
        }
        self.0.iter().find(|region| match &region.leading {
            Some(leading) => leading.is_match(national.as_bytes()),
            None => region.has(national),
        })
    }
}

impl Region {
    fn read(metadata: &Metadata) -> Result<Self, regex::Error> {
        let kinds = metadata.descriptors();
        let kinds = [
            kinds.mobile(),
            kinds.fixed_line(),
            kinds.premium_rate(),
            kinds.toll_free(),
            kinds.shared_cost(),
            kinds.voip(),
            kinds.personal_number(),
            kinds.pager(),
            kinds.uan(),
            kinds.voicemail(),
        ];
        let prefix = metadata.national_prefix().map(ToOwned::to_owned);
        let prefix_pattern = metadata.national_prefix_for_parsing();
        Ok(Self {
            id: metadata.id().to_owned(),
            leading: metadata.leading_digits().map(|pattern| compile(pattern.as_str())).transpose()?,
            general: Shape::read(metadata.descriptors().general())?,
            kinds: kinds.into_iter().flatten().map(Shape::read).collect::<Result<_, _>>()?,
            mobile: metadata.descriptors().mobile().map(Shape::read).transpose()?,
            prefix,
            prefix_pattern: prefix_pattern.map(|pattern| compile(pattern.as_str())).transpose()?,
            is_rewritten: metadata.national_prefix_transform_rule().is_some(),
            abroad: metadata.international_prefix().map(|pattern| compile(pattern.as_str())).transpose()?,
        })
    }

    /// Whether this is a number of the country.
    fn has(&self, national: &str) -> bool {
        self.general.fits(national) && self.kinds.iter().any(|kind| kind.fits(national))
    }

    /// The number without its national prefix, if it certainly has one.
    fn without_prefix<'a>(&self, national: &'a str) -> Option<&'a str> {
        let rest = match (&self.prefix_pattern, &self.prefix) {
            (Some(pattern), _) => match pattern.find(national.as_bytes()) {
                Some(_) if self.is_rewritten => return None,
                Some(found) => national.get(found.end()..)?,
                None => national,
            },
            (None, Some(prefix)) => national.strip_prefix(prefix.as_str()).unwrap_or(national),
            (None, None) => national,
        };
        let is_there_again = self.prefix.as_ref().is_some_and(|prefix| rest.starts_with(prefix.as_str()));
        (!is_there_again).then_some(rest)
    }

    /// Whether the number begins with the national prefix, or may do so.
    fn has_prefix(&self, national: &str) -> bool {
        self.prefix.as_deref().is_some_and(|prefix| national.starts_with(prefix))
            || self.prefix_pattern.as_ref().is_some_and(|pattern| pattern.is_match(national.as_bytes()))
    }
}

impl Shape {
    fn read(descriptor: &Descriptor) -> Result<Self, regex::Error> {
        let lengths =
            descriptor.possible_length().iter().fold(0, |bits, length| bits | bit(usize::from(*length)));
        let pattern = compile(descriptor.national_number().as_str())?;
        Ok(Self { lengths, pattern })
    }

    fn fits(&self, national: &str) -> bool {
        self.takes(national.len()) && self.pattern.is_match(national.as_bytes())
    }

    fn takes(&self, length: usize) -> bool {
        self.lengths == 0 || self.lengths & bit(length) != 0
    }
}

fn bit(length: usize) -> u32 {
    u32::try_from(length).ok().and_then(|length| 1_u32.checked_shl(length)).unwrap_or(0)
}

/// A pattern of the metadata, anchored at the beginning.
fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    let anchored = format!("^(?:{pattern})");
    RegexBuilder::new(&anchored).unicode(false).ignore_whitespace(true).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_path_decides_the_usual_forms_of_a_number() {
        let kenya: Country = "KE".parse().unwrap();
        assert_eq!(international("254712000001"), Some(254_712_000_001));
        for written in ["0712000001", "712000001", "254712000001"] {
            assert_eq!(national(written, kenya), Some(254_712_000_001), "{written}");
        }
        assert_eq!(international("254012000001"), None);
    }
}
