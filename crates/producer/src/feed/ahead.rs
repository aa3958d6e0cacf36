//! How much of a campaign is published ahead of the workers: the recipients in the queue and in each of its messages.

use campaign::Block;
use store::SenderFeed;

/// The time for which the queue holds recipients ahead of the workers. An urgent campaign waits this long behind another one.
const AHEAD_S: f64 = 1.0;
/// The least blocks and the most recipients that the queue holds.
const LEAST_BLOCKS: usize = 2;
const MOST: usize = 20_000;

/// How many recipients of a sender are published, and in which steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ahead {
    /// Recipients of one message: as many as a worker leases departure slots for at once.
    pub(crate) block: usize,
    /// Recipients in the queue.
    pub(crate) wanted: usize,
}

impl Ahead {
    /// For the sender's rate, as it is now.
    pub(crate) fn of(sender: &SenderFeed) -> Self {
        let Some(rate) = sender.rate else { return Self { block: Block::MOST, wanted: MOST } };
        let permits = usize::try_from(store::permits_per_lease(rate)).unwrap_or(Block::MOST);
        let block = permits.clamp(1, Block::MOST);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most MOST")]
        let of_rate = (rate.per_second() * AHEAD_S).min(20_000.0) as usize;
        Self { block, wanted: of_rate.clamp(block * LEAST_BLOCKS, MOST) }
    }

    /// The number of recipients to add to a queue that holds `held`. Zero until a quarter of the queue is used up, so that
    /// they are published in batches.
    pub(crate) fn missing(self, held: usize) -> usize {
        let missing = self.wanted.saturating_sub(held);
        if missing < self.wanted / 4 { 0 } else { missing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ahead(rate: Option<&str>) -> Ahead {
        let rate = rate.map(|rate| rate.parse().unwrap());
        Ahead::of(&SenderFeed {
            sender: campaign::SenderId(1),
            name: "ke-main".into(),
            is_open: true,
            rate,
            campaigns: Vec::new(),
        })
    }

    #[test]
    fn the_queue_holds_one_second_of_the_rate_in_blocks_of_a_tenth_of_it() {
        assert_eq!(ahead(Some("80/s")), Ahead { block: 8, wanted: 80 });
        assert_eq!(ahead(Some("1000/s")), Ahead { block: 100, wanted: 1_000 });
        assert_eq!(ahead(Some("1/s")), Ahead { block: 1, wanted: 2 });
        assert_eq!(ahead(Some("10/h")), Ahead { block: 1, wanted: 2 });
        assert_eq!(ahead(None), Ahead { block: 400, wanted: 20_000 });
        assert_eq!(ahead(Some("1000000/s")), Ahead { block: 400, wanted: 20_000 });
    }

    #[test]
    fn a_queue_that_is_nearly_full_gets_no_more_recipients() {
        let ahead = ahead(None);
        assert_eq!(ahead.missing(0), 20_000);
        assert_eq!(ahead.missing(15_000), 5_000);
        assert_eq!(ahead.missing(16_000), 0);
        assert_eq!(ahead.missing(50_000), 0);
    }
}
