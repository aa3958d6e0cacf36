//! The journal against a model: a kill at every write, and whole files.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::Path;
use std::rc::Rc;

use campaign::{ClaimId, SenderId, Seq};
use proptest::prelude::*;
use proptest::sample::Index;
use uuid::Uuid;

use super::file::{JournalFile, boot_id};
use super::layout::{Contents, EMPTY, Identity, NO_HEADER, Shape, Unreadable, entry, new_file};
use super::writer::Medium;
use super::{Journal, Journals, MustStay, check_directory};
use crate::config::Config;

const SMALL: Shape = Shape { claims: 3, departures: 8 };
const LARGE: Shape = Shape { claims: 64, departures: 512 };
const INODE: u64 = 7;

fn identity() -> Identity {
    Identity { boot: Uuid::from_u128(1), inode: INODE, worker: Uuid::from_u128(2), sender: SenderId(3) }
}

/// A claim in PostgreSQL, and what became of its recipients.
#[derive(Debug, Default)]
struct ClaimInStore {
    sending: BTreeSet<Seq>,
    sent: BTreeSet<Seq>,
    is_opened: bool,
}

/// The bytes of a journal, and what is true when the process is killed.
#[derive(Debug)]
struct Model {
    bytes: Vec<u8>,
    claims: BTreeMap<ClaimId, ClaimInStore>,
    last_opened: ClaimId,
    /// The recipient whose departure is being written.
    departing: Option<(ClaimId, Seq)>,
    /// The next write fails after so many bytes; whether the file cannot be invalidated either.
    failure: Option<(usize, bool)>,
    /// Whether all recipients who were not sent to must be given back.
    is_exact: bool,
    kills: u32,
}

impl Model {
    /// The process is killed now, and another one reads the file.
    fn kill(&mut self, is_torn: bool) {
        self.kills += 1;
        let contents = Contents::read(&self.bytes, (identity().boot, INODE));
        for (id, claim) in &self.claims {
            let sending: Vec<Seq> = claim.sending.iter().copied().collect();
            let returned = contents.as_ref().ok().and_then(|contents| contents.never_left(*id, &sending));
            let returned = BTreeSet::from_iter(returned.unwrap_or_default());
            assert!(
                returned.is_disjoint(&claim.sent),
                "{id} gives back who was sent to: {returned:?} {claim:?}"
            );
            if self.is_exact && !is_torn && (claim.is_opened || *id > self.last_opened) {
                let never_left = claim.sending.difference(&claim.sent).copied();
                let mut missing = never_left.filter(|seq| !returned.contains(seq));
                assert!(
                    missing.all(|seq| self.departing == Some((*id, seq))),
                    "{id} leaves out who was not sent to: {returned:?} {claim:?}"
                );
            }
        }
    }

    fn put(&mut self, bytes: &[u8], at: u64) {
        let at = usize::try_from(at).unwrap();
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

/// A journal in memory.
#[derive(Clone)]
struct Memory(Rc<RefCell<Model>>);

impl Medium for Memory {
    fn write(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut model = self.0.borrow_mut();
        if let Some((written, cannot_be_invalidated)) = model.failure.take() {
            model.is_exact = false;
            model.put(&bytes[..written], at);
            model.kill(true);
            model.failure = cannot_be_invalidated.then_some((0, true));
            return Err(io::ErrorKind::StorageFull.into());
        }
        model.put(&bytes[..8], at);
        model.kill(true);
        model.put(bytes, at);
        model.kill(false);
        Ok(())
    }

    fn invalidate(&mut self) -> io::Result<()> {
        let mut model = self.0.borrow_mut();
        if model.failure.take().is_some() {
            model.kill(true);
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        model.put(&NO_HEADER, 0);
        model.is_exact = false;
        Ok(())
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// A claim with so many recipients.
    Grant(i32),
    /// A claim whose answer the worker does not get.
    Unanswered(i32),
    Depart(Index, Index),
    /// The outcome of a recipient is recorded; the last one closes the claim.
    Record(Index, Index),
    /// An id is used again, as after a restore of the database.
    Reuse(Index, i32),
    /// The outcomes of the earlier claim with this id are recorded late.
    CloseEarly(Index),
    /// The next write fails after so many bytes; whether the file cannot be invalidated either.
    Fail(usize, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    prop_oneof![
        20 => (1..6).prop_map(Step::Grant),
        2 => (1..4).prop_map(Step::Unanswered),
        60 => (index(), index()).prop_map(|(claim, seq)| Step::Depart(claim, seq)),
        40 => (index(), index()).prop_map(|(claim, seq)| Step::Record(claim, seq)),
        1 => (index(), 1..4).prop_map(|(claim, n)| Step::Reuse(claim, n)),
        1 => index().prop_map(Step::CloseEarly),
        1 => (0..=16_usize, any::<bool>()).prop_map(|(n, stuck)| Step::Fail(n, stuck)),
    ]
}

/// The worker of the model.
struct Worker {
    journal: Journal<Memory>,
    model: Rc<RefCell<Model>>,
    next: ClaimId,
}

impl Worker {
    fn new(shape: Shape) -> Self {
        let model = Rc::new(RefCell::new(Model {
            bytes: new_file(shape, identity()),
            claims: BTreeMap::new(),
            last_opened: ClaimId(0),
            departing: None,
            failure: None,
            is_exact: shape == LARGE,
            kills: 0,
        }));
        Self { journal: Journal::on(Memory(Rc::clone(&model)), shape), model, next: ClaimId(0) }
    }

    fn grant(&mut self, id: ClaimId, recipients: i32, is_answered: bool) {
        let sending = (1..=recipients).map(Seq).collect();
        self.model.borrow_mut().claims.insert(id, ClaimInStore { sending, ..ClaimInStore::default() });
        self.model.borrow_mut().kill(false);
        if is_answered {
            let last = self.model.borrow().last_opened;
            self.model.borrow_mut().last_opened = last.max(id);
            self.model.borrow_mut().claims.get_mut(&id).unwrap().is_opened = true;
            self.journal.open(id);
        }
    }

    fn new_id(&mut self) -> ClaimId {
        self.next.0 += 1;
        self.next
    }

    /// An answered claim and one of its recipients.
    fn pick(&self, claim: Index, seq: Index) -> Option<(ClaimId, Seq)> {
        let model = self.model.borrow();
        let answered: Vec<_> = model.claims.iter().filter(|(_, claim)| claim.is_opened).collect();
        let (id, claim) = (!answered.is_empty()).then(|| *claim.get(&answered))?;
        let sending: Vec<Seq> = claim.sending.iter().copied().collect();
        (!sending.is_empty()).then(|| (*id, *seq.get(&sending)))
    }

    fn depart(&self, id: ClaimId, seq: Seq) {
        if self.model.borrow().claims[&id].sent.contains(&seq) {
            return;
        }
        self.model.borrow_mut().departing = Some((id, seq));
        let may_leave = self.journal.depart(id, seq);
        let mut model = self.model.borrow_mut();
        if may_leave.is_ok() {
            model.claims.get_mut(&id).unwrap().sent.insert(seq);
        }
        model.departing = None;
        model.kill(false);
    }

    fn record(&self, id: ClaimId, seq: Seq) {
        let is_last = {
            let mut model = self.model.borrow_mut();
            let claim = model.claims.get_mut(&id).unwrap();
            claim.sending.remove(&seq);
            claim.sending.is_empty()
        };
        if is_last {
            self.model.borrow_mut().claims.remove(&id);
            self.journal.close(id);
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Grant(n) => {
                let id = self.new_id();
                self.grant(id, *n, true);
            }
            Step::Unanswered(n) => {
                let id = self.new_id();
                self.grant(id, *n, false);
            }
            Step::Depart(claim, seq) => {
                if let Some((id, seq)) = self.pick(*claim, *seq) {
                    self.depart(id, seq);
                }
            }
            Step::Record(claim, seq) => {
                if let Some((id, seq)) = self.pick(*claim, *seq) {
                    self.record(id, seq);
                }
            }
            Step::Reuse(claim, n) if self.next.0 > 0 => {
                self.model.borrow_mut().is_exact = false;
                let id = i64::try_from(claim.index(usize::try_from(self.next.0).unwrap())).unwrap() + 1;
                self.grant(ClaimId(id), *n, true);
            }
            Step::CloseEarly(claim) => {
                if let Some((id, _)) = self.pick(*claim, *claim) {
                    self.model.borrow_mut().is_exact = false;
                    self.journal.close(id);
                }
            }
            Step::Fail(written, is_stuck) => self.model.borrow_mut().failure = Some((*written, *is_stuck)),
            Step::Reuse(..) => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_kill_at_any_write_gives_back_only_recipients_whose_requests_never_left(
        is_large in any::<bool>(),
        steps in prop::collection::vec(step(), 1..300),
    ) {
        let mut worker = Worker::new(if is_large { LARGE } else { SMALL });
        for step in &steps {
            worker.take(step);
        }
        let kills = worker.model.borrow().kills;
        prop_assert!(kills > 0 || steps.iter().all(|step| !matches!(step, Step::Grant(_) | Step::Unanswered(_))));
    }
}

#[test]
fn all_recipients_who_were_not_sent_to_are_given_back_and_no_other() {
    let worker = &mut Worker::new(LARGE);
    worker.grant(ClaimId(1), 3, true);
    worker.depart(ClaimId(1), Seq(2));
    worker.grant(ClaimId(2), 2, false);
    let bytes = worker.model.borrow().bytes.clone();
    let contents = Contents::read(&bytes, (identity().boot, INODE)).unwrap();
    assert_eq!(contents.identity, identity());
    let of = |claim, n: i32| contents.never_left(ClaimId(claim), &(1..=n).map(Seq).collect::<Vec<_>>());
    assert_eq!((of(1, 3), of(2, 2)), (Some(vec![Seq(1), Seq(3)]), Some(vec![Seq(1), Seq(2)])));
    assert!(worker.model.borrow().is_exact);
}

#[test]
fn a_file_of_another_boot_or_version_a_copy_and_a_torn_file_are_not_used() {
    let (boot, bytes) = (identity().boot, new_file(SMALL, identity()));
    let read = |bytes: &[u8], of| Contents::read(bytes, of).map(|contents| contents.identity);
    assert_eq!(read(&bytes, (boot, INODE)), Ok(identity()));
    assert_eq!(read(&bytes, (Uuid::from_u128(9), INODE)), Err(Unreadable::OtherBoot));
    assert_eq!(read(&bytes, (boot, INODE + 1)), Err(Unreadable::Copy));
    let with = |at: usize, new: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + new.len()].copy_from_slice(new);
        bytes
    };
    assert_eq!(read(&with(8, &[2]), (boot, INODE)), Err(Unreadable::Version));
    let last = usize::try_from(SMALL.departure_at(SMALL.departures - 1)).unwrap();
    assert_eq!(read(&with(last, &entry(ClaimId(1), Seq(1))), (boot, INODE)), Ok(identity()));
    assert_eq!(read(&with(last, &entry(ClaimId(1), Seq(1))[..12]), (boot, INODE)), Err(Unreadable::Damaged));
    assert_eq!(read(&[], (boot, INODE)), Err(Unreadable::Incomplete));
    for length in 0..bytes.len() {
        assert_eq!(read(&bytes[..length], (boot, INODE)), Err(Unreadable::Incomplete), "{length}");
    }
    // A mark that was written in part says nothing about claims that are not in the table.
    let mark = with(usize::try_from(super::layout::MARK).unwrap(), &EMPTY);
    let contents = Contents::read(&mark, (boot, INODE)).unwrap();
    assert_eq!(contents.never_left(ClaimId(1), &[Seq(1)]), None);
}

fn journals(directory: &Path) -> Journals {
    Journals::new(&Config { journal: Some(directory.to_owned()), ..Config::default() })
}

fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_file_is_read_when_its_process_has_ended_and_by_one_reader_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let journal = journals(directory.path()).begin(SenderId(3), Uuid::from_u128(2));
    journal.open(ClaimId(5));
    journal.depart(ClaimId(5), Seq(1)).unwrap();
    let path = files(directory.path()).pop().unwrap();
    assert!(JournalFile::open_abandoned(&path).unwrap().is_none(), "the worker has the lock");
    drop(journal);

    let file = JournalFile::open_abandoned(&path).unwrap().unwrap();
    assert!(JournalFile::open_abandoned(&path).unwrap().is_none(), "another reader has the lock");
    let contents =
        Contents::read(&file.read().unwrap(), (boot_id().unwrap(), file.inode().unwrap())).unwrap();
    assert_eq!(contents.never_left(ClaimId(5), &[Seq(1), Seq(2)]), Some(vec![Seq(2)]));
    let copy = directory.path().join("copy.journal");
    std::fs::copy(&path, &copy).unwrap();
    let copy = JournalFile::open_abandoned(&copy).unwrap().unwrap();
    let read = Contents::read(&copy.read().unwrap(), (boot_id().unwrap(), copy.inode().unwrap()));
    assert_eq!(read.err(), Some(Unreadable::Copy));
}

#[test]
fn a_journal_ends_with_its_file_if_no_claim_is_open() {
    let directory = tempfile::tempdir().unwrap();
    let journals = journals(directory.path());
    let (idle, busy) =
        (journals.begin(SenderId(1), Uuid::from_u128(1)), journals.begin(SenderId(2), Uuid::from_u128(2)));
    for journal in [&idle, &busy] {
        journal.open(ClaimId(1));
    }
    idle.close(ClaimId(1));
    idle.end();
    busy.end();
    assert_eq!(files(directory.path()).len(), 1);
    idle.depart(ClaimId(2), Seq(1)).unwrap();
}

#[test]
fn a_file_that_was_removed_is_not_used_even_if_it_was_opened_before() {
    let directory = tempfile::tempdir().unwrap();
    let journal = journals(directory.path()).begin(SenderId(3), Uuid::from_u128(2));
    journal.open(ClaimId(5));
    let path = files(directory.path()).pop().unwrap();
    let opened = JournalFile::opened(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    journal.depart(ClaimId(5), Seq(1)).unwrap();
    drop(journal);
    assert!(opened.lock().unwrap().is_none(), "it was removed");
    assert!(JournalFile::open_abandoned(&path).unwrap().is_none());
}

#[test]
fn without_a_writable_directory_the_worker_has_no_journal_and_the_check_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    File::create(&file).unwrap();
    let problem = check_directory(&file).unwrap_err();
    let begins = format!("cannot create the directory {} of [consumer] journal: ", file.display());
    assert!(problem.starts_with(&begins) && problem.contains("name another directory"), "{problem}");
    let journals = journals(&file);
    assert!(journals.directory().is_none());
    journals.begin(SenderId(1), Uuid::from_u128(1)).depart(ClaimId(1), Seq(1)).unwrap();

    let missing = directory.path().join("new/directory");
    assert_eq!(check_directory(&missing), Ok(boot_id().unwrap()));
    assert_eq!(files(&missing), Vec::<std::path::PathBuf>::new());
}

#[test]
fn if_the_file_can_neither_be_written_nor_invalidated_no_request_leaves() {
    let worker = Worker::new(LARGE);
    worker.journal.open(ClaimId(1));
    worker.model.borrow_mut().failure = Some((0, true));
    assert!(matches!(worker.journal.depart(ClaimId(1), Seq(1)), Err(MustStay)));
    assert!(matches!(worker.journal.depart(ClaimId(2), Seq(1)), Err(MustStay)));
}
