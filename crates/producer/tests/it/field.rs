//! Lists as they came with fault reports about other systems, with the people in them replaced.

use crate::corpus::{check, refused};

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
