//! The reference that travels with a message and leads back to its recipient.
//!
//! It is the flow token, Kaleyra's `ref`, and what every receipt is matched by. It is one AES-128 block over campaign
//! and place, written as a UUID: nobody without the key can read it or make another one, and no column or index is
//! needed to look it up (docs/adr/0004).

use std::fmt;

use aes::Aes128;
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use uuid::Uuid;

use crate::ids::id::{CampaignId, Seq};

/// The installation's key for references, 16 random bytes made by the first migration. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct ReferenceKey(Aes128);

impl ReferenceKey {
    /// Takes the installation's 16 bytes.
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(Aes128::new(&bytes.into()))
    }

    /// The reference of this recipient; the same for every attempt.
    pub fn seal(&self, campaign: CampaignId, seq: Seq) -> Reference {
        let mut block = [0; 16];
        let (head, tail) = block.split_at_mut(8);
        head.copy_from_slice(&campaign.0.to_be_bytes());
        tail.copy_from_slice(&u64::from(seq.0.cast_unsigned()).to_be_bytes());
        let mut block = block.into();
        self.0.encrypt_block(&mut block);
        Reference(Uuid::from_bytes(block.into()))
    }

    /// A reference for a test message of this campaign: of the form of all others, it leads to nobody. `random` makes it
    /// differ from that of any other test.
    pub fn seal_test(&self, campaign: CampaignId, random: u32) -> Reference {
        // No recipient has a place below 1, and `open` takes none.
        self.seal(campaign, Seq(i32::MIN | (random & 0x7fff_ffff).cast_signed()))
    }

    /// The recipient this reference leads to, or `None` when it is not one of ours.
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

/// An unguessable reference to one recipient of one campaign. `Display` writes it as the provider gets it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reference(Uuid);

impl Reference {
    /// Reads a reference that came back from a provider; `None` when it has not its form.
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
        fn a_reference_leads_back_to_its_recipient(campaign in 1..i64::MAX, seq in 1..i32::MAX, key: [u8; 16]) {
            let key = ReferenceKey::new(key);
            let reference = Reference::parse(&key.seal(CampaignId(campaign), Seq(seq)).to_string()).unwrap();
            prop_assert_eq!(key.open(reference), Some((CampaignId(campaign), Seq(seq))));
        }

        #[test]
        fn the_reference_of_a_test_leads_to_nobody(campaign in 1..i64::MAX, random: u32, other: u32) {
            let key = ReferenceKey::new([7; 16]);
            let of_test = |random| key.seal_test(CampaignId(campaign), random);
            prop_assert_eq!(key.open(of_test(random)), None);
            prop_assert_eq!(of_test(random) == of_test(other), random << 1 == other << 1);
        }

        #[test]
        fn a_made_up_reference_leads_nowhere(made_up: u128, key: [u8; 16]) {
            let reference = Reference::parse(&Uuid::from_u128(made_up).to_string()).unwrap();
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
