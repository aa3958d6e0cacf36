//! Lists as they came with fault reports about other systems, with the people in them replaced.

use producer::{ImportOptions, List, ListOptions};

use crate::corpus::{check, gives, refused};
use crate::world::{World, reader};

#[tokio::test]
async fn rows_that_a_stray_quotation_mark_swallows() {
    check(
        "field_quotes",
        vec![
            refused(
                "two stray quotation marks",
                include_bytes!("../field/stray_quotes.csv"),
                "opens a cell in line 5 is closed in line 15, in the middle of another cell",
            ),
            refused(
                "one stray quotation mark",
                include_bytes!("../field/one_stray_quote.csv"),
                "opens a cell in line 5 is never closed",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn cells_that_a_spreadsheet_leaves_out_at_the_end() {
    let recipient = |n: u32| {
        let notes = if n < 10 { "VIP" } else { "" };
        format!("2547120001{n:02} first_name=Guest {n} notes={notes} town=Nakuru")
    };
    let all: Vec<String> = (6..40).map(recipient).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let list = include_bytes!("../field/excel_missing_trailing.csv");
    check("field_ragged", vec![gives("delimiters left out", list, &all, &[])]).await;
}

#[tokio::test]
async fn sheets_and_rows_that_nobody_sees() {
    let filtered = include_bytes!("../field/filtered_rows.xlsx");
    let sheets = include_bytes!("../field/hidden_first_sheet.xlsx");
    check(
        "field_hidden",
        vec![
            gives("a hidden first sheet", sheets, &["254712000701 first_name=Anna"], &[]),
            gives("a hidden sheet by its name", sheets, &["254712000799 first_name=Last year"], &[])
                .sheet("Old list"),
            gives(
                "rows that a filter hides",
                filtered,
                &["254712000702 first_name=Shown", "254712000705 first_name=Shown"],
                &[],
            ),
            gives(
                "rows that a filter hides, asked for",
                filtered,
                &[
                    "254712000702 first_name=Shown",
                    "254712000703 first_name=Filtered out",
                    "254712000704 first_name=Filtered out",
                    "254712000705 first_name=Shown",
                ],
                &[],
            )
            .include_hidden(),
            gives(
                "formulas without results",
                include_bytes!("../field/formula_no_cache.xlsx"),
                &["254712000707 first_name=Ben"],
                &["2 formula_not_calculated", "4 formula_not_calculated"],
            ),
            gives(
                "a note in a column without a name",
                include_bytes!("../field/trailing_styled_columns.xlsx"),
                &["254712000730 first_name=Anna"],
                &[],
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_was_not_read_of_a_workbook_is_told_and_kept() {
    let world = World::new("field_told").await;
    let id = world.draft().await;
    let bytes = include_bytes!("../field/filtered_rows.xlsx");
    let report = world.import(id, bytes, &ListOptions::default(), ImportOptions::default()).await.unwrap();
    assert_eq!((report.hidden, report.counts.uploaded), (2, 2));
    assert_eq!(world.count("select hidden::bigint from report.import").await, 2);
    let all_hidden = crate::workbooks::hidden();
    let error =
        world.import(id, &all_hidden, &ListOptions::default(), ImportOptions::default()).await.unwrap_err();
    assert!(error.to_string().contains("nobody below it (1 rows of the sheet are hidden"), "{error}");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), include_bytes!("../field/hidden_first_sheet.xlsx")).unwrap();
    let options = |sheet| ListOptions { sheet, reader: reader(), ..ListOptions::default() };
    let said = List::open(file.path(), &options(None)).unwrap().to_string();
    assert_eq!(said, "Excel workbook, sheet 'Send to these'; hidden and not read: 'Old list'");
    let said = List::open(file.path(), &options(Some("Old list".into()))).unwrap().to_string();
    assert_eq!(said, "Excel workbook, hidden sheet 'Old list'; not read: 'Send to these'");
    world.close().await;
}

#[tokio::test]
async fn encodings_of_old_machines() {
    let mac = include_bytes!("../field/mac_roman.csv");
    let recipients = ["254712000511 first_name=José", "254712000512 first_name=Zoë Müller"];
    check(
        "field_encodings",
        vec![
            refused("Mac Roman", mac, "perhaps in macintosh"),
            gives("Mac Roman, named", mac, &recipients, &[]).encoding("macintosh"),
            refused("MS-DOS", b"phone;first_name\n+254712000511;Jos\x82\n", "a code page of MS-DOS"),
        ],
    )
    .await;
}
