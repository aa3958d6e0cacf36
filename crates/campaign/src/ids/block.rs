//! The queue message: a block of recipients of one campaign that may be due, and nothing else.
//!
//! To lose, duplicate or delay a block is harmless: PostgreSQL decides which of its recipients are claimed (ADR 17). Version 1 of the
//! message named one recipient. It is still read, so that messages of an earlier build are not lost in an upgrade.

use std::ops::RangeInclusive;

use serde::Deserialize;

use crate::ids::id::{CampaignId, Seq};

/// The version of the messages that this program writes.
const VERSION: u32 = 2;

/// One message of a sender's queue: "claim these recipients, if they are due". It has at least one recipient and at most
/// [`Block::MOST`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    campaign: CampaignId,
    recipients: Recipients,
}

/// The recipients of a block, by their positions in the campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Recipients {
    /// All positions from the first to the last one.
    Range(RangeInclusive<i32>),
    /// Single positions, in any order.
    List(Vec<Seq>),
}

/// A queue message that is not a valid block.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// Not the JSON of a block.
    #[error("the queue message is not a block of recipients")]
    Undecodable(#[source] serde_json::Error),
    /// No recipients, or more than [`Block::MOST`].
    #[error("the queue message names {0} recipients; a block has 1 to {most}", most = Block::MOST)]
    Size(i64),
    /// A block of a version that this program does not know.
    #[error("the queue message has version {0}, this program reads versions 1 and {VERSION}; update it")]
    Version(u32),
}

#[derive(Deserialize)]
struct AnyVersion {
    v: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneRecipient {
    #[serde(rename = "v")]
    _version: u32,
    campaign: CampaignId,
    seq: Seq,
}

/// Version 2: either `first` and `last`, or `seqs`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(rename = "v")]
    _version: u32,
    campaign: CampaignId,
    first: Option<i32>,
    last: Option<i32>,
    seqs: Option<Vec<Seq>>,
}

impl Block {
    /// The most recipients of a block. A block of scattered positions then has less than 5 KiB.
    pub const MOST: usize = 400;

    /// One recipient.
    pub fn one(campaign: CampaignId, seq: Seq) -> Self {
        Self { campaign, recipients: Recipients::Range(seq.0..=seq.0) }
    }

    /// Blocks of all positions after `after` up to `last`, each of `size` recipients; the last one may have fewer.
    pub fn of_range(campaign: CampaignId, (after, last): (i32, i32), size: usize) -> Vec<Self> {
        let size = i32::try_from(size.clamp(1, Self::MOST)).unwrap_or(1);
        let mut blocks = Vec::new();
        let mut before = after;
        while before < last {
            let end = before.saturating_add(size).min(last);
            blocks.push(Self { campaign, recipients: Recipients::Range(before + 1..=end) });
            before = end;
        }
        blocks
    }

    /// Blocks of these positions, each of `size` recipients; the last one may have fewer.
    pub fn of_list(campaign: CampaignId, seqs: &[Seq], size: usize) -> Vec<Self> {
        seqs.chunks(size.clamp(1, Self::MOST)).filter_map(|seqs| Self::of_chunk(campaign, seqs)).collect()
    }

    /// A range if the positions follow each other, otherwise a list. `None` without positions.
    fn of_chunk(campaign: CampaignId, seqs: &[Seq]) -> Option<Self> {
        let (first, last) = (seqs.first()?, seqs.last()?);
        let is_range =
            seqs.windows(2).all(|pair| matches!(pair, [one, next] if one.0.checked_add(1) == Some(next.0)));
        let recipients =
            if is_range { Recipients::Range(first.0..=last.0) } else { Recipients::List(seqs.to_vec()) };
        Some(Self { campaign, recipients })
    }

    /// The campaign.
    pub fn campaign(&self) -> CampaignId {
        self.campaign
    }

    /// The number of recipients.
    #[expect(clippy::len_without_is_empty, reason = "a block has at least one recipient")]
    pub fn len(&self) -> usize {
        match &self.recipients {
            Recipients::Range(range) => length(range),
            Recipients::List(seqs) => seqs.len(),
        }
    }

    /// The positions of the recipients in the campaign.
    pub fn seqs(&self) -> Vec<Seq> {
        match &self.recipients {
            Recipients::Range(range) => range.clone().map(Seq).collect(),
            Recipients::List(seqs) => seqs.clone(),
        }
    }

    /// The bytes of the queue message.
    pub fn encode(&self) -> Vec<u8> {
        match &self.recipients {
            Recipients::Range(range) => {
                let (campaign, first, last) = (self.campaign, range.start(), range.end());
                format!(r#"{{"v":{VERSION},"campaign":{campaign},"first":{first},"last":{last}}}"#)
                    .into_bytes()
            }
            Recipients::List(seqs) => {
                let seqs: Vec<String> = seqs.iter().map(ToString::to_string).collect();
                format!(r#"{{"v":{VERSION},"campaign":{},"seqs":[{}]}}"#, self.campaign, seqs.join(","))
                    .into_bytes()
            }
        }
    }

    /// Parses the bytes of a queue message.
    pub fn decode(body: &[u8]) -> Result<Self, BlockError> {
        let AnyVersion { v } = serde_json::from_slice(body).map_err(BlockError::Undecodable)?;
        let (campaign, recipients) = match v {
            1 => read_one(body),
            VERSION => read_block(body),
            other => return Err(BlockError::Version(other)),
        }
        .map_err(BlockError::Undecodable)?;
        let size = match &recipients {
            Recipients::Range(range) => i64::from(*range.end()) - i64::from(*range.start()) + 1,
            Recipients::List(seqs) => i64::try_from(seqs.len()).unwrap_or(i64::MAX),
        };
        let block = Self { campaign, recipients };
        let is_valid = usize::try_from(size).is_ok_and(|size| (1..=Self::MOST).contains(&size));
        if is_valid { Ok(block) } else { Err(BlockError::Size(size)) }
    }
}

fn read_one(body: &[u8]) -> Result<(CampaignId, Recipients), serde_json::Error> {
    let OneRecipient { campaign, seq, .. } = serde_json::from_slice(body)?;
    Ok((campaign, Recipients::Range(seq.0..=seq.0)))
}

fn read_block(body: &[u8]) -> Result<(CampaignId, Recipients), serde_json::Error> {
    let Wire { campaign, first, last, seqs, .. } = serde_json::from_slice(body)?;
    match (first, last, seqs) {
        (Some(first), Some(last), None) => Ok((campaign, Recipients::Range(first..=last))),
        (None, None, Some(seqs)) => Ok((campaign, Recipients::List(seqs))),
        _ => Err(serde::de::Error::custom("a block has either first and last, or seqs")),
    }
}

fn length(range: &RangeInclusive<i32>) -> usize {
    let length = i64::from(*range.end()) - i64::from(*range.start()) + 1;
    usize::try_from(length).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CAMPAIGN: CampaignId = CampaignId(7);

    fn text(block: &Block) -> String {
        String::from_utf8(block.encode()).unwrap()
    }

    proptest! {
        #[test]
        fn a_list_is_cut_into_blocks_that_are_read_back(
            campaign: i64, seqs in prop::collection::vec(any::<i32>(), 1..1_000), size in 1..500_usize,
        ) {
            let seqs: Vec<Seq> = seqs.into_iter().map(Seq).collect();
            let blocks = Block::of_list(CampaignId(campaign), &seqs, size);
            let read: Vec<Block> = blocks.iter().map(|block| Block::decode(&block.encode()).unwrap()).collect();
            prop_assert_eq!(&read, &blocks);
            prop_assert_eq!(blocks.iter().flat_map(Block::seqs).collect::<Vec<_>>(), seqs);
            prop_assert!(blocks.iter().all(|block| block.len() <= size.min(Block::MOST) && block.len() == block.seqs().len()));
            prop_assert!(blocks.iter().all(|block| block.encode().len() < 5 * 1_024));
        }

        #[test]
        fn a_range_is_cut_into_short_messages(after in 0..i32::MAX - 10_000, n in 1..10_000, size in 1..500_usize) {
            let blocks = Block::of_range(CAMPAIGN, (after, after + n), size);
            let all: Vec<i32> = blocks.iter().flat_map(Block::seqs).map(|seq| seq.0).collect();
            prop_assert_eq!(all, (after + 1..=after + n).collect::<Vec<_>>());
            prop_assert!(blocks.iter().all(|block| block.encode().len() < 100 && block.len() <= size));
        }

        #[test]
        fn garbage_is_refused_without_a_panic(body: Vec<u8>) {
            prop_assert!(Block::decode(&body).is_err());
        }

        #[test]
        fn any_range_is_refused_or_has_its_recipients(first: i32, last: i32) {
            let body = format!(r#"{{"v":2,"campaign":1,"first":{first},"last":{last}}}"#);
            match Block::decode(body.as_bytes()) {
                Ok(block) => prop_assert_eq!(i64::try_from(block.seqs().len()).unwrap(), i64::from(last) - i64::from(first) + 1),
                Err(error) => prop_assert!(matches!(error, BlockError::Size(_))),
            }
        }
    }

    #[test]
    fn positions_that_follow_each_other_are_written_as_a_range() {
        let seqs = [4, 5, 6, 9, 8].map(Seq);
        let blocks = Block::of_list(CAMPAIGN, &seqs, 3);
        let texts: Vec<String> = blocks.iter().map(text).collect();
        assert_eq!(
            texts,
            [r#"{"v":2,"campaign":7,"first":4,"last":6}"#, r#"{"v":2,"campaign":7,"seqs":[9,8]}"#]
        );
        assert_eq!(text(&Block::one(CAMPAIGN, Seq(1))), r#"{"v":2,"campaign":7,"first":1,"last":1}"#);
        assert!(
            Block::of_list(CAMPAIGN, &[], 3).is_empty() && Block::of_range(CAMPAIGN, (5, 5), 3).is_empty()
        );
    }

    #[test]
    fn a_message_of_version_1_names_one_recipient() {
        let block = Block::decode(br#"{"v":1,"campaign":7,"seq":42}"#).unwrap();
        assert_eq!(block, Block::one(CAMPAIGN, Seq(42)));
    }

    #[test]
    fn another_version_is_named_whatever_it_contains() {
        for body in [&br#"{"v":3,"campaign":1,"first":1,"last":2}"#[..], br#"{"v":3,"blocks":[[1,2]]}"#] {
            assert!(matches!(Block::decode(body).unwrap_err(), BlockError::Version(3)));
        }
    }

    #[test]
    fn a_block_without_recipients_or_with_too_many_or_more_fields_is_refused() {
        for body in [
            r#"{"v":2,"campaign":1,"seqs":[]}"#,
            r#"{"v":2,"campaign":1,"first":2,"last":1}"#,
            r#"{"v":2,"campaign":1,"first":1,"last":401}"#,
            r#"{"v":2,"campaign":1,"first":-2147483648,"last":2147483647}"#,
        ] {
            assert!(matches!(Block::decode(body.as_bytes()).unwrap_err(), BlockError::Size(_)), "{body}");
        }
        for body in [
            r#"{"v":2,"campaign":1,"first":1}"#,
            r#"{"v":2,"campaign":1,"first":1,"last":2,"to":"254712345678"}"#,
            r#"{"v":2,"campaign":1,"seqs":[1],"first":1,"last":2}"#,
            r#"{"v":1,"campaign":1,"seq":1,"to":"254712345678"}"#,
            r#"{"v":2,"campaign":1,"seq":1}"#,
        ] {
            assert!(
                matches!(Block::decode(body.as_bytes()).unwrap_err(), BlockError::Undecodable(_)),
                "{body}"
            );
        }
    }
}
