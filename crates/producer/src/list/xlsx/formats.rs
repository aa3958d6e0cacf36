//! Which cell formats of a workbook show a number as a date, a time or a duration.

use std::collections::HashMap;
use std::io::{Read, Seek};

use quick_xml::events::Event;

use crate::error::Error;
use crate::list::xlsx::package::{ABOUT_LIMIT, Package};
use crate::list::xlsx::too_large;
use crate::list::xlsx::xml::{attribute, raw_attribute};

/// The most formats of a workbook; Excel allows 65,490.
const MOST: usize = 1_000_000;

/// The meaning of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Number,
    /// A date, a time of day, or both.
    Date,
    /// Counted hours, minutes or seconds.
    Duration,
}

/// The formats of cells, by number.
pub(crate) struct Formats(Vec<Kind>);

impl Formats {
    pub(crate) fn read<R: Read + Seek>(package: &mut Package<R>, path: &str) -> Result<Self, Error> {
        let (mut own, mut formats) = (HashMap::new(), Vec::new());
        let Some(mut xml) = package.part(path, ABOUT_LIMIT)? else { return Ok(Self(formats)) };
        // Named styles have the same element, but cells do not refer to them.
        let mut is_of_cells = false;
        loop {
            match xml.next()? {
                Event::Start(element) | Event::Empty(element) => match element.local_name().as_ref() {
                    "numFmt" => {
                        let id = raw_attribute(&element, "numFmtId").and_then(|id| id.parse::<u32>().ok());
                        let code = attribute(&element, "formatCode").unwrap_or_default();
                        own.extend(id.map(|id| (id, kind_of(&code))));
                    }
                    "cellXfs" => is_of_cells = true,
                    "xf" if is_of_cells => {
                        let id = raw_attribute(&element, "numFmtId").and_then(|id| id.parse().ok());
                        let id = id.unwrap_or(0);
                        formats.push(own.get(&id).copied().unwrap_or_else(|| built_in(id)));
                    }
                    _ => {}
                },
                Event::End(element) if element.local_name().as_ref() == "cellXfs" => is_of_cells = false,
                Event::Eof => return Ok(Self(formats)),
                _ => {}
            }
            if formats.len() > MOST {
                return Err(too_large("has more formats than Excel writes"));
            }
        }
    }

    /// The meaning of numbers in cells with this format.
    pub(crate) fn kind(&self, style: Option<usize>) -> Kind {
        style.and_then(|style| self.0.get(style).copied()).unwrap_or(Kind::Number)
    }
}

/// The meaning of the formats without a code (ECMA-376, 18.8.30). In East Asia 27 to 36 and 50 to 58 are dates.
fn built_in(id: u32) -> Kind {
    match id {
        14..=22 | 27..=36 | 45 | 47 | 50..=58 => Kind::Date,
        46 => Kind::Duration,
        _ => Kind::Number,
    }
}

/// The meaning of a format code such as `dd/mm/yy` or `[h]:mm`: its first letter that is not a literal decides.
fn kind_of(code: &str) -> Kind {
    let mut rest = code.chars();
    while let Some(sign) = rest.next() {
        match sign {
            // The next letter is shown literally, left free, or repeated.
            '\\' | '_' | '*' => drop(rest.next()),
            '"' => drop(rest.find(|sign| *sign == '"')),
            // Only the part for positive numbers counts.
            ';' => return Kind::Number,
            // A color, a condition, a language, or a counted unit.
            '[' => {
                let inside: String = rest.by_ref().take_while(|sign| *sign != ']').collect();
                let inside = inside.to_ascii_lowercase();
                let is_unit = |unit: char| !inside.is_empty() && inside.chars().all(|sign| sign == unit);
                if "hms".chars().any(is_unit) {
                    return Kind::Duration;
                }
            }
            'd' | 'm' | 'h' | 'y' | 's' | 'D' | 'M' | 'H' | 'Y' | 'S' => return Kind::Date,
            // AM or PM; in `General` neither follows the a.
            'a' | 'A' if matches!(rest.clone().next(), Some('m' | 'M' | '/')) => return Kind::Date,
            _ => {}
        }
    }
    Kind::Number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_code_gives_the_meaning_of_a_number() {
        for (kind, codes) in [
            (
                Kind::Date,
                &["DD/MM/YY", "H:MM:SS;@", "m\"M\"d\"D\";@", "[$-404]e\"x\"m\"x\"d", "*-yyyy", "h AM/PM"][..],
            ),
            (
                Kind::Duration,
                &["[h]:mm:ss", "[ss]", "[Blue]\\+[h]:mm;[Red]\\-[h]:mm", "[>=100][Magenta][s].00"],
            ),
            (
                Kind::Number,
                &[
                    "General",
                    "0",
                    "#,##0\\ [$\u{20bd}-46D]",
                    "\"Y: \"0.00\"m\";\"Y\"m",
                    "0_ ;[Red]\\-0\\ ",
                    "\\Y000000",
                    "#,##0.0####\" YMD\"",
                    "#,##0*y",
                    "[>=100][Magenta]General",
                    "#,##0.00\\ _M\"H\"_);[Red]#,##0.00\\ _M\"S\"_)",
                    "",
                    "[",
                    "\\",
                ],
            ),
        ] {
            for code in codes {
                assert_eq!(kind_of(code), kind, "{code}");
            }
        }
        assert_eq!([13, 14, 23, 46, 49, 58].map(built_in), {
            use Kind::{Date, Duration, Number};
            [Number, Date, Number, Duration, Number, Date]
        });
    }
}
