//! The client's own references, small enough that a million of them are cheap.
//!
//! Invariant: what went in comes out letter by letter. A UUID takes 16 bytes only if it is written the canonical way; other
//! text takes at most 15 bytes in place, and longer text lies in the [`Attic`].

use uuid::Uuid;

/// A reference as a ledger record holds it: 17 bytes, aligned to one.
#[derive(Clone, Copy)]
pub(crate) enum Label {
    None,
    Uuid([u8; 16]),
    Short(u8, [u8; 15]),
    Long([u8; 4]),
}

/// The texts that are too long for a label.
#[derive(Default)]
pub(crate) struct Attic {
    texts: Vec<Box<str>>,
}

impl Attic {
    pub(crate) fn store(&mut self, text: Option<&str>) -> Label {
        let Some(text) = text else { return Label::None };
        if let Some(bytes) = canonical_uuid(text) {
            return Label::Uuid(bytes);
        }
        let mut short = [0; 15];
        if let Some(place) = short.get_mut(..text.len()) {
            place.copy_from_slice(text.as_bytes());
            return Label::Short(u8::try_from(text.len()).unwrap_or(u8::MAX), short);
        }
        let index = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.texts.push(text.into());
        Label::Long(index.to_le_bytes())
    }

    pub(crate) fn read(&self, label: Label) -> Option<String> {
        match label {
            Label::None => None,
            Label::Uuid(bytes) => Some(Uuid::from_bytes(bytes).hyphenated().to_string()),
            Label::Short(length, bytes) => {
                let text = bytes.get(..usize::from(length)).unwrap_or_default();
                Some(String::from_utf8_lossy(text).into_owned())
            }
            Label::Long(index) => {
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
    fn every_text_comes_back_as_it_went_in() {
        let mut attic = Attic::default();
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
            let label = attic.store(Some(text));
            assert_eq!(attic.read(label).as_deref(), Some(text));
        }
        let none = attic.store(None);
        assert_eq!(attic.read(none), None);
    }

    #[test]
    fn canonical_uuids_and_short_texts_take_no_room_beside_the_label() {
        let mut attic = Attic::default();
        attic.store(Some("018f3c1e-7b7e-7cc0-9d0e-0d2a4b5c6d7e"));
        attic.store(Some("c17.r000042"));
        assert!(attic.texts.is_empty());
        assert_eq!(size_of::<Label>(), 17);
    }
}
