//! The lists: valid numbers spread over a whole number range, with five variables each, as in real lists.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::Path;

use campaign::{Msisdn, Variables};

/// Kenya's mobile numbers `2547xxxxxxxx`.
const FIRST_NUMBER: u64 = 254_700_000_000;
const NUMBERS: u64 = 100_000_000;
/// Has no common factor with [`NUMBERS`], so that no number occurs twice.
const STEP: u64 = 61_803_399;

const NAMES: [&str; 5] = ["Achieng", "Baraka", "Chebet", "Dalila", "Ekai"];
const TOWNS: [&str; 3] = ["Nairobi", "Kisumu", "Mombasa"];
const COLUMNS: &str = "phone,first_name,town,branch,last_visit,points";

/// The first row of measured campaigns; earlier rows are for the warm-up.
pub(crate) const MEASURED: u32 = 10_000;

/// Writes a list of these rows.
pub(crate) fn write(path: &Path, rows: Range<u32>) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    writeln!(out, "{COLUMNS}")?;
    for index in rows {
        let cells = cells(index).map(|(_, cell)| cell).join(",");
        writeln!(out, "+{},{cells}", number(index))?;
    }
    out.flush()
}

/// One row as the import has it after parsing.
pub(crate) fn row(index: u32) -> Option<(Msisdn, Variables)> {
    let mut variables = Variables::default();
    for (name, cell) in cells(index) {
        variables.0.insert(name.to_owned(), cell);
    }
    Some((Msisdn::from_digits(number(index))?, variables))
}

/// The digits of the number of a row.
pub(crate) fn number(index: u32) -> u64 {
    FIRST_NUMBER + u64::from(index) * STEP % NUMBERS
}

fn cells(index: u32) -> [(&'static str, String); 5] {
    let pick = |words: &[&str]| {
        let all = u32::try_from(words.len()).unwrap_or(1);
        words.get(usize::try_from(index % all).unwrap_or(0)).copied().unwrap_or_default().to_owned()
    };
    [
        ("first_name", pick(&NAMES)),
        ("town", pick(&TOWNS)),
        ("branch", format!("KE-{:04}", index % 317)),
        ("last_visit", format!("2026-{:02}-{:02}", index % 12 + 1, index % 28 + 1)),
        ("points", (index % 9973).to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_valid_number_that_occurs_once() {
        let numbers: std::collections::BTreeSet<u64> = (0..20_000).map(number).collect();
        assert_eq!(numbers.len(), 20_000);
        for digits in numbers.iter().step_by(97) {
            let parsed = Msisdn::parse(&format!("+{digits}"), None).unwrap();
            assert_eq!(parsed.digits(), *digits);
        }
    }

    #[test]
    fn the_written_list_has_a_header_and_the_same_rows() {
        let file = tempfile::NamedTempFile::new().unwrap();
        write(file.path(), 5..7).unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        let (msisdn, variables) = row(6).unwrap();
        assert!(lines[2].starts_with(&format!("+{msisdn},{}", variables.0["first_name"])), "{}", lines[2]);
    }
}
