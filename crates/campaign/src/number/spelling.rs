//! The two spellings of one person's number.
//!
//! Some number plans changed, and some have a digit for mobile phones that lists leave out. WhatsApp may use other
//! digits than the list. Both spellings reach the same person. So suppressions and windows are stored under both
//! spellings, and people are compared by [`Msisdn::person`].
//!
//! | country | with the inserted digits | without | current number plan |
//! |---|---|---|---|
//! | Mexico | 52 **1** and ten digits | 52 and ten digits | without, since 2019 |
//! | Argentina | 54 **9** and ten digits | 54 and ten digits | with, for mobile phones |
//! | Brazil | 55, area, **9** and eight digits from 6 on | 55, area and eight digits | with, since 2016 |
//! | Ivory Coast | 225, **01**, **05** or **07**, and eight digits | 225 and eight digits | with, since 2021 |
//! | Benin | 229 **01** and eight digits | 229 and eight digits | with, since 2024 |
//!
//! In Brazil eight digits that begin with 2 to 5 are a landline, which has one spelling. In Argentina no local number
//! is both a mobile phone and a landline.

use crate::number::msisdn::Msisdn;

const EIGHT_DIGITS: u64 = 100_000_000;
const TEN_DIGITS: u64 = 10_000_000_000;

/// The two spellings of one number.
struct Pair {
    /// The spelling of the current number plan.
    current: u64,
    other: u64,
}

impl Msisdn {
    /// The spelling by which people are compared: that of the current number plan.
    #[must_use]
    pub fn person(self) -> Self {
        pair(self.digits()).and_then(|pair| Self::from_digits(pair.current)).unwrap_or(self)
    }

    /// Every spelling of this number, itself first.
    pub fn spellings(self) -> impl Iterator<Item = Self> {
        let digits = self.digits();
        let other = pair(digits).map(|pair| if pair.current == digits { pair.other } else { pair.current });
        std::iter::once(self).chain(other.and_then(Self::from_digits))
    }
}

/// The two spellings of a number, if it has two.
fn pair(digits: u64) -> Option<Pair> {
    by_ten_digits(digits).or_else(|| by_eight_digits(digits))
}

/// Mexico and Argentina.
fn by_ten_digits(digits: u64) -> Option<Pair> {
    let (head, local) = (digits / TEN_DIGITS, digits % TEN_DIGITS);
    let with = |head: u64| head * TEN_DIGITS + local;
    match (head, local / (TEN_DIGITS / 10)) {
        (52 | 521, 2..=9) => Some(Pair { current: with(52), other: with(521) }),
        (54 | 549, 1..=3) => Some(Pair { current: with(549), other: with(54) }),
        _ => None,
    }
}

/// Brazil, the Ivory Coast and Benin.
fn by_eight_digits(digits: u64) -> Option<Pair> {
    let (head, local) = (digits / EIGHT_DIGITS, digits % EIGHT_DIGITS);
    let with = |head: u64| head * EIGHT_DIGITS + local;
    let first = local / (EIGHT_DIGITS / 10);
    match head {
        5511..=5599 if first >= 6 => Some(Pair { current: with(head * 10 + 9), other: digits }),
        55119..=55999 if head % 10 == 9 && first >= 6 => {
            Some(Pair { current: digits, other: with(head / 10) })
        }
        225 | 22501 | 22505 | 22507 if matches!(first, 0 | 4..=9) => {
            let current = 22500 + ivorian_network(local);
            (head == 225 || head == current).then(|| Pair { current: with(current), other: with(225) })
        }
        229 | 22901 => Some(Pair { current: with(22901), other: with(229) }),
        _ => None,
    }
}

/// The two digits that precede a mobile number of the Ivory Coast since 2021: the second digit names the network.
fn ivorian_network(local: u64) -> u64 {
    match local / (EIGHT_DIGITS / 100) % 10 {
        0..=3 => 1,
        4..=6 => 5,
        _ => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(digits: u64) -> Msisdn {
        Msisdn::from_digits(digits).unwrap()
    }

    #[test]
    fn both_spellings_of_a_number_are_one_person() {
        for (current, other) in [
            (525_512_345_678, 5_215_512_345_678),
            (5_491_123_456_789, 541_123_456_789),
            (5_531_996_883_193, 553_196_883_193),
            (2_250_707_123_456, 22_507_123_456),
            (2_250_545_123_456, 22_545_123_456),
            (2_250_140_123_456, 22_540_123_456),
            (2_290_197_123_456, 22_997_123_456),
        ] {
            let (current, other) = (number(current), number(other));
            assert_eq!((current.person(), other.person()), (current, current), "{current} {other}");
            assert_eq!(current.spellings().collect::<Vec<_>>(), [current, other]);
            assert_eq!(other.spellings().collect::<Vec<_>>(), [other, current]);
        }
    }

    #[test]
    fn a_number_with_one_spelling_is_unchanged() {
        for digits in [
            254_712_000_801,
            // A landline in Belo Horizonte, and a mobile number that never had eight digits.
            553_133_334_444,
            5_531_951_234_567,
            // A toll-free number of Argentina, and one digit too few in Mexico.
            5_480_012_345_678,
            52_551_234_567,
            // A mobile number of the Ivory Coast that was assigned after the change.
            2_250_712_345_678,
            1_000_000,
            999_999_999_999_999,
        ] {
            assert_eq!(number(digits).person(), number(digits), "{digits}");
            assert_eq!(number(digits).spellings().count(), 1, "{digits}");
        }
    }

    #[test]
    fn the_spellings_of_random_numbers_agree_with_each_other() {
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        let heads = [52, 521, 54, 549, 55, 225, 22501, 22505, 22507, 229, 22901, 49, 1];
        for _ in 0..200_000 {
            let length = random.usize(7..12);
            let rest: String = (0..length).map(|_| random.digit(10)).collect();
            let Some(one) = format!("{}{rest}", heads[random.usize(..heads.len())])
                .parse()
                .ok()
                .and_then(Msisdn::from_digits)
            else {
                continue;
            };
            let all: Vec<Msisdn> = one.spellings().collect();
            assert!(all.contains(&one.person()), "{one}, seed {seed}");
            for other in &all {
                assert_eq!(other.person(), one.person(), "{one} and {other}, seed {seed}");
                assert!(other.spellings().any(|back| back == one), "{one} and {other}, seed {seed}");
            }
        }
    }
}
