//! Unifies line ends: `\n`, `\r\n` and `\r`, also mixed, become `\n`, and the last line gets one too.

use std::io::{Read, Result};

/// Text with `\n` at the end of every line.
pub(crate) struct Lines<R> {
    text: R,
    /// Whether the byte before was a `\r`, for which a `\n` was returned already.
    after_return: bool,
    /// Whether the last line has an end, or there is no line.
    is_ended: bool,
}

impl<R: Read> Lines<R> {
    /// A reader of any text in UTF-8.
    pub(crate) fn new(text: R) -> Self {
        Self { text, after_return: false, is_ended: true }
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        loop {
            let read = self.text.read(out)?;
            if read == 0 {
                if self.is_ended || out.is_empty() {
                    return Ok(0);
                }
                self.is_ended = true;
                out.fill(b'\n');
                return Ok(1);
            }
            let kept = unify(out.get_mut(..read).unwrap_or_default(), &mut self.after_return);
            if let Some(last) = kept.checked_sub(1).and_then(|last| out.get(last)) {
                self.is_ended = *last == b'\n';
                return Ok(kept);
            }
        }
    }
}

/// Unifies the line ends in place, and returns the number of bytes left.
fn unify(bytes: &mut [u8], after_return: &mut bool) -> usize {
    if !*after_return && memchr::memchr(b'\r', bytes).is_none() {
        return bytes.len();
    }
    let mut kept = 0;
    for index in 0..bytes.len() {
        let byte = bytes[index];
        let is_second_half = byte == b'\n' && *after_return;
        *after_return = byte == b'\r';
        if !is_second_half {
            bytes[kept] = if byte == b'\r' { b'\n' } else { byte };
            kept += 1;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_end_is_unified_wherever_blocks_end() {
        for (text, lines) in [
            ("a\r\nb\rc\nd", "a\nb\nc\nd\n"),
            ("", ""),
            ("\r\n\r\n", "\n\n"),
            ("a\r", "a\n"),
            ("a\n\r\nb", "a\n\nb\n"),
        ] {
            for block in 1..6 {
                let mut reader = Lines::new(text.as_bytes());
                let (mut found, mut buffer) = (Vec::new(), vec![0; block]);
                loop {
                    let read = reader.read(&mut buffer).unwrap();
                    if read == 0 {
                        break;
                    }
                    found.extend_from_slice(&buffer[..read]);
                }
                assert_eq!(String::from_utf8(found).unwrap(), lines, "{text:?} in blocks of {block}");
            }
        }
    }
}
