//! The texts of the long statements as PostgreSQL gets them, kept in `snapshots/`.
//!
//! `FLOWCAST_UPDATE_SNAPSHOTS=1 cargo test -p store statements` writes the snapshots after an intended change. `tests/it/plans.rs`
//! executes each snapshot and checks its plan.

use std::path::{Path, PathBuf};
use std::{env, fs};

use campaign::{CampaignId, Provider};

use crate::db::volume::written_for;
use crate::inbound::{answers, fall_back, receipts};
use crate::reporting::installation;
use crate::sending::{
    claim, claim_pending, fragments, postpone, rate_limit, record, record_again, record_final,
};
use crate::unknown::{resend, resolve, resolve_by_receipt};

/// The campaign of the snapshots.
const CAMPAIGN: CampaignId = CampaignId(7);

fn statements() -> [(&'static str, String); 14] {
    [
        ("claim", &claim::STATEMENT),
        ("claim_pending", &claim_pending::STATEMENT),
        ("lease", &rate_limit::STATEMENT),
        ("postpone", &postpone::STATEMENT),
        ("record", &record::STATEMENT),
        ("record_again", &record_again::STATEMENT),
        ("record_final", &record_final::STATEMENT),
        ("store_answers", &answers::STATEMENT),
        ("store_receipts", &receipts::STATEMENT),
        ("measure_campaigns", &installation::CAMPAIGNS),
        ("resend", &resend::STEP),
        ("resolve", &resolve::STEP),
        ("resolve_by_receipt", &resolve_by_receipt::STEP),
        ("fall_back", &fall_back::STEP),
    ]
    .map(|(name, statement)| (name, written_for(CAMPAIGN, statement) + "\n"))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots")
}

#[test]
fn statements_are_the_same_as_their_snapshots() {
    let is_update = env::var_os("FLOWCAST_UPDATE_SNAPSHOTS").is_some_and(|value| value == "1");
    for (name, statement) in statements() {
        let path = folder().join(format!("{name}.sql"));
        if is_update {
            fs::write(&path, &statement).unwrap();
        }
        let snapshot = fs::read_to_string(&path).unwrap();
        assert_eq!(statement, snapshot, "if this is intended, set FLOWCAST_UPDATE_SNAPSHOTS=1");
    }
    let kept = fs::read_dir(folder()).unwrap().count();
    assert_eq!(kept, statements().len(), "a snapshot of a statement that does not exist");
}

#[test]
fn no_placeholder_is_left_in_a_statement() {
    for (name, statement) in statements() {
        assert!(!statement.contains("{{"), "{name}: {statement}");
    }
}

#[test]
fn every_sql_file_is_in_a_snapshot() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let folders = fs::read_dir(src).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    let mut names: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let parts = fragments::FRAGMENTS.iter().map(|(name, _)| *name);
    let known: Vec<&str> = statements().map(|(name, _)| name).into_iter().chain(parts).collect();
    names.retain(|name| !known.contains(&&**name));
    assert!(names.is_empty(), "no snapshot contains {names:?}");
}

#[test]
fn the_provider_of_messages_without_reference_is_1msg() {
    let condition = format!("provider = '{}'", Provider::OneMsg.word());
    assert!(fragments::FRAGMENTS.iter().any(|(_, part)| *part == condition), "{condition}");
}
