//! Divides the recipients to publish among a sender's running campaigns by weight.

/// What one campaign can publish now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claimant {
    /// The campaign's weight.
    pub(crate) weight: u16,
    /// The number of recipients left to publish.
    pub(crate) left: usize,
}

/// Divides `available` recipients by weight; what one campaign does not need goes to the others. Every campaign with
/// recipients left gets at least one if there are enough, so a small campaign never waits behind a large one.
pub(crate) fn share(mut available: usize, claimants: &[Claimant]) -> Vec<usize> {
    let mut shares = vec![0; claimants.len()];
    loop {
        let unfilled: Vec<usize> =
            (0..claimants.len()).filter(|index| shares[*index] < claimants[*index].left).collect();
        let weights: usize = unfilled.iter().map(|index| usize::from(claimants[*index].weight)).sum();
        if available == 0 || unfilled.is_empty() {
            return shares;
        }
        let round = available;
        for index in unfilled {
            let fair = (round * usize::from(claimants[index].weight) / weights.max(1)).max(1);
            let more = fair.min(claimants[index].left - shares[index]).min(available);
            shares[index] += more;
            available -= more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(available: usize, claimants: &[(u16, usize)]) -> Vec<usize> {
        let claimants: Vec<Claimant> =
            claimants.iter().map(|(weight, left)| Claimant { weight: *weight, left: *left }).collect();
        share(available, &claimants)
    }

    #[test]
    fn ids_are_shared_by_weight() {
        assert_eq!(shares(100, &[(1, 1000), (3, 1000)]), [25, 75]);
    }

    #[test]
    fn ids_that_one_campaign_does_not_need_go_to_the_others() {
        assert_eq!(shares(100, &[(1, 10), (1, 1000)]), [10, 90]);
        assert_eq!(shares(100, &[(1, 10), (1, 20)]), [10, 20]);
    }

    #[test]
    fn a_small_campaign_never_waits_behind_a_large_one() {
        assert_eq!(shares(3, &[(1000, 1_000_000), (1, 5)]), [2, 1]);
    }

    #[test]
    fn without_ids_or_campaigns_nothing_is_shared() {
        assert_eq!(shares(0, &[(1, 5)]), [0]);
        assert!(shares(10, &[]).is_empty());
    }
}
