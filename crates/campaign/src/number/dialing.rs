//! Converts digits to a number: in international form, which begins with a country code, or as dialed within a country.

use crate::number::msisdn::{Country, Msisdn, MsisdnError};
use crate::number::number_plan;

/// Parses digits that begin with a country code.
pub(crate) fn international(digits: &str) -> Result<Msisdn, MsisdnError> {
    by_plan(digits).or_else(|error| current_number(digits).ok_or(error))
}

/// Parses digits without a mark of their country: either as dialed within this country, or with a country code and no
/// plus. If both are valid numbers, the one that can be a mobile phone is used. If both can be mobile phones, the
/// digits are refused, so that no message goes to a stranger.
pub(crate) fn unmarked(digits: &str, country: Country) -> Result<Msisdn, MsisdnError> {
    let home = match national(digits, country) {
        // 390 4286208 is an Italian mobile phone, and 39 04286208 an Italian landline.
        Ok(found) if begins_with_code_of(digits, country) && !is_mobile(found) => {
            Ok(whole(digits, country).unwrap_or(found))
        }
        Ok(found) => Ok(found),
        Err(error) => whole(digits, country).ok_or(error),
    };
    if digits.starts_with('0') {
        return home.or_else(|error| current_national_number(digits, country).ok_or(error));
    }
    let abroad =
        if number_plan::is_surely_none(digits) { Err(MsisdnError::NotInPlan) } else { by_plan(digits) };
    match (home, abroad) {
        (Ok(home), Ok(abroad)) if home == abroad => Ok(home),
        (Ok(home), Ok(abroad)) => match (is_mobile(home), is_mobile(abroad)) {
            (true, false) => Ok(home),
            (false, true) => Ok(abroad),
            _ => Err(MsisdnError::TwoCountries),
        },
        // People dial a landline with its zero. Without the zero these may be the digits of a number that our plans do
        // not know yet.
        (Ok(home), Err(_)) if !is_mobile(home) && number_plan::is_possible(digits) => {
            Err(MsisdnError::TwoCountries)
        }
        (Ok(number), Err(_)) | (Err(_), Ok(number)) => Ok(number),
        (Err(error), Err(_)) => {
            current_number(digits).or_else(|| current_national_number(digits, country)).ok_or(error)
        }
    }
}

fn begins_with_code_of(digits: &str, country: Country) -> bool {
    digits.starts_with(&country.code.to_string())
}

fn is_mobile(number: Msisdn) -> bool {
    number_plan::is_mobile(&number.to_string())
}

/// Parses digits that begin with a country code, by the current number plans.
fn by_plan(digits: &str) -> Result<Msisdn, MsisdnError> {
    match number_plan::international(digits).and_then(Msisdn::from_digits) {
        Some(msisdn) => Ok(msisdn),
        None => parse_with_crate(&format!("+{digits}"), None),
    }
}

/// Parses digits as a mobile number of a country, even if they begin with the country's own code, as Italian ones with
/// 39.
fn whole(digits: &str, country: Country) -> Option<Msisdn> {
    by_plan(&format!("{}{digits}", country.code)).ok().filter(|number| is_mobile(*number))
}

/// The current number for digits of an older number plan.
fn current_number(digits: &str) -> Option<Msisdn> {
    let older = digits.parse().ok().and_then(Msisdn::from_digits)?;
    let person = older.person();
    if person == older { None } else { by_plan(&person.to_string()).ok() }
}

/// The current number for digits as they were dialed within a country.
fn current_national_number(digits: &str, country: Country) -> Option<Msisdn> {
    let local = digits.strip_prefix('0').unwrap_or(digits);
    current_number(&format!("{}{local}", country.code))
}

/// Parses digits as dialed within a country.
fn national(digits: &str, country: Country) -> Result<Msisdn, MsisdnError> {
    match number_plan::national(digits, country).and_then(Msisdn::from_digits) {
        Some(msisdn) => Ok(msisdn),
        None => parse_with_crate(digits, Some(country.id)),
    }
}

/// Parses a number with the `phonenumber` crate.
fn parse_with_crate(text: &str, country: Option<phonenumber::country::Id>) -> Result<Msisdn, MsisdnError> {
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
    use phonenumber::metadata::DATABASE;

    use super::*;

    fn country(id: &str) -> Country {
        id.parse().unwrap()
    }

    fn read(digits: &str, default: &str) -> Result<u64, MsisdnError> {
        unmarked(digits, country(default)).map(Msisdn::digits)
    }

    #[test]
    fn a_number_of_an_older_plan_becomes_the_current_number() {
        for (written, default, today) in [
            ("+5215512345678", None, 525_512_345_678),
            ("5215512345678", None, 525_512_345_678),
            ("5215512345678", Some("MX"), 525_512_345_678),
            ("5512345678", Some("MX"), 525_512_345_678),
            ("+553196883193", None, 5_531_996_883_193),
            ("31 9688-3193", Some("BR"), 5_531_996_883_193),
            ("(031) 9688-3193", Some("BR"), 5_531_996_883_193),
            ("+22507123456", None, 2_250_707_123_456),
            ("+22997123456", None, 2_290_197_123_456),
            // Both are current numbers.
            ("+541123456789", None, 541_123_456_789),
            ("+5491123456789", None, 5_491_123_456_789),
        ] {
            let read = Msisdn::parse(written, default.map(country));
            assert_eq!(read.map(Msisdn::digits), Ok(today), "{written}");
        }
        assert_eq!(Msisdn::parse("+521551234567", None), Err(MsisdnError::NotInPlan));
    }

    #[test]
    fn of_two_readings_the_mobile_one_is_taken_and_two_mobile_ones_are_refused() {
        for (digits, default, expected) in [
            // An Austrian, a Swiss and a Kenyan mobile number are also landlines of Germany.
            ("436641234567", "DE", Ok(436_641_234_567)),
            ("41791234567", "DE", Ok(41_791_234_567)),
            ("254712000001", "DE", Ok(254_712_000_001)),
            ("4915120000012", "DE", Ok(4_915_120_000_012)),
            ("015120000012", "DE", Ok(4_915_120_000_012)),
            ("3964793977", "IT", Ok(393_964_793_977)),
            ("1701234567", "DE", Ok(491_701_234_567)),
            ("712000001", "KE", Ok(254_712_000_001)),
            ("0712000001", "KE", Ok(254_712_000_001)),
            // A German mobile number without its zero, or a number of Texas with its country code.
            ("15122000001", "DE", Err(MsisdnError::TwoCountries)),
            ("015122000001", "DE", Ok(4_915_122_000_001)),
            ("15122000001", "US", Ok(15_122_000_001)),
            // A number of Syria that the plan does not know, or a German landline without its zero.
            ("963901111685", "DE", Err(MsisdnError::TwoCountries)),
            ("0963901111685", "DE", Ok(49_963_901_111_685)),
            ("30123456", "DE", Ok(4_930_123_456)),
            // A number of Arkansas, or a number of Norway.
            ("4792345678", "US", Err(MsisdnError::TwoCountries)),
        ] {
            assert_eq!(read(digits, default), expected, "{digits} in {default}");
        }
    }

    /// Countries whose lists are parsed with each of the others as the default country.
    const COUNTRIES: [&str; 18] = [
        "DE", "AT", "CH", "FR", "RO", "IT", "GB", "TR", "US", "MX", "BR", "IN", "ID", "SG", "EG", "NG", "KE",
        "ZA",
    ];

    /// Random mobile numbers of a country, with its country code.
    fn mobiles(id: &str, n: usize, random: &mut fastrand::Rng) -> Vec<String> {
        let plan = DATABASE.by_id(id).unwrap();
        let example =
            plan.descriptors().mobile().and_then(phonenumber::metadata::Descriptor::example).unwrap();
        let mut found = Vec::new();
        while found.len() < n {
            let rest = (1..example.len()).map(|_| random.digit(10));
            let digits: String =
                plan.country_code().to_string().chars().chain(example.chars().take(1)).chain(rest).collect();
            if number_plan::is_mobile(&digits)
                && by_plan(&digits).is_ok_and(|number| number.to_string() == digits)
            {
                found.push(digits);
            }
        }
        found
    }

    #[test]
    fn a_mobile_number_that_begins_with_the_code_of_its_country_is_no_landline() {
        let read = |digits, id| unmarked(digits, country(id)).map(|number| number.to_string());
        assert_eq!(read("3904286208", "IT"), Ok("393904286208".into()));
        assert_eq!(read("0428620812", "IT"), Ok("390428620812".into()));
        assert_eq!(read("390428620812", "IT"), Ok("390428620812".into()));
    }

    #[test]
    fn no_mobile_number_without_a_plus_becomes_a_number_of_another_country() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let all: Vec<(&str, Vec<String>)> =
            COUNTRIES.iter().map(|id| (*id, mobiles(id, 10, &mut random))).collect();
        let (mut refused, mut read) = ([0_u32; 2], [0_u32; 2]);
        let mut worst: Vec<(u32, String)> = Vec::new();
        for (default, _) in &all {
            let home = country(default);
            for (owner, numbers) in &all {
                let mut refused_here = 0;
                for digits in numbers {
                    let own = *owner == *default;
                    let code = home.code.to_string();
                    // Within the country, the number is written without country code and without the leading zero.
                    let written = if own { digits.strip_prefix(&code).unwrap() } else { digits };
                    match unmarked(written, home) {
                        Ok(number) => {
                            assert_eq!(number.to_string(), *digits, "{written} in {default}, seed {seed}");
                            read[usize::from(own)] += 1;
                        }
                        Err(error) => {
                            assert_eq!(
                                error,
                                MsisdnError::TwoCountries,
                                "{written} in {default}, seed {seed}"
                            );
                            refused[usize::from(own)] += 1;
                            refused_here += 1;
                        }
                    }
                    assert_eq!(
                        unmarked(digits, country(owner)).map(|n| n.to_string()),
                        Ok(digits.clone()),
                        "own code"
                    );
                }
                worst.push((refused_here, format!("{owner} in a list of {default}")));
            }
        }
        worst.sort_unstable_by_key(|(n, _)| std::cmp::Reverse(*n));
        println!(
            "abroad: {} read, {} refused; at home without zero: {} read, {} refused",
            read[0], refused[0], read[1], refused[1]
        );
        println!("most refused of 10: {:?}", &worst[..12]);
        assert!(refused[0] * 20 < read[0] && refused[1] * 10 < read[1], "{refused:?} {read:?}");
    }

    #[test]
    fn the_fast_path_gives_the_results_of_the_phonenumber_crate() {
        let mut random = Random(7);
        let (mut asked, mut fast) = (0, 0);
        for plan in DATABASE.iter() {
            let country: Option<Country> = plan.id().parse().ok();
            for digits in corpus(plan, &mut random) {
                asked += 1;
                let expected = parse_with_crate(&format!("+{digits}"), None);
                assert_eq!(by_plan(&digits), expected, "+{digits}");
                assert!(!number_plan::is_surely_none(&digits) || expected.is_err(), "+{digits}");
                if random.below(4) == 0 {
                    let other: String =
                        random.below(10).to_string().chars().chain(digits.chars().skip(1)).collect();
                    assert!(!number_plan::is_surely_none(&other) || by_plan(&other).is_err(), "+{other}");
                }
                let code = plan.country_code().to_string();
                let Some(country) = country else { continue };
                for written in [&digits, digits.strip_prefix(&code).unwrap(), &digits.replacen(&code, "0", 1)]
                {
                    let expected = parse_with_crate(written, Some(country.id));
                    assert_eq!(national(written, country), expected, "{written} in {}", plan.id());
                    fast += u32::from(number_plan::national(written, country).is_some());
                }
            }
        }
        assert!(asked > 5_500, "{asked}");
        assert!(fast > 5_000, "the fast path decided only {fast}");
    }

    /// Numbers of a plan and similar digits that may be invalid: other digits, one more, one less.
    fn corpus(plan: &phonenumber::Metadata, random: &mut Random) -> Vec<String> {
        let kinds = plan.descriptors();
        let examples =
            [kinds.fixed_line(), kinds.mobile(), kinds.toll_free(), kinds.voip(), kinds.pager(), kinds.uan()];
        let mut corpus = Vec::new();
        for example in examples.into_iter().flatten().filter_map(phonenumber::metadata::Descriptor::example) {
            let digits = format!("{}{example}", plan.country_code());
            corpus.push(digits.clone());
            corpus.push(digits.chars().take(digits.len() - 1).collect());
            corpus.push(format!("{digits}{}", random.below(10)));
            for changed in [1, 2, 4, 6] {
                let kept = digits.len().saturating_sub(changed).max(3);
                let rest = (kept..digits.len()).map(|_| char::from(b'0' + random.below(10)));
                corpus.push(digits.chars().take(kept).chain(rest).collect());
            }
        }
        corpus
    }

    /// A generator that gives the same numbers in every run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, n: u8) -> u8 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            u8::try_from((self.0 >> 33) % u64::from(n)).unwrap()
        }
    }
}
