//! Converts the value of a cell to the text of a list.

use std::borrow::Cow;

use jiff::ToSpan;
use jiff::civil::Date;

use crate::list::xlsx::formats::Kind;

/// From this number on, a spreadsheet itself loses digits.
const EXACT: f64 = 1e15;
/// The day after the last day of a spreadsheet, 31 December 9999.
const LAST_DAY: f64 = 2_958_466.0;
/// Before this day a spreadsheet's count is one too low, because it treats 1900 as a leap year.
const LEAP_DAY: f64 = 60.0;
const MILLIS_A_DAY: i64 = 86_400_000;
/// Length of `_x000D_`.
const ESCAPE: usize = 7;

/// A number as text: dates and times in ISO 8601; durations in days, as the sheet stores them.
pub(crate) fn number_cell(written: &str, kind: Kind, is_1904: bool) -> Option<String> {
    let written = written.trim_ascii();
    let is_plain = (1..16).contains(&written.len())
        && written.bytes().all(|byte| byte.is_ascii_digit())
        && !written.starts_with('0');
    if is_plain && kind == Kind::Number {
        return Some(written.to_owned());
    }
    let number: f64 = written.parse().ok().filter(|number: &f64| number.is_finite())?;
    let time = if kind == Kind::Date { time_text(number, is_1904) } else { None };
    Some(time.unwrap_or_else(|| number_text(number)))
}

/// A number without `E+`. A sheet stores fifteen digits, whatever it shows.
fn number_text(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < EXACT { format!("{number:.0}") } else { number.to_string() }
}

/// Date, time or both.
fn time_text(days: f64, is_1904: bool) -> Option<String> {
    let mut epoch = Date::constant(1899, 12, 30);
    if is_1904 {
        epoch = Date::constant(1904, 1, 1);
    } else if days < LEAP_DAY {
        epoch = Date::constant(1899, 12, 31);
    }
    if !(0.0..LAST_DAY).contains(&days) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "at most 2.6e14, which both have"
    )]
    let millis = (days * MILLIS_A_DAY as f64).round() as i64;
    let date = epoch.checked_add((millis / MILLIS_A_DAY).days()).ok()?;
    let seconds = millis % MILLIS_A_DAY / 1000;
    Some(match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0) => date.to_string(),
        (hour, minute, 0) => format!("{date} {hour:02}:{minute:02}"),
        (hour, minute, second) => format!("{date} {hour:02}:{minute:02}:{second:02}"),
    })
}

/// A text whose escapes such as `_x000D_` are replaced by the UTF-16 units they stand for.
pub(crate) fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains("_x") {
        return Cow::Borrowed(text);
    }
    let (mut whole, mut units) = (String::with_capacity(text.len()), Vec::new());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let length = if let Some(unit) = unit(rest) {
            units.push(unit);
            ESCAPE
        } else {
            whole.push_str(&String::from_utf16_lossy(&std::mem::take(&mut units)));
            whole.push(letter);
            letter.len_utf8()
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    whole.push_str(&String::from_utf16_lossy(&units));
    Cow::Owned(whole)
}

/// The unit at the beginning of a text, if it is written as `_xHHHH_`.
fn unit(text: &str) -> Option<u16> {
    let written = text.get(..ESCAPE)?.strip_prefix("_x")?.strip_suffix('_')?;
    let is_hex = written.bytes().all(|byte| byte.is_ascii_hexdigit());
    u16::from_str_radix(written, 16).ok().filter(|_| is_hex)
}

/// Column, from 0, and row, from 1, of a reference such as `B7`; `None` if no sheet has such a cell.
pub(crate) fn position(reference: &str) -> Option<(usize, u32)> {
    let digits = reference.find(|sign: char| sign.is_ascii_digit())?;
    let (letters, row) = reference.split_at_checked(digits)?;
    if letters.is_empty() || letters.len() > 3 || row.len() > 7 {
        return None;
    }
    let mut column = 0;
    for letter in letters.bytes() {
        let value = letter.to_ascii_uppercase().checked_sub(b'A').filter(|value| *value < 26)?;
        column = column * 26 + usize::from(value) + 1;
    }
    let row: u32 = row.parse().ok()?;
    let is_there = column <= crate::list::row::COLUMN_LIMIT && (1..=super::sheet::LAST_ROW).contains(&row);
    is_there.then(|| (column - 1, row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits_and_dates_are_dates() {
        for (written, kind, expected) in [
            ("254712000001", Kind::Number, "254712000001"),
            ("2.54712000001E11", Kind::Number, "254712000001"),
            ("0.5", Kind::Number, "0.5"),
            ("00712", Kind::Number, "712"),
            ("2.5E20", Kind::Number, "250000000000000000000"),
            ("46056", Kind::Date, "2026-02-03"),
            ("46056.395833333336", Kind::Date, "2026-02-03 09:30"),
            ("46056.999988425923", Kind::Date, "2026-02-03 23:59:59"),
            ("1", Kind::Date, "1900-01-01"),
            ("59", Kind::Date, "1900-02-28"),
            ("61", Kind::Date, "1900-03-01"),
            ("0.395833333333333", Kind::Date, "1899-12-31 09:30"),
            ("2958465", Kind::Date, "9999-12-31"),
            ("-1", Kind::Date, "-1"),
            ("2958466", Kind::Date, "2958466"),
            ("1e300", Kind::Duration, &format!("1{}", "0".repeat(300))),
            ("1.5", Kind::Duration, "1.5"),
        ] {
            assert_eq!(number_cell(written, kind, false).as_deref(), Some(expected), "{written}");
        }
        assert_eq!(number_cell("44594", Kind::Date, true).as_deref(), Some("2026-02-03"));
        for written in ["", "x", "NaN", "inf", "1e999"] {
            assert_eq!(number_cell(written, Kind::Number, false), None, "{written}");
        }
    }

    #[test]
    fn escapes_of_a_spreadsheet_are_decoded() {
        for (text, expected) in [
            ("plain", "plain"),
            ("a_x000D_b", "a\rb"),
            ("_x005F_x000D_", "_x000D_"),
            ("_xD83D__xDE00_!", "\u{1f600}!"),
            ("_xD83D_!", "\u{fffd}!"),
            ("max_xy_x00", "max_xy_x00"),
            ("é_x00e9_é", "ééé"),
            ("_x+00D_", "_x+00D_"),
        ] {
            assert_eq!(unescaped(text), expected);
        }
    }

    #[test]
    fn a_reference_outside_every_sheet_is_refused() {
        for (reference, expected) in [
            ("A1", Some((0, 1))),
            ("b7", Some((1, 7))),
            ("XFD1048576", Some((16_383, 1_048_576))),
            ("XFE1", None),
            ("ZZZZZZZZ1", None),
            ("ZZZZZZZZZZZZZZZZZZZZ1", None),
            ("A1048577", None),
            ("A99999999999", None),
            ("A4294967297", None),
            ("A0", None),
            ("1", None),
            ("A", None),
            ("", None),
            ("A1B", None),
            ("É1", None),
        ] {
            assert_eq!(position(reference), expected, "{reference}");
        }
    }
}
