//! Encodings older than the web, which a browser's guess takes for Windows-1252: Mac Roman, and the code pages of
//! MS-DOS. Excel still writes them as 'CSV (Macintosh)' and 'CSV (MS-DOS)'.
//!
//! **Invariants.** A byte is evidence only next to an ASCII letter, as the accented letters of names are. An encoding
//! is suspected if it gives more letters that fit into their words than Windows-1252 does.

/// A suspected encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Legacy {
    MacRoman,
    MsDos,
}

/// The kind of character that a byte has in an encoding.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Lower,
    Upper,
    /// Begins a quotation.
    Opening,
    /// Ends a quotation, a word or a sentence.
    Closing,
    /// Stands between words, and sometimes between letters.
    Between,
    Other,
}

/// How often the characters of each encoding fit.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    before: u8,
    current: u8,
    windows: u64,
    mac: u64,
    dos: u64,
}

impl Evidence {
    /// Counts the next block.
    pub(crate) fn look(&mut self, block: &[u8]) {
        if let [.., before, current] = block
            && self.current.is_ascii()
            && block.is_ascii()
        {
            (self.before, self.current) = (*before, *current);
            return;
        }
        for byte in block {
            self.take(*byte);
        }
    }

    /// The encoding that fits better than Windows-1252, after the last block.
    pub(crate) fn suspect(&mut self) -> Option<Legacy> {
        self.take(b'\n');
        match self.mac.max(self.dos) {
            best if best <= self.windows => None,
            best if best == self.mac => Some(Legacy::MacRoman),
            _ => Some(Legacy::MsDos),
        }
    }

    fn take(&mut self, after: u8) {
        let (before, byte) = (self.before, self.current);
        (self.before, self.current) = (byte, after);
        if byte.is_ascii() || !(before.is_ascii_alphabetic() || after.is_ascii_alphabetic()) {
            return;
        }
        self.windows += u64::from(fits(windows(byte), before, after));
        self.mac += u64::from(fits(mac(byte), before, after));
        self.dos += u64::from(fits(dos(byte), before, after));
    }
}

/// Whether a character of this kind may stand between these bytes.
fn fits(sign: Sign, before: u8, after: u8) -> bool {
    match sign {
        // Not within a word in capitals.
        Sign::Lower => !after.is_ascii_uppercase(),
        // At the beginning of a word, or in a word in capitals.
        Sign::Upper => {
            !(before.is_ascii_lowercase() || before.is_ascii_uppercase() && after.is_ascii_lowercase())
        }
        Sign::Opening => !before.is_ascii_alphabetic(),
        Sign::Closing => !after.is_ascii_alphabetic(),
        Sign::Between => !(before.is_ascii_lowercase() && after.is_ascii_lowercase()),
        Sign::Other => false,
    }
}

fn windows(byte: u8) -> Sign {
    match byte {
        0xdf..=0xf6 | 0xf8.. | 0x9a | 0x9c | 0x9e => Sign::Lower,
        0xc0..=0xd6 | 0xd8..=0xde | 0x8a | 0x8c | 0x8e | 0x9f => Sign::Upper,
        0x82 | 0x84 | 0x8b | 0x91 | 0x93 | 0x95 | 0xa1 | 0xab | 0xbf => Sign::Opening,
        0x80 | 0x85 | 0x94 | 0x99 | 0x9b | 0xa0 | 0xa9 | 0xaa | 0xae | 0xb0 | 0xb2 | 0xb3 | 0xb9..=0xbb => {
            Sign::Closing
        }
        // The apostrophe of O’Brien, and dashes.
        0x92 | 0x96 | 0x97 | 0xad | 0xb4 | 0xb7 => Sign::Between,
        _ => Sign::Other,
    }
}

fn mac(byte: u8) -> Sign {
    match byte {
        // In Windows-1252 this is the apostrophe of Ng’ang’a, which is no evidence.
        0x92 => Sign::Other,
        0x87..=0x9f | 0xa7 | 0xbe | 0xbf | 0xcf | 0xd8 => Sign::Lower,
        0x80..=0x86 | 0xae | 0xaf | 0xcb..=0xce | 0xd9 | 0xe5..=0xef | 0xf1..=0xf4 => Sign::Upper,
        _ => Sign::Other,
    }
}

fn dos(byte: u8) -> Sign {
    match byte {
        0x81..=0x8d | 0x91 | 0x93..=0x98 | 0x9b | 0xa0..=0xa4 | 0xc6 | 0xe1 | 0xe4 | 0xec => Sign::Lower,
        0x80
        | 0x8e..=0x90
        | 0x99
        | 0x9a
        | 0x9d
        | 0xa5
        | 0xb5..=0xb7
        | 0xc7
        | 0xd2..=0xd4
        | 0xd6..=0xd8
        | 0xde
        | 0xe0
        | 0xe2
        | 0xe3
        | 0xe5
        | 0xe9..=0xeb
        | 0xed => Sign::Upper,
        _ => Sign::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suspect(text: &[u8]) -> Option<Legacy> {
        let found = [1, 2, 7, 1000].map(|block| {
            let mut evidence = Evidence::default();
            text.chunks(block).for_each(|block| evidence.look(block));
            evidence.suspect()
        });
        assert!(found.iter().all(|other| *other == found[0]), "{found:?}");
        found[0]
    }

    #[test]
    fn names_in_an_old_encoding_are_not_read_as_windows_1252() {
        let mac: [&[u8]; 7] = [
            b"Jos\x8e",
            b"M\x9fller",
            b"Mu\x96oz",
            b"Garc\x92a P\x8erez",
            b"\x80rger",
            b"Fran\x8dois",
            b"JOS\x83",
        ];
        let dos: [&[u8]; 6] = [
            b"Jos\x82",
            b"M\x81ller",
            b"Mu\xa4oz",
            b"Garc\xa1a P\x82rez",
            b"JOS\x90 PE\xa5A",
            b"Fran\x87ois Andr\x82",
        ];
        for name in mac {
            assert_eq!(suspect(name), Some(Legacy::MacRoman), "{name:x?}");
        }
        for name in dos {
            assert_eq!(suspect(name), Some(Legacy::MsDos), "{name:x?}");
        }
        assert_eq!(suspect(b"Ann,Ben\nCy,Dan\n"), None);
    }

    #[test]
    fn names_in_windows_1252_are_not_suspected() {
        for text in [
            "José Müller",
            "JOSÉ MÜLLER",
            "O’Brien D’Angelo N’dour Côte d’Ivoire",
            "Ng’ang’a Nyong’o Sa’id",
            "“Big” Ben, ‘Cy’ – Dan’s €5 Brand™ wait…",
            "Šimon Žiga Œuvre cœur",
            "Bar“Big”",
            "Århus–Ægir, ¿Qué?",
            "Peña, Élodie, Çelik, Straße 5²",
        ] {
            assert_eq!(suspect(&encoding_rs::WINDOWS_1252.encode(text).0), None, "{text}");
        }
    }
}
