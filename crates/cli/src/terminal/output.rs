//! Output on standard output, line by line.
//!
//! **Invariants.** No text of a list, a provider or a file moves the cursor, colors the screen or changes the writing
//! direction. Control characters and direction marks are written as `\u001b`, which is also their form in JSON.
//! [`warning`] and [`complain`] write to standard error.

use std::borrow::Cow;
use std::io::{IsTerminal, Stdout, Write};

pub(crate) use control::thousands;

/// Writes one line. A closed pipe, as after `| head`, is not an error.
pub(crate) fn line(text: impl std::fmt::Display) {
    raw(format!("{}\n", printable(&text.to_string())).as_bytes());
}

/// Writes a warning to standard error.
pub(crate) fn warning(text: impl std::fmt::Display) {
    complain(format!("warning: {text}\n"));
}

/// Writes to standard error, without adding a line end.
pub(crate) fn complain(text: impl std::fmt::Display) {
    let mut err = std::io::stderr().lock();
    drop(err.write_all(printable(&text.to_string()).as_bytes()).and_then(|()| err.flush()));
}

/// The text without characters that control a terminal.
fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_control) {
        return text.into();
    }
    let escaped = |sign: char| match u32::from(sign) {
        // All of them have four hexadecimal digits.
        code if is_control(sign) => format!("\\u{code:04x}"),
        _ => sign.to_string(),
    };
    text.chars().map(escaped).collect::<String>().into()
}

/// Control characters except line end and tab, line separators, and marks of the writing direction.
fn is_control(sign: char) -> bool {
    (sign.is_control() && !matches!(sign, '\n' | '\t'))
        || matches!(
            sign,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// Writes a text of several lines.
pub(crate) fn text(text: &str) {
    raw(printable(text).as_bytes());
}

/// Writes bytes that this program made unchanged.
pub(crate) fn raw(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    drop(out.write_all(bytes).and_then(|()| out.flush()));
}

/// A list on standard output: exact bytes to a file or a pipe, printable text on a terminal.
pub(crate) struct Listing<W> {
    out: W,
    is_terminal: bool,
    /// The beginning of a letter whose end was not written yet.
    rest: Vec<u8>,
}

impl Listing<Stdout> {
    /// A list on the standard output of this process.
    pub(crate) fn new() -> Self {
        let out = std::io::stdout();
        Self { is_terminal: out.is_terminal(), out, rest: Vec::new() }
    }
}

impl<W: Write> Write for Listing<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if !self.is_terminal {
            return self.out.write(bytes);
        }
        self.rest.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.rest) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => self.rest.len(),
        };
        let text: Vec<u8> = self.rest.drain(..whole).collect();
        self.out.write_all(printable(&String::from_utf8_lossy(&text)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// Writes rows under a header, each column as wide as its widest cell. Numbers are right-aligned.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) {
    // A line end in a cell would look like a new row.
    let cell = |cell: &String| printable(&cell.replace('\n', "\\u000a").replace('\t', " ")).into_owned();
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
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
    for row in &rows {
        write(row.iter().map(String::as_str).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_is_written() {
        for (text, shown) in [
            ("Anna\u{1b}[31m", "Anna\\u001b[31m"),
            ("\u{9b}2J\u{7f}\r", "\\u009b2J\\u007f\\u000d"),
            ("\u{202e}gnp.exe\u{2066}\u{200f}", "\\u202egnp.exe\\u2066\\u200f"),
            ("two\nlines\tof é 😀 ٠", "two\nlines\tof é 😀 ٠"),
        ] {
            assert_eq!(printable(text), shown);
        }
        // JSON stays valid, with the same text in it.
        let json = serde_json::json!({"name": "\u{1b}[2J\u{9b}\u{202e}\u{7f}"});
        let shown = printable(&json.to_string()).into_owned();
        assert!(!shown.chars().any(is_control), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), json);
    }

    #[test]
    fn a_list_is_exact_in_a_file_and_printable_on_a_terminal() {
        for (is_terminal, shown) in
            [(false, "José\u{1b}[2J\u{9b}\u{202e}\n"), (true, "José\\u001b[2J\\u009b\\u202e\n")]
        {
            let mut listing = Listing { out: Vec::new(), is_terminal, rest: Vec::new() };
            for byte in "José\u{1b}[2J\u{9b}\u{202e}\n".bytes() {
                listing.write_all(&[byte]).unwrap();
            }
            assert_eq!(String::from_utf8(listing.out).unwrap(), shown);
        }
    }
}
