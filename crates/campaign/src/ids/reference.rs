//! The reference that a message carries and that identifies its recipient.
//!
//! The reference is the flow token, Kaleyra's `ref`, and the key by which receipts are matched. It is campaign id and
//! `seq`, encrypted as one AES-128 block and written as a UUID. Without the key it can neither be read nor forged.
//! Matching needs no column and no index (docs/adr/0004).

use std::fmt;

use aes::Aes128;
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use uuid::Uuid;

use crate::ids::id::{CampaignId, Seq};

/// The installation's key for references: 16 random bytes, created by the first migration. `Debug` does not show it.
#[derive(Clone)]
pub struct ReferenceKey(Aes128);

impl ReferenceKey {
    /// Makes a key from the installation's 16 bytes.
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(Aes128::new(&bytes.into()))
    }

    /// The reference of this recipient; all attempts have the same one.
    pub fn seal(&self, campaign: CampaignId, seq: Seq) -> Reference {
        let mut block = [0; 16];
        let (head, tail) = block.split_at_mut(8);
        head.copy_from_slice(&campaign.0.to_be_bytes());
        tail.copy_from_slice(&u64::from(seq.0.cast_unsigned()).to_be_bytes());
        let mut block = block.into();
        self.0.encrypt_block(&mut block);
        Reference(Uuid::from_bytes(block.into()))
    }

    /// A reference for a test message of this campaign. It has the usual form but identifies no recipient. `random`
    /// makes references of different tests differ.
    pub fn seal_test(&self, campaign: CampaignId, random: u32) -> Reference {
        // A `seq` is never below 1, and `open` refuses such values.
        self.seal(campaign, Seq(i32::MIN | (random & 0x7fff_ffff).cast_signed()))
    }

    /// The recipient of this reference, or `None` if this installation did not make it.
    pub fn open(&self, reference: Reference) -> Option<(CampaignId, Seq)> {
        let mut block = reference.0.into_bytes().into();
        self.0.decrypt_block(&mut block);
        let plain = u128::from_be_bytes(block.into());
        let campaign = i64::try_from(plain >> 64).ok().filter(|id| *id > 0)?;
        let place = u64::try_from(plain & u128::from(u64::MAX)).ok()?;
        let seq = i32::try_from(place).ok().filter(|seq| *seq > 0)?;
        Some((CampaignId(campaign), Seq(seq)))
    }
}

impl fmt::Debug for ReferenceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReferenceKey(…)")
    }
}

/// An unguessable reference to one recipient of one campaign. `Display` writes it in the form that providers get.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reference(Uuid);

impl Reference {
    /// Parses a reference that a provider returned; `None` if the form is wrong.
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::parse_str(text).ok().map(Self)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reference(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_reference_identifies_its_recipient(campaign in 1..i64::MAX, seq in 1..i32::MAX, key: [u8; 16]) {
            let key = ReferenceKey::new(key);
            let reference = Reference::parse(&key.seal(CampaignId(campaign), Seq(seq)).to_string()).unwrap();
            prop_assert_eq!(key.open(reference), Some((CampaignId(campaign), Seq(seq))));
        }

        #[test]
        fn the_reference_of_a_test_identifies_no_recipient(campaign in 1..i64::MAX, random: u32, other: u32) {
            let key = ReferenceKey::new([7; 16]);
            let of_test = |random| key.seal_test(CampaignId(campaign), random);
            prop_assert_eq!(key.open(of_test(random)), None);
            prop_assert_eq!(of_test(random) == of_test(other), random << 1 == other << 1);
        }

        #[test]
        fn a_forged_reference_identifies_no_recipient(forged: u128, key: [u8; 16]) {
            let reference = Reference::parse(&Uuid::from_u128(forged).to_string()).unwrap();
            prop_assert_eq!(ReferenceKey::new(key).open(reference), None);
        }
    }

    #[test]
    fn another_installation_cannot_read_it() {
        let reference = ReferenceKey::new([1; 16]).seal(CampaignId(7), Seq(42));
        assert_eq!(ReferenceKey::new([2; 16]).open(reference), None);
        assert_eq!(format!("{reference:?}"), "Reference(…)");
    }
}
