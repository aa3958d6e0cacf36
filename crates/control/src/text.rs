//! Parts of sentences.

use jiff::Timestamp;

/// A number with thousands separators.
pub fn thousands(n: impl Into<i64>) -> String {
    let digits = n.into().to_string();
    let mut written = String::new();
    for (index, digit) in digits.chars().enumerate() {
        let left = digits.len() - index;
        if index > 0 && left % 3 == 0 && !written.ends_with('-') {
            written.push(',');
        }
        written.push(digit);
    }
    written
}

/// A time in UTC, to the minute.
pub fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A time in UTC with seconds.
pub fn utc(at: Timestamp) -> String {
    at.strftime("%F %TZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        for (n, written) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"), (-1000, "-1,000")]
        {
            assert_eq!(thousands(n), written);
        }
    }
}
