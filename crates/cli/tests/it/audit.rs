//! The auditor: the provider's ledger beside the rows of a campaign, person by person.

use std::collections::HashMap;
use std::fmt;

use crate::world::World;

/// What became of everybody, and whether both books tell the same.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Audit {
    /// Requests that arrived at the provider.
    pub(crate) attempted: u64,
    /// Recipients the provider accepted.
    pub(crate) accepted: u64,
    /// Recipients accepted more than once.
    pub(crate) doubled: u64,
    /// Recipients that wait although nothing is going on, or that count as accepted and never arrived.
    pub(crate) lost: u64,
    /// Recipients the provider accepted whose row says that they were not sent to.
    pub(crate) denied: u64,
    /// Recipients of whom nobody knows, whether they were accepted or not.
    pub(crate) unknown: u64,
}

impl Audit {
    /// Compares the books of everything that was sent, when nothing is under way any more.
    pub(crate) async fn of(world: &World) -> Self {
        let summary = world.ledger().summary();
        let counts = world.ledger().accepted_counts();
        let ledger: HashMap<i64, u32> =
            counts.into_iter().map(|(msisdn, n)| (i64::try_from(msisdn.as_u64()).unwrap(), n)).collect();
        let mut audit = Self {
            attempted: summary.requests,
            accepted: summary.distinct_recipients,
            doubled: summary.accepted_more_than_once,
            ..Self::default()
        };
        for row in world.look.query("select msisdn, state from recipient", &[]).await.unwrap() {
            let arrived = ledger.contains_key(&row.get::<_, i64>(0));
            match (row.get(1), arrived) {
                ("accepted", true) => {}
                ("accepted", false) | ("pending" | "sending" | "retry", _) => audit.lost += 1,
                ("unknown", _) => audit.unknown += 1,
                (_, true) => audit.denied += 1,
                (_, false) => {}
            }
        }
        audit
    }

    /// Nobody lost, nobody doubled, nobody denied, and at most so many unknown.
    #[expect(clippy::print_stdout, reason = "what an auditor is for")]
    pub(crate) fn holds(&self, unknown_at_most: u64) {
        println!("{self}");
        assert_eq!((self.lost, self.doubled, self.denied), (0, 0, 0), "{self}");
        assert!(self.unknown <= unknown_at_most, "{self}, allowed {unknown_at_most}");
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { attempted, accepted, doubled, lost, denied, unknown } = self;
        write!(
            f,
            "attempted {attempted}, accepted {accepted}, lost {lost}, doubled {doubled}, denied {denied}, unknown {unknown}"
        )
    }
}
