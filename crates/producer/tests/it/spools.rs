//! What is stored of a list in the temporary folder, and a list that needs more of it than allowed.

use std::sync::Arc;

use producer::{AnnotatedList, Error, ImportOptions, ListOptions, ListsConfig, Spool, SpoolError};

use crate::packed::gzip;
use crate::workbooks::plain;
use crate::world::World;

/// The temporary folder, of which one list may use this many bytes.
fn limited(max_temporary_bytes: u64) -> Spool {
    Spool::new(&ListsConfig { max_temporary_bytes, ..ListsConfig::default() })
}

#[tokio::test]
async fn a_list_that_needs_more_of_the_temporary_folder_than_one_list_may_take_is_not_stored() {
    let world = World::new("spool_limit").await;
    let id = world.draft().await;
    let good = b"phone,first_name\n0712000001,Anna\n".to_vec();
    // Rejected rows are written when 8 KiB of them have gathered, or at the end.
    let refused = "phone,first_name\n0712000001,Anna\n".to_owned() + &"12,Ben\n".repeat(5_000);
    let few = "phone,first_name\n0712000001,Anna\n12,Ben\n".to_owned();
    for (name, list, limit, annotated) in [
        ("an unpacked workbook", gzip(&plain()), 1_000, false),
        ("many refused rows", refused.into_bytes(), 20_000, false),
        ("one refused row", few.into_bytes(), 10, false),
        ("the annotated list", good.clone(), 40, true),
    ] {
        let spool = limited(limit);
        let errors = annotated.then(|| AnnotatedList::Spooled(Arc::new(spool.file().unwrap())));
        let options = ImportOptions { errors, ..ImportOptions::default() };
        let list_options = ListOptions { spool, ..ListOptions::default() };
        let error = world.import(id, &list, &list_options, options).await.unwrap_err();
        let is_told =
            matches!(error, Error::Spool(SpoolError::TooLarge { limit: told, .. }) if told == limit);
        assert!(is_told, "{name}: {error:?}");
        assert_eq!(world.count("select count(*) from recipient").await, 0, "{name}");
        assert_eq!(world.count("select count(*) from import").await, 0, "{name}");
    }
    // A file that can be read again uses none of it.
    let list_options = ListOptions { spool: limited(1), ..ListOptions::default() };
    world.import(id, &good, &list_options, ImportOptions::default()).await.unwrap();
    assert_eq!(world.count("select count(*) from recipient").await, 1);
    world.close().await;
}

#[tokio::test]
async fn an_annotated_list_that_cannot_be_written_is_reported_before_anything_is_stored() {
    let world = World::new("annotated_full").await;
    let id = world.draft().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("errors.csv");
    let options =
        ImportOptions { errors: Some(AnnotatedList::Path(path.clone())), ..ImportOptions::default() };
    let list = b"phone,first_name\n0712000001,Anna\n";
    let error = world.import(id, list, &ListOptions::default(), options).await.unwrap_err().to_string();
    let expected = format!(
        "cannot write the annotated list to {}: No such file or directory (os error 2); name a file where there is space and \
         permission to write; nothing was imported",
        path.display()
    );
    assert_eq!(error, expected);
    assert_eq!(world.count("select count(*) from recipient").await, 0);
    world.close().await;
}
