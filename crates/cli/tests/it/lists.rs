//! Lists by the command: from a file and from standard input, given back with errors, again, and after a death.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use nix::sys::signal::Signal;
use simulator::Config;
use tokio::io::AsyncWriteExt;

use crate::world::World;

const ROWS: u32 = 20_000;

/// A list of so many good rows, one that is given twice, and one that is none.
fn list() -> String {
    let rows = (0..ROWS).map(|n| format!("07{:08},Name{n}\n", 12_000_000 + n));
    let header = std::iter::once("phone,first_name\n".to_owned());
    header.chain(rows).chain(["0712000000,Again\n".to_owned(), "nobody,Bad\n".to_owned()]).collect()
}

/// Lets an import die at a place, which leaves no file behind, then gives the same command again.
async fn dies(world: &World, place: &str) -> (String, std::process::Output) {
    let id = world.draft(0).await;
    let list = world.file("list.csv", list());
    let errors = world.folder.path().join("errors.csv").display().to_string();
    let arguments = ["campaign", "import", &id, &list, "--default-country", "KE", "--errors", &errors];
    let names = || {
        let entries = std::fs::read_dir(world.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect::<BTreeSet<_>>()
    };
    let before = names();
    let killed = world.command(&arguments).env("FLOWCAST_FAIL_AT", place).output().await.unwrap();
    assert_eq!(killed.status.signal(), Some(Signal::SIGKILL as i32), "{killed:?}");
    assert_eq!(names(), before);
    let again = world.command(&arguments).output().await.unwrap();
    (id, again)
}

/// Everybody is there once, and the books balance.
async fn all_are_there(world: &World, id: &str) {
    let here = format!("from recipient where campaign_id = {id}");
    let rows = i64::from(ROWS);
    assert_eq!(world.count(&format!("select count(*) {here}")).await, rows);
    assert_eq!(world.count(&format!("select count(distinct msisdn) {here}")).await, rows);
    assert_eq!(world.count(&format!("select max(seq)::bigint {here}")).await, rows);
    let counted = format!(
        "select count(*) from import where campaign_id = {id} and uploaded = {rows} + 2 and imported = {rows}
            and duplicates = 1 and rejected = 1"
    );
    assert_eq!(world.count(&counted).await, 1);
    assert_eq!(world.count("select count(*) from import").await, 1);
    assert_eq!(world.count("select count(*) from import_rejection").await, 1);
    assert_eq!(world.count("select sum(difference)::bigint from report.conservation").await, 0);
}

#[tokio::test]
async fn an_import_killed_in_the_middle_is_whole_after_the_same_command() {
    let world = World::new("killed_import", "none", Config::default()).await;
    let (id, again) = dies(&world, "while_importing:10").await;
    assert!(again.status.success(), "{again:?}");
    all_are_there(&world, &id).await;
    world.close().await;
}

#[tokio::test]
async fn an_import_killed_after_its_end_is_not_done_twice_by_the_same_command() {
    let world = World::new("killed_after_import", "none", Config::default()).await;
    let (id, again) = dies(&world, "after_import").await;
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert_eq!(again.status.code(), Some(4), "{said}");
    assert!(said.contains("has this very file already: 'list.csv', of which 20000 were imported"), "{said}");
    assert!(said.contains("nothing was imported; --again imports it again"), "{said}");
    all_are_there(&world, &id).await;
    world.close().await;
}

#[tokio::test]
async fn a_list_is_read_from_standard_input_and_given_back_with_its_errors() {
    let world = World::new("stdin", "none", Config::default()).await;
    let id = world.draft(0).await;
    let errors = world.folder.path().join("errors.csv").display().to_string();
    let arguments = ["campaign", "import", &id, "-", "--default-country", "KE", "--errors", &errors];
    let mut import = world.command(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = import.stdin.take().unwrap();
    stdin.write_all(b"phone\tfirst_name\n0712000001\tZo\xeb\n12\tBen\n").await.unwrap();
    drop(stdin);
    let output = import.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    for told in [
        "standard input: CSV, divided by tab, windows-1252\n",
        "2 rows: 1 imported, 0 duplicates, 1 rejected\n",
        "the annotated list is in",
    ] {
        assert!(said.contains(told), "{told} is not in\n{said}");
    }
    let given_back = std::fs::read_to_string(&errors).unwrap();
    let expected = "\u{feff}phone,first_name,error\n254712000001,Zoë,\n12,Ben,the number is too short\n";
    assert_eq!(given_back, expected);
    world.close().await;
}

#[tokio::test]
async fn a_workbook_is_read_as_it_is_seen_and_what_was_not_read_is_told() {
    let world = World::new("workbook", "none", Config::default()).await;
    let filtered =
        world.file("filtered.xlsx", include_bytes!("../../../producer/tests/field/filtered_rows.xlsx"));
    let sheets =
        world.file("sheets.xlsx", include_bytes!("../../../producer/tests/field/hidden_first_sheet.xlsx"));
    let id = world.draft(0).await;
    let said = world.ok(&["campaign", "import", &id, &sheets]).await;
    let told = "sheets.xlsx: Excel workbook, sheet 'Send to these'; hidden and not read: 'Old list'\n";
    assert!(said.starts_with(told), "{said}");
    let said = world.ok(&["campaign", "import", &id, &filtered]).await;
    assert!(said.contains("2 rows: 2 imported"), "{said}");
    assert!(
        said.contains("2 hidden rows of the sheet were not read; --include-hidden reads them\n"),
        "{said}"
    );
    let arguments = ["campaign", "import", &id, &filtered, "--include-hidden", "--again"];
    let said = world.ok(&arguments).await;
    assert!(said.contains("4 rows: 2 imported, 2 duplicates") && !said.contains("hidden rows"), "{said}");
    let said = world.ok(&["suppression", "import", &filtered]).await;
    assert!(said.contains("2 numbers: 2 are new") && said.contains("2 hidden rows"), "{said}");
    world.close().await;
}

#[tokio::test]
async fn the_suppressed_and_the_excluded_are_left_out_and_told() {
    let world = World::new("suppressed", "none", Config::default()).await;
    let (earlier, id) = (world.draft(5).await, world.draft(0).await);
    let said = world.ok(&["suppression", "add", "+254712000007"]).await;
    assert_eq!(said, "the number is on the suppression list, for every sender\n");
    let numbers = world.file("stop.csv", "mobile\n+254712000008\n+254712000007\nx\n");
    let said = world.ok(&["suppression", "import", &numbers, "--sender", "ke-main"]).await;
    assert!(said.contains("2 numbers: 2 are new on the suppression list; 1 rows hold no number"), "{said}");
    let said = world.ok(&["suppression", "list"]).await;
    assert!(said.contains("254712000008  ke-main") && said.contains("254712000007  every sender"), "{said}");
    let rows = (0..10).map(|n| format!("+25471200000{n},Name\n"));
    let list: String = std::iter::once("phone,first_name\n".to_owned()).chain(rows).collect();
    let list = world.file("more.csv", list);
    let said = world.ok(&["campaign", "import", &id, &list, "--exclude-campaign", &earlier]).await;
    assert!(
        said.contains("10 rows: 3 imported, 0 duplicates, 2 suppressed, 5 excluded, 0 rejected"),
        "{said}"
    );
    let report = world.ok(&["campaign", "report", &id]).await;
    assert!(report.contains("2  suppressed") && report.contains("5  excluded"), "{report}");
    assert_eq!(
        world.ok(&["suppression", "remove", "+254712000007"]).await,
        "the number was removed from the suppression list, for every sender\n"
    );
    for (arguments, says) in [
        (vec!["suppression", "remove", "+254712000007"], "is not on the suppression list for every sender"),
        (vec!["suppression", "add", "0712000001"], "the number has no country code; write"),
        (vec!["campaign", "import", &id, &list, "--errors", &list], "is the list itself"),
        (vec!["campaign", "import", &id, ".", "--again"], "this is a folder; name a file in it"),
    ] {
        let (code, said) = world.fails(&arguments).await;
        assert!(code == 4 && said.contains(says), "{arguments:?} said: {said}");
    }
    world.close().await;
}

#[tokio::test]
async fn which_column_held_the_numbers_is_told_by_import_and_check() {
    let world = World::new("number_column", "none", Config::default()).await;
    let list = world.file("two.csv", include_bytes!("../../../producer/tests/field/landline_first.csv"));
    let id = world.draft(0).await;
    let said = world.ok(&["campaign", "import", &id, &list]).await;
    let told = "the numbers are those of column 'WhatsApp', not of 'Phone'; --number-column names another\n";
    assert!(said.contains(told), "{said}");
    let said = world.ok(&["campaign", "check", &id]).await;
    assert!(said.contains("UTF-8; the numbers are those of column 'WhatsApp'\n"), "{said}");
    let said = world.ok(&["campaign", "check", &id, "--json"]).await;
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["lists"][0]["number_column"], "WhatsApp");
    world.close().await;
}
