//! Writes the entries of a journal, in the order that keeps the file true.

use std::collections::HashMap;
use std::io;

use campaign::{ClaimId, Seq};

use super::layout::{EMPTY, MARK, Shape, claim_at, entry};

/// Where a journal is written: a file, or the memory of a test.
pub(crate) trait Medium {
    /// Writes all of these bytes at this place.
    fn write(&mut self, bytes: &[u8], at: u64) -> io::Result<()>;

    /// Makes the journal say nothing from now on.
    fn invalidate(&mut self) -> io::Result<()>;
}

/// The writer of one journal. After a failed write the journal must be invalidated.
pub(super) struct Writer<M> {
    medium: M,
    shape: Shape,
    /// The mark in the file.
    mark: ClaimId,
    /// The claims of the table, and their places in it.
    open: HashMap<ClaimId, u32>,
    free: Vec<u32>,
    /// The claim of each departure in the ring.
    owners: Vec<Option<ClaimId>>,
    /// The next place in the ring.
    next: u32,
}

impl<M: Medium> Writer<M> {
    /// A writer to a new file of this shape.
    pub(super) fn new(medium: M, shape: Shape) -> Self {
        Self {
            medium,
            shape,
            mark: ClaimId(0),
            open: HashMap::new(),
            free: (0..shape.claims).rev().collect(),
            owners: (0..shape.departures).map(|_| None).collect(),
            next: 0,
        }
    }

    /// Enters a claim that was granted. If the table is full, only the mark says that the claim was granted.
    ///
    /// A claim that is in the table already has an id that was used before, as after a restore of the database. It keeps its entry and
    /// the departures of the earlier claim, so less is given back.
    pub(super) fn open(&mut self, claim: ClaimId) -> io::Result<()> {
        if !self.open.contains_key(&claim)
            && let Some(slot) = self.free.pop()
        {
            self.medium.write(&entry(claim, Seq(0)), claim_at(slot))?;
            self.open.insert(claim, slot);
        }
        if claim > self.mark {
            self.medium.write(&entry(claim, Seq(0)), MARK)?;
            self.mark = claim;
        }
        Ok(())
    }

    /// Writes a departure. If it overwrites that of an open claim, that claim leaves the table first.
    pub(super) fn depart(&mut self, claim: ClaimId, seq: Seq) -> io::Result<()> {
        if claim > self.mark {
            self.open(claim)?;
        }
        let place = usize::try_from(self.next).unwrap_or(0);
        if self.open.contains_key(&claim)
            && let Some(owner) = self.owners.get(place).copied().flatten()
        {
            self.close(owner)?;
        }
        // The file does not know the claim, so it need not know its departures.
        if !self.open.contains_key(&claim) {
            return Ok(());
        }
        self.medium.write(&entry(claim, seq), self.shape.departure_at(self.next))?;
        if let Some(owner) = self.owners.get_mut(place) {
            *owner = Some(claim);
        }
        self.next = (self.next + 1) % self.shape.departures;
        Ok(())
    }

    /// Takes a claim out of the table.
    pub(super) fn close(&mut self, claim: ClaimId) -> io::Result<()> {
        let Some(slot) = self.open.remove(&claim) else { return Ok(()) };
        self.medium.write(&EMPTY, claim_at(slot))?;
        self.free.push(slot);
        Ok(())
    }

    /// Whether no claim is open.
    pub(super) fn is_idle(&self) -> bool {
        self.open.is_empty()
    }

    /// Makes the journal say nothing from now on.
    pub(super) fn invalidate(&mut self) -> io::Result<()> {
        self.medium.invalidate()
    }

    /// Where the journal is written.
    pub(super) fn into_medium(self) -> M {
        self.medium
    }
}
