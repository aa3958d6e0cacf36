//! Output on standard output, line by line, and tables in Markdown, so that documents can use them.

use std::io::Write;

/// Writes one line. A closed pipe is not an error.
pub(crate) fn line(text: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{text}").and_then(|()| out.flush()));
}

/// Writes an error to standard error.
pub(crate) fn complain(text: impl std::fmt::Display) {
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// Writes rows under a header; all columns except the first are right-aligned.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) {
    let header: Vec<String> = header.iter().map(ToString::to_string).collect();
    let width = |column: usize| {
        let cells = rows.iter().chain([&header]).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let write = |row: &[String]| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if column == 0 { format!(" {cell:<width$} ") } else { format!(" {cell:>width$} ") }
        });
        line(format!("|{}|", cells.collect::<Vec<_>>().join("|")));
    };
    write(&header);
    let rules = widths.iter().enumerate().map(|(column, width)| {
        if column == 0 { "-".repeat(width + 2) } else { format!("{}:", "-".repeat(width + 1)) }
    });
    line(format!("|{}|", rules.collect::<Vec<_>>().join("|")));
    for row in rows {
        write(row);
    }
}

/// A number with thousands separators; small numbers have one decimal.
pub(crate) fn number(value: f64) -> String {
    if value.abs() < 99.95 { format!("{value:.1}") } else { apart(&format!("{value:.0}")) }
}

/// A whole number with thousands separators.
pub(crate) fn thousands(value: u32) -> String {
    apart(&value.to_string())
}

fn apart(digits: &str) -> String {
    let mut written = String::new();
    for (index, digit) in digits.chars().enumerate() {
        let left = digits.len() - index;
        if left.is_multiple_of(3) && index > 0 && !written.ends_with('-') {
            written.push(',');
        }
        written.push(digit);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_exact_as_they_need_to_be() {
        for (value, written) in
            [(0.04, "0.0"), (33.37, "33.4"), (99.96, "100"), (1234.5, "1,234"), (-4321.0, "-4,321")]
        {
            assert_eq!(number(value), written);
        }
        assert_eq!(thousands(1_000_000), "1,000,000");
    }
}
