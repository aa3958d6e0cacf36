//! Recipients that are left out, the annotated list, and the same list again.

use campaign::Msisdn;
use producer::{AnnotatedList, Error, ImportOptions, List, ListOptions, Reason, read_numbers};
use store::SuppressionReason;

use crate::world::World;

const LIST: &[u8] =
    b"Phone;First name;Town\n0712000001;Anna;=cmd\n0712000002;Ben;\n0712000003;Cy;\n0712000004;Dan;\n\
    +254 712 000 001;Anna;\n12;Eve;@home\n+x;Fay;-1\n0712000005;;\n0712000006;Gus;;more\n";

#[tokio::test]
async fn recipients_left_out_are_counted_separately_and_the_annotated_list_has_the_reasons() {
    let world = World::new("left_out").await;
    let suppress = |digits| {
        let numbers = std::iter::once(Msisdn::from_digits(digits).unwrap());
        world.store.suppress(numbers, None, SuppressionReason::Operator)
    };
    suppress(254_712_000_002).await.unwrap();
    let (earlier, id) = (world.draft().await, world.draft().await);
    let of_three = b"phone,first_name\n0712000003,Cy\n";
    let plain = (ListOptions::default(), ImportOptions::default());
    world.import(earlier, of_three, &plain.0, plain.1.clone()).await.unwrap();
    world.import(id, b"phone,first_name\n0712000004,Dan\n", &plain.0, plain.1).await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let errors = folder.path().join("errors.csv");
    let annotated = Some(AnnotatedList::Path(errors.clone()));
    let options = ImportOptions { exclude: vec![earlier], errors: annotated, ..ImportOptions::default() };
    let report = world.import(id, LIST, &ListOptions::default(), options).await.unwrap();
    let counts = report.counts;
    let left_out = counts.left_out;
    assert_eq!((counts.uploaded, counts.imported), (9, 1));
    let all = (left_out.duplicates, left_out.suppressed, left_out.excluded, left_out.rejected);
    assert_eq!(all, (2, 1, 1, 4));
    assert_eq!(report.rejected.reasons[&Reason::EmptyCell], 1);
    assert_eq!(
        world.recipients(id).await,
        ["254712000004 first_name=Dan", "254712000001 first_name=Anna town==cmd"]
    );
    let counted = "
        select count(*) from report.campaign
        where uploaded = 10 and duplicates = 2 and suppressed = 1 and excluded = 1 and rejected = 4 and pending = 2";
    assert_eq!(world.count(counted).await, 1);
    assert_eq!(world.count("select sum(difference)::bigint from report.conservation").await, 0);

    let written = std::fs::read_to_string(&errors).unwrap();
    let expected = [
        "\u{feff}Phone,First name,Town,error",
        "254712000001,Anna,'=cmd,",
        "254712000002,Ben,,the number is on the suppression list",
        "254712000003,Cy,,the number is in a campaign that was excluded",
        "254712000004,Dan,,\"the number is in the campaign already, from an earlier list\"",
        "254712000001,Anna,,the number is also in an earlier row of the list",
        "12,Eve,'@home,the number is too short",
        "'+x,Fay,'-1,this is not a phone number",
        "0712000005,,,\"first_name: a cell that the message needs is empty; fill it, or give the campaign a default under [defaults]\"",
        "0712000006,Gus,,the row has more cells than the first row; quote cells that contain the delimiter,more",
    ];
    assert_eq!(written.lines().collect::<Vec<_>>(), expected);

    // The annotated list is imported like the first one: all its numbers are known by now, and nothing is changed.
    let other = world.draft().await;
    let report =
        world.import(other, written.as_bytes(), &ListOptions::default(), ImportOptions::default()).await;
    assert_eq!(report.unwrap().counts.imported, 3);
    assert_eq!(world.recipients(other).await[0], "254712000001 first_name=Anna town==cmd");
    world.close().await;
}

#[tokio::test]
async fn the_same_list_is_imported_again_only_on_request() {
    let world = World::new("again").await;
    let id = world.draft().await;
    let import = |again| {
        let options = ImportOptions { again, ..ImportOptions::default() };
        let world = &world;
        async move {
            world.import(id, b"phone,first_name\n0712000001,Anna\n", &ListOptions::default(), options).await
        }
    };
    import(false).await.unwrap();
    let error = import(false).await.unwrap_err();
    assert!(matches!(&error, Error::Store(store::Error::Known(_))), "{error}");
    assert!(error.to_string().contains("has this very file already"), "{error}");
    let again = import(true).await.unwrap();
    assert_eq!((again.counts.imported, again.counts.left_out.duplicates), (0, 1));
    world.close().await;
}

#[tokio::test]
async fn a_default_fills_an_empty_cell_and_a_missing_column() {
    let world = World::new("defaults").await;
    let defaults = [("first_name".to_owned(), "friend".to_owned())];
    let options = ImportOptions { defaults: defaults.into_iter().collect(), ..ImportOptions::default() };
    for list in [&b"phone,first_name\n0712000001, \n"[..], b"phone\n0712000001\n"] {
        let id = world.draft().await;
        world.import(id, list, &ListOptions::default(), options.clone()).await.unwrap();
        assert_eq!(world.recipients(id).await, ["254712000001 first_name=friend"]);
    }
    world.close().await;
}

#[tokio::test]
async fn an_excluded_campaign_that_does_not_exist_refuses_the_list() {
    let world = World::new("excluded").await;
    let id = world.draft().await;
    let options = ImportOptions { exclude: vec![campaign::CampaignId(99)], ..ImportOptions::default() };
    let list = b"phone,first_name\n0712000001,Anna\n";
    let error = world.import(id, list, &ListOptions::default(), options).await.unwrap_err();
    assert!(error.to_string().starts_with("there is no campaign 99"), "{error}");
    assert_eq!(world.count("select count(*) from import").await, 0);
    world.close().await;
}

#[tokio::test]
async fn more_than_a_thousand_rejected_rows_are_stored_line_by_line() {
    let world = World::new("many_refused").await;
    let id = world.draft().await;
    let rows: String =
        (0..25_000).map(|n| if n % 10 == 0 { "0712000001,Anna\n" } else { "x,Anna\n" }).collect();
    let list = format!("phone,first_name\n{rows}");
    let report =
        world.import(id, list.as_bytes(), &ListOptions::default(), ImportOptions::default()).await.unwrap();
    assert_eq!((report.counts.imported, report.counts.left_out.duplicates), (1, 2_499));
    assert_eq!((report.rejected.total(), report.rejected.first.len()), (22_500, 20));
    assert_eq!(world.count("select count(distinct line) from import_rejection").await, 22_500);
    assert_eq!(world.count("select max(line)::bigint from import_rejection").await, 25_001);
    world.close().await;
}

#[test]
fn a_list_read_for_its_numbers_needs_only_a_number_column() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "mobile;why\n+254712000001;asked\n00254712000001;again\nx;\n").unwrap();
    let list = List::open(file.path(), &ListOptions::default()).unwrap();
    assert_eq!((list.to_string().as_str(), list.bytes()), ("CSV, divided by semicolon, UTF-8", 55));
    let numbers = read_numbers(&list, &ImportOptions::default()).unwrap();
    assert_eq!(numbers.iter().map(Msisdn::digits).collect::<Vec<_>>(), [254_712_000_001]);
    assert_eq!(numbers.rejected.first[0].line, 4);
}

#[tokio::test]
async fn two_spellings_of_one_number_are_one_recipient_and_an_older_number_becomes_the_current_one() {
    let world = World::new("spellings").await;
    let id = world.draft().await;
    let list =
        b"phone,first_name\n+541123456789,Anna\n+5491123456789,Anna\n5215512345678,Ben\n+525512345678,Ben\n\
        +553196883193,Cy\n+5531996883193,Cy\n";
    let report = world.import(id, list, &ListOptions::default(), ImportOptions::default()).await.unwrap();
    assert_eq!((report.counts.imported, report.counts.left_out.duplicates), (3, 3));
    assert_eq!(
        world.recipients(id).await,
        ["541123456789 first_name=Anna", "525512345678 first_name=Ben", "5531996883193 first_name=Cy"]
    );
    // The other spelling in a later list, in a list that excludes the first campaign, and of a suppressed person.
    let later = b"phone,first_name\n+5491123456789,Anna\n";
    let report = world.import(id, later, &ListOptions::default(), ImportOptions::default()).await.unwrap();
    assert_eq!(report.counts.left_out.duplicates, 1);
    let other = world.draft().await;
    let options = ImportOptions { exclude: vec![id], ..ImportOptions::default() };
    let report = world.import(other, later, &ListOptions::default(), options).await.unwrap();
    assert_eq!(report.counts.left_out.excluded, 1);
    let numbers = std::iter::once(Msisdn::from_digits(541_123_456_789).unwrap());
    world.store.suppress(numbers, None, SuppressionReason::Operator).await.unwrap();
    let third = world.draft().await;
    let report = world.import(third, later, &ListOptions::default(), ImportOptions::default()).await.unwrap();
    assert_eq!(report.counts.left_out.suppressed, 1);
    world.close().await;
}
