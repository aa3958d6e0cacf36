//! What people read: standard output, line by line.

use std::io::{ErrorKind, Write};

/// Writes one line. When nobody reads any more, as after `| head`, there is nobody to tell.
pub(crate) fn line(text: impl std::fmt::Display) {
    raw(format!("{text}\n").as_bytes());
}

/// Writes what somebody should know beside the output proper: to standard error.
pub(crate) fn warning(text: impl std::fmt::Display) {
    drop(writeln!(std::io::stderr().lock(), "warning: {text}"));
}

/// Writes bytes as they are.
pub(crate) fn raw(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    drop(out.write_all(bytes).and_then(|()| out.flush()));
}

/// Writes a part of a list. A list that is cut off must not pass for a whole one, so a failure is an error, except that the
/// reader of a pipe may have enough.
pub(crate) fn list_part(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(anyhow::anyhow!(
            "cannot write the list to standard output: {error}; the list is not whole, free space or write it to another file"
        )),
        _ => Ok(()),
    }
}

/// Writes rows under a header, each column as wide as its widest cell. Numbers stand to the right.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([header[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let is_number =
        |cell: &str| !cell.is_empty() && cell.chars().all(|c| c.is_ascii_digit() || ",.%".contains(c));
    let write = |cells: Vec<&str>| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(
                |(cell, width)| {
                    if is_number(cell) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
                },
            )
            .collect();
        line(padded.join("  ").trim_end());
    };
    write(header.to_vec());
    for row in rows {
        write(row.iter().map(String::as_str).collect());
    }
}

/// A number with its thousands apart.
pub(crate) fn thousands(n: impl Into<i64>) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (n, written) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"), (-1000, "-1,000")]
        {
            assert_eq!(thousands(n), written);
        }
    }
}
