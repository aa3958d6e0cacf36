//! Common passwords, and passwords that repeat a few characters.

/// One password a line, in lower case, without digits and signs at its ends.
const LIST: &str = include_str!("common.txt");
/// A password that repeats so few characters is guessed as soon as a common one.
const LONGEST_UNIT: usize = 4;

/// Whether a password in lower case is common: on the list, also with digits and signs around it, or repeated.
pub(crate) fn is_common(lower: &str) -> bool {
    let unit = unit(lower);
    (unit.len() < lower.len() && unit.chars().count() <= LONGEST_UNIT)
        || [lower, unit].into_iter().any(|text| is_listed(text) || is_listed(core(text)))
}

fn is_listed(text: &str) -> bool {
    !text.is_empty() && LIST.lines().any(|line| line == text)
}

/// The text without digits and signs at its ends.
fn core(text: &str) -> &str {
    text.trim_matches(|sign: char| !sign.is_alphabetic())
}

/// The shortest text that gives this text when it is repeated; the last repetition may be cut.
fn unit(text: &str) -> &str {
    let ends = text.char_indices().map(|(at, _)| at).skip(1);
    let is_unit = |unit: &str| {
        let mut rest = text;
        while let Some(after) = rest.strip_prefix(unit) {
            rest = after;
        }
        unit.starts_with(rest)
    };
    ends.filter_map(|end| text.get(..end))
        .find(|unit| unit.len() * 2 <= text.len() && is_unit(unit))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_unit_of_a_repeated_text_is_found() {
        for (text, expected) in [
            ("aaaa", "a"),
            ("abab", "ab"),
            ("ababa", "ab"),
            ("abcab", "abcab"),
            ("éé", "é"),
            ("a", "a"),
            ("", ""),
        ] {
            assert_eq!(unit(text), expected, "{text}");
        }
    }

    #[test]
    fn the_list_has_no_line_twice_and_none_that_cannot_match() {
        let lines: BTreeSet<&str> = LIST.lines().collect();
        assert_eq!(lines.len(), LIST.lines().count());
        assert!(lines.len() >= 300, "{}", lines.len());
        for line in lines {
            assert!(!line.is_empty() && line == line.trim() && line == line.to_lowercase(), "{line}");
        }
    }
}
