//! A compact form of the client's references, so that a million of them take little memory.
//!
//! Invariant: a stored reference is read back byte by byte. A UUID takes 16 bytes if it has the canonical form. Other text of at
//! most 15 bytes is stored in place; longer text is stored in [`CompactRefs`].

use uuid::Uuid;

/// A reference in a ledger record: 17 bytes, aligned to one byte.
#[derive(Clone, Copy)]
pub(crate) enum CompactRef {
    None,
    Uuid([u8; 16]),
    Short(u8, [u8; 15]),
    Long([u8; 4]),
}

/// The references that are too long for a [`CompactRef`].
#[derive(Default)]
pub(crate) struct CompactRefs {
    texts: Vec<Box<str>>,
}

impl CompactRefs {
    pub(crate) fn store(&mut self, text: Option<&str>) -> CompactRef {
        let Some(text) = text else { return CompactRef::None };
        if let Some(bytes) = canonical_uuid(text) {
            return CompactRef::Uuid(bytes);
        }
        let mut short = [0; 15];
        if let Some(target) = short.get_mut(..text.len()) {
            target.copy_from_slice(text.as_bytes());
            return CompactRef::Short(u8::try_from(text.len()).unwrap_or(u8::MAX), short);
        }
        let index = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.texts.push(text.into());
        CompactRef::Long(index.to_le_bytes())
    }

    pub(crate) fn read(&self, compact_ref: CompactRef) -> Option<String> {
        match compact_ref {
            CompactRef::None => None,
            CompactRef::Uuid(bytes) => Some(Uuid::from_bytes(bytes).hyphenated().to_string()),
            CompactRef::Short(length, bytes) => {
                let text = bytes.get(..usize::from(length)).unwrap_or_default();
                Some(String::from_utf8_lossy(text).into_owned())
            }
            CompactRef::Long(index) => {
                let index = usize::try_from(u32::from_le_bytes(index)).unwrap_or(usize::MAX);
                self.texts.get(index).map(|text| text.clone().into_string())
            }
        }
    }
}

fn canonical_uuid(text: &str) -> Option<[u8; 16]> {
    if text.len() != 36 {
        return None;
    }
    let uuid = Uuid::try_parse(text).ok()?;
    let canonical = uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text;
    canonical.then(|| uuid.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_read_back_unchanged() {
        let mut refs = CompactRefs::default();
        let texts = [
            "",
            "c17.r000042",
            "exactly-15-long",
            "sixteen-letters!",
            "018f3c1e-7b7e-7cc0-9d0e-0d2a4b5c6d7e",
            "018F3C1E-7B7E-7CC0-9D0E-0D2A4B5C6D7E",
            "018f3c1e7b7e7cc09d0e0d2a4b5c6d7e",
            "żółć, too long for a label",
            "nul\0inside",
        ];
        for text in texts {
            let compact_ref = refs.store(Some(text));
            assert_eq!(refs.read(compact_ref).as_deref(), Some(text));
        }
        let none = refs.store(None);
        assert_eq!(refs.read(none), None);
    }

    #[test]
    fn canonical_uuids_and_short_texts_take_no_further_memory() {
        let mut refs = CompactRefs::default();
        refs.store(Some("018f3c1e-7b7e-7cc0-9d0e-0d2a4b5c6d7e"));
        refs.store(Some("c17.r000042"));
        assert!(refs.texts.is_empty());
        assert_eq!(size_of::<CompactRef>(), 17);
    }
}
