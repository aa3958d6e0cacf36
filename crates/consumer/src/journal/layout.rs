//! The bytes of a journal: a header, the mark, the table of open claims and the ring of departures.
//!
//! The mark is the last claim that was granted. Claims of the worker after it were granted by PostgreSQL, and the worker did not get
//! the answer before it died. Mark, claims and departures are entries of 16 bytes, aligned, each with a check value. An empty
//! entry is zero.
//!
//! An entry that was written in part must never count. In the mark or in the table it is ignored, because less is given back then. In
//! the ring it makes the file unreadable, because a departure may be missing.

use std::collections::HashSet;

use campaign::{ClaimId, SenderId, Seq};
use uuid::Uuid;

const MAGIC: [u8; 8] = *b"flowjrnl";
const VERSION: u32 = 1;
const HEADER: usize = 80;
const ENTRY: usize = 16;
const TABLE: usize = HEADER + ENTRY;
/// The place of the mark.
pub(super) const MARK: u64 = HEADER as u64;
/// A header that is none.
pub(super) const NO_HEADER: [u8; HEADER] = [0; HEADER];
/// An entry that says nothing.
pub(super) const EMPTY: [u8; ENTRY] = [0; ENTRY];
/// Departures in the ring for each recipient in flight.
const RING_FACTOR: u32 = 4;

/// How many claims and departures a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) claims: u32,
    pub(super) departures: u32,
}

/// To whom a file belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// The boot of the machine.
    pub(super) boot: Uuid,
    /// The inode of the file: a copy of a file is not used, because no process locks the copy.
    pub(super) inode: u64,
    /// The worker in claims.
    pub(super) worker: Uuid,
    pub(super) sender: SenderId,
}

impl Shape {
    /// Room for a claim for each recipient in flight, so that the table is never full.
    pub(super) fn of(in_flight: u16) -> Self {
        let claims = u32::from(in_flight).max(1);
        Self { claims, departures: claims * RING_FACTOR }
    }

    /// The place of an entry of the ring.
    pub(super) fn departure_at(self, slot: u32) -> u64 {
        claim_at(self.claims + slot)
    }

    fn len(self) -> u64 {
        TABLE as u64 + (u64::from(self.claims) + u64::from(self.departures)) * ENTRY as u64
    }

    fn is_of(self, bytes: &[u8]) -> bool {
        u64::try_from(bytes.len()) == Ok(self.len())
    }
}

/// The place of an entry of the table.
pub(super) fn claim_at(slot: u32) -> u64 {
    TABLE as u64 + u64::from(slot) * ENTRY as u64
}

/// A file without claims.
pub(super) fn new_file(shape: Shape, identity: Identity) -> Vec<u8> {
    let mut bytes = header(shape, identity).to_vec();
    bytes.extend(entry(ClaimId(0), Seq(0)));
    bytes.resize(usize::try_from(shape.len()).unwrap_or(TABLE), 0);
    bytes
}

fn header(shape: Shape, identity: Identity) -> [u8; HEADER] {
    let fields: [&[u8]; 9] = [
        &MAGIC,
        &VERSION.to_le_bytes(),
        &shape.claims.to_le_bytes(),
        &shape.departures.to_le_bytes(),
        &[0; 4],
        &identity.sender.0.to_le_bytes(),
        identity.worker.as_bytes(),
        identity.boot.as_bytes(),
        &identity.inode.to_le_bytes(),
    ];
    let mut header = NO_HEADER;
    for (to, from) in header.iter_mut().zip(fields.concat()) {
        *to = from;
    }
    header
}

/// The entry of a departure; that of an open claim or of the mark has the `seq` 0.
pub(super) fn entry(claim: ClaimId, seq: Seq) -> [u8; ENTRY] {
    let mut entry = EMPTY;
    let fields =
        [&claim.0.to_le_bytes()[..], &seq.0.to_le_bytes(), &check(claim, seq).to_le_bytes()].concat();
    for (to, from) in entry.iter_mut().zip(fields) {
        *to = from;
    }
    entry
}

/// The check value of an entry.
fn check(claim: ClaimId, seq: Seq) -> u32 {
    // The finalizer of SplitMix64.
    let mix = |mut x: u64| {
        x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    };
    let mixed = mix(claim.0.cast_unsigned() ^ mix(u64::from(seq.0.cast_unsigned())));
    u32::try_from(mixed >> 32).unwrap_or(u32::MAX)
}

/// The claim and recipient of an entry, unless it is empty or was written in part.
fn read_entry(bytes: &[u8]) -> Option<(ClaimId, Seq)> {
    let claim = ClaimId(i64::from_le_bytes(field(bytes, 0)?));
    let seq = Seq(i32::from_le_bytes(field(bytes, 8)?));
    (check(claim, seq).to_le_bytes() == field(bytes, 12)?).then_some((claim, seq))
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// Why a file is not used. All of its recipients become `unknown`, as without a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("it is not a complete journal")]
    Incomplete,
    #[error("it has another version than this program")]
    Version,
    #[error("it is from another boot of the machine")]
    OtherBoot,
    #[error("it is a copy of a journal")]
    Copy,
    #[error("a departure in it is damaged")]
    Damaged,
}

/// What a file says.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) identity: Identity,
    /// The last claim that was granted, if its entry is complete.
    mark: Option<ClaimId>,
    open: HashSet<ClaimId>,
    departed: HashSet<(ClaimId, Seq)>,
}

impl Contents {
    /// Reads the file with this inode, if it was written in this boot.
    pub(super) fn read(bytes: &[u8], (boot, inode): (Uuid, u64)) -> Result<Self, Unreadable> {
        let word = |at| field(bytes, at).map(u32::from_le_bytes).ok_or(Unreadable::Incomplete);
        if !bytes.starts_with(&MAGIC) {
            return Err(Unreadable::Incomplete);
        }
        if word(8)? != VERSION {
            return Err(Unreadable::Version);
        }
        let shape = Shape { claims: word(12)?, departures: word(16)? };
        let id = |at| field(bytes, at).map(Uuid::from_bytes).ok_or(Unreadable::Incomplete);
        let sender = field(bytes, 24).map(i64::from_le_bytes).ok_or(Unreadable::Incomplete)?;
        let written_as = field(bytes, 64).map(u64::from_le_bytes).ok_or(Unreadable::Incomplete)?;
        let identity =
            Identity { sender: SenderId(sender), worker: id(32)?, boot: id(48)?, inode: written_as };
        if identity.boot != boot {
            return Err(Unreadable::OtherBoot);
        }
        if identity.inode != inode {
            return Err(Unreadable::Copy);
        }
        let lists = bytes.get(TABLE..).filter(|_| shape.is_of(bytes)).ok_or(Unreadable::Incomplete)?;
        let claims = usize::try_from(shape.claims).map_err(|_| Unreadable::Incomplete)?;
        let (table, ring) = lists.split_at(claims * ENTRY);
        let written = |entry: &&[u8]| *entry != EMPTY;
        let departed = ring
            .chunks_exact(ENTRY)
            .filter(written)
            .map(|entry| read_entry(entry).ok_or(Unreadable::Damaged))
            .collect::<Result<_, _>>()?;
        let open = table.chunks_exact(ENTRY).filter_map(read_entry).map(|(claim, _)| claim).collect();
        let mark = bytes.get(HEADER..TABLE).and_then(read_entry).map(|(claim, _)| claim);
        Ok(Self { identity, mark, open, departed })
    }

    /// Of the recipients of a claim of this worker, those whose requests never left. `None` if the file does not know the claim.
    pub(super) fn never_left(&self, claim: ClaimId, seqs: &[Seq]) -> Option<Vec<Seq>> {
        let is_known = self.open.contains(&claim) || self.mark.is_some_and(|mark| claim > mark);
        is_known.then(|| seqs.iter().copied().filter(|seq| !self.departed.contains(&(claim, *seq))).collect())
    }
}
