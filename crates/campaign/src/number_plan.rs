//! The number plans of the world, ready to be asked a million times: the fast path of [`Msisdn::parse`].
//!
//! **Invariants.** It only ever says yes, and only where the `phonenumber` crate says yes with the same digits; everything
//! else is left to that crate. Its rules are the patterns of that crate's own metadata, each country's compiled when it is
//! first met.
//!
//! [`Msisdn::parse`]: crate::Msisdn::parse

use std::sync::OnceLock;

use phonenumber::Metadata;
use phonenumber::metadata::{DATABASE, Descriptor};
use regex::bytes::{Regex, RegexBuilder};

use crate::msisdn::Country;

/// E.164 has no more digits.
const MOST_DIGITS: usize = 15;

/// By calling code.
static PLANS: [OnceLock<Option<Plan>>; 1000] = [const { OnceLock::new() }; 1000];

/// The countries that share a calling code, the main one first.
struct Plan(Vec<Region>);

/// The numbers of one country.
struct Region {
    id: String,
    /// Beginnings of this country's numbers, where several share a calling code.
    leading: Option<Regex>,
    general: Shape,
    kinds: Vec<Shape>,
    /// What is dialled first within the country.
    prefix: Option<String>,
    prefix_pattern: Option<Regex>,
    /// The prefix is these digits and nothing else.
    has_plain_prefix: bool,
    /// What is dialled first to call abroad.
    abroad: Option<Regex>,
}

/// The lengths a number may have, as bits (none: any), and how it begins.
struct Shape {
    lengths: u32,
    pattern: Regex,
}

/// The digits of an international number, if it is surely one.
pub(crate) fn international(digits: &str) -> Option<u64> {
    if digits.starts_with('0') || digits.len() > MOST_DIGITS {
        return None;
    }
    let (plan, national) = (1..=3).find_map(|length| {
        let (code, national) = digits.split_at_checked(length)?;
        Some((plan(code.parse().ok()?)?, national))
    })?;
    let region = plan.region_of(national)?;
    if national.starts_with('0') || region.has_prefix(national) || !region.has(national) {
        return None;
    }
    digits.parse().ok()
}

/// The international digits of a number as it is dialled in this country, if it is surely one.
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
    let significant = if region.has_prefix(national) {
        let without = national.strip_prefix(region.prefix.as_deref()?).filter(|_| region.has_plain_prefix)?;
        let is_long_enough = region.general.lengths & bit(without.len()) != 0;
        Some(without).filter(|_| is_long_enough && !region.has_prefix(without))?
    } else {
        national
    };
    let is_known = !significant.starts_with('0')
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

    /// The country that a number belongs to: the first whose beginnings it has, or of whose numbers it is one.
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
        let is_plain = prefix_pattern.is_some_and(|pattern| Some(pattern.as_str()) == prefix.as_deref())
            && metadata.national_prefix_transform_rule().is_none();
        Ok(Self {
            id: metadata.id().to_owned(),
            leading: metadata.leading_digits().map(|pattern| compile(pattern.as_str())).transpose()?,
            general: Shape::read(metadata.descriptors().general())?,
            kinds: kinds.into_iter().flatten().map(Shape::read).collect::<Result<_, _>>()?,
            prefix,
            prefix_pattern: prefix_pattern.map(|pattern| compile(pattern.as_str())).transpose()?,
            has_plain_prefix: is_plain,
            abroad: metadata.international_prefix().map(|pattern| compile(pattern.as_str())).transpose()?,
        })
    }

    /// Whether this is a number of the country.
    fn has(&self, national: &str) -> bool {
        self.general.fits(national) && self.kinds.iter().any(|kind| kind.fits(national))
    }

    /// Whether the number begins with what is only dialled within the country, or might.
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
        (self.lengths == 0 || self.lengths & bit(national.len()) != 0)
            && self.pattern.is_match(national.as_bytes())
    }
}

fn bit(length: usize) -> u32 {
    u32::try_from(length).ok().and_then(|length| 1_u32.checked_shl(length)).unwrap_or(0)
}

/// A pattern of the metadata, to be matched at the beginning.
fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    let anchored = format!("^(?:{pattern})");
    RegexBuilder::new(&anchored).unicode(false).ignore_whitespace(true).build()
}
