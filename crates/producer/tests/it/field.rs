//! Lists as they came with fault reports about other systems, with the people in them replaced.

use crate::corpus::{check, gives, refused};

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
