//! Sharing a sender's rate among its running campaigns by weight.

/// What one campaign may publish now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claimant {
    /// Its weight.
    pub(crate) weight: u16,
    /// How many it has left to publish.
    pub(crate) left: usize,
}

/// Shares `room` places by weight; what one campaign does not need goes to the others. Nobody with something left and
/// room for at least one each goes empty, so a small campaign never waits behind a large one.
pub(crate) fn share(mut room: usize, claimants: &[Claimant]) -> Vec<usize> {
    let mut shares = vec![0; claimants.len()];
    loop {
        let hungry: Vec<usize> =
            (0..claimants.len()).filter(|index| shares[*index] < claimants[*index].left).collect();
        let weights: usize = hungry.iter().map(|index| usize::from(claimants[*index].weight)).sum();
        if room == 0 || hungry.is_empty() {
            return shares;
        }
        let round = room;
        for index in hungry {
            let fair = (round * usize::from(claimants[index].weight) / weights.max(1)).max(1);
            let more = fair.min(claimants[index].left - shares[index]).min(room);
            shares[index] += more;
            room -= more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(room: usize, claimants: &[(u16, usize)]) -> Vec<usize> {
        let claimants: Vec<Claimant> =
            claimants.iter().map(|(weight, left)| Claimant { weight: *weight, left: *left }).collect();
        share(room, &claimants)
    }

    #[test]
    fn room_is_shared_by_weight() {
        assert_eq!(shares(100, &[(1, 1000), (3, 1000)]), [25, 75]);
    }

    #[test]
    fn what_one_does_not_need_goes_to_the_others() {
        assert_eq!(shares(100, &[(1, 10), (1, 1000)]), [10, 90]);
        assert_eq!(shares(100, &[(1, 10), (1, 20)]), [10, 20]);
    }

    #[test]
    fn a_small_campaign_never_waits_behind_a_large_one() {
        assert_eq!(shares(3, &[(1000, 1_000_000), (1, 5)]), [2, 1]);
    }

    #[test]
    fn no_room_and_no_campaigns_share_nothing() {
        assert_eq!(shares(0, &[(1, 5)]), [0]);
        assert!(shares(10, &[]).is_empty());
    }
}
