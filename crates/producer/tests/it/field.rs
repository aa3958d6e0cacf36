//! Lists from fault reports about other systems, with the people in them replaced.

use std::collections::BTreeMap;

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
async fn hidden_sheets_and_rows() {
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
async fn what_was_not_read_of_a_workbook_is_shown_and_stored() {
    let world = World::new("field_told").await;
    let id = world.draft().await;
    let bytes = include_bytes!("../field/filtered_rows.xlsx");
    let report = world.import(id, bytes, &ListOptions::default(), ImportOptions::default()).await.unwrap();
    assert_eq!((report.hidden, report.counts.uploaded), (2, 2));
    assert_eq!(world.count("select hidden::bigint from report.import").await, 2);
    let all_hidden = crate::workbooks::hidden();
    let error =
        world.import(id, &all_hidden, &ListOptions::default(), ImportOptions::default()).await.unwrap_err();
    assert!(error.to_string().contains("no rows below it (1 rows of the sheet are hidden"), "{error}");
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
async fn encodings_of_old_systems() {
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

/// Cases of `numbers.csv` that are accepted; the last two digits of their numbers are `places`.
const READ: &str = "tel_prefix tel_rfc whatsapp_prefix wa_me c_us s_whatsapp label wa_after dot_zero sci_full comma_zero dot_00 \
    thousands_comma thousands_dot thousands_apostrophe apostrophe apostrophe_curly backtick formula_text formula_num \
    plus_space double_plus minus quoted_inside nbsp nnbsp zwsp zwnj bidi_wrap lri alm varsel varsel_fe0d soft_hyphen \
    tab_inside figure_dash fullwidth_paren mvs hangul_filler bom_inside keycap tag_chars arabic persian \
    arabic_trailing_plus trailing_plus devanagari bengali thai burmese gujarati nko two_same two_empty dots oldformat \
    idd_plus00";
fn places() -> impl Iterator<Item = i64> {
    (5..=56).chain([64, 67, 74, 75, 79])
}

/// Cases of `numbers.csv` that are rejected, and why.
const REFUSED: [(&str, &str); 3] = [
    (
        "several_numbers",
        "two_slash two_comma two_space two_or two_colons two_dash two_newline two_plus two_and two_short",
    ),
    ("number_rounded", "sci_lost sci_comma"),
    ("not_a_number", "ext name_in na dash hash masked x letters_o"),
];

#[tokio::test]
async fn numbers_as_people_and_programs_write_them() {
    let text = include_str!("../field/numbers.csv").replace("case,phone", "first_name,phone");
    let world = World::new("field_numbers").await;
    let id = world.draft().await;
    world.import(id, text.as_bytes(), &ListOptions::default(), ImportOptions::default()).await.unwrap();
    let read = "select variables ->> 'first_name', msisdn from recipient where campaign_id = $1";
    let read = world.look.query(read, &[&id.0]).await.unwrap();
    let read: BTreeMap<String, i64> = read.iter().map(|row| (row.get(0), row.get(1))).collect();
    let cases: Vec<&str> = READ.split_whitespace().collect();
    for (case, place) in cases.iter().zip(places()) {
        assert_eq!(read.get(*case), Some(&(254_712_000_000 + place)), "{case}");
    }
    let refused = "
        select reason, array_agg(line order by line) from report.import_rejection where campaign_id = $1 group by 1";
    let refused = world.look.query(refused, &[&id.0]).await.unwrap();
    let refused: BTreeMap<&str, Vec<i32>> = refused.iter().map(|row| (row.get(0), row.get(1))).collect();
    let line = |case: &str| text.lines().position(|line| line.starts_with(&format!("{case},"))).unwrap() + 1;
    for (reason, cases) in REFUSED {
        let lines: Vec<i32> =
            cases.split_whitespace().map(|case| i32::try_from(line(case)).unwrap()).collect();
        assert_eq!(refused[reason], lines, "{reason}");
    }
    world.close().await;
}

#[tokio::test]
async fn columns_of_several_numbers_titles_and_dialects() {
    check(
        "field_columns",
        vec![
            gives(
                "a landline before WhatsApp",
                include_bytes!("../field/landline_first.csv"),
                &["254712000154 first_name=Anna phone=+254202000154"],
                &[],
            ),
            gives(
                "sep= with a tab",
                include_bytes!("../field/sep_tab_utf8.csv"),
                &["254712000103 first_name=Anna"],
                &[],
            ),
            gives(
                "sep= quoted",
                "\"sep=;\"\nphone;first_name\n+254712000001;Anna, B\n",
                &["254712000001 first_name=Anna, B"],
                &[],
            ),
            gives(
                "a title above the header",
                include_bytes!("../field/title_row.csv"),
                &["254712000149 first_name=Anna town=Nakuru"],
                &[],
            ),
            gives(
                "a title with a delimiter of its own",
                "Customers, June\n\nphone;first_name\n+254712000001;Anna\n",
                &["254712000001 first_name=Anna"],
                &[],
            ),
            refused(
                "a title and no header",
                "Customers\nAnna,Nakuru\n",
                "no column looks like the phone number (the columns are customers)",
            ),
            refused("one column without its name", "Contacts\n+254712000001\n", "the columns are contacts"),
            gives(
                "quotation marks of a database",
                include_bytes!("../field/backslash_quotes.csv"),
                &[
                    "254712000501 first_name=Jo \"Big\" Smith",
                    "254712000502 first_name=Ben",
                    "254712000503 first_name=Al \"A\" B",
                ],
                &[],
            ),
            gives(
                "contacts of Google",
                include_bytes!("../field/google_contacts.csv"),
                &["254712000151 first_name=Ben labels=* myContacts last_name=B phone_1_label=Mobile \
                   phone_2_label= phone_2_value="],
                &["2 several_numbers"],
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_column_that_was_used_is_shown_and_stored() {
    let world = World::new("field_column").await;
    let id = world.draft().await;
    let bytes = include_bytes!("../field/landline_first.csv");
    let report = world.import(id, bytes, &ListOptions::default(), ImportOptions::default()).await.unwrap();
    assert_eq!(report.header.number, "WhatsApp");
    assert_eq!(report.header.passed_over, ["Phone"]);
    let kept = "select count(*) from import where number_column = 'WhatsApp' and columns = '{Phone,First Name,WhatsApp}'";
    assert_eq!(world.count(kept).await, 1);
    assert_eq!(world.count("select count(*) from report.import where number_column = 'WhatsApp'").await, 1);
    world.close().await;
}
