//! JSON Lines.

use crate::corpus::{anna, check, gives, refused};

const FIRST: &str = "{\"phone\": \"0712000001\", \"first_name\": \"Anna\"}\n";

#[tokio::test]
async fn objects_a_line() {
    check(
        "corpus_json",
        vec![
            anna("an object a line", FIRST),
            anna("blank lines and CRLF", format!("\r\n\r\n{}\r\n\r\n", FIRST.trim())),
            anna("no line end at the end", FIRST.trim()),
            anna(
                "UTF-16",
                format!("\u{feff}{FIRST}").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(),
            ),
            anna("numbers", "{\"phone\": 254712000001, \"first_name\": \"Anna\"}\n"),
            anna("a number with its decimals", "{\"phone\": 254712000001.0, \"first_name\": \"Anna\"}\n"),
            anna("escapes", "{\"phone\": \"\\u002b254712000001\", \"first\\u005fname\": \"A\\u006ena\"}\n"),
            anna("a name twice", "{\"phone\": 1, \"phone\": \"0712000001\", \"first_name\": \"Anna\"}\n"),
            gives(
                "true, null and numbers",
                "{\"phone\": \"0712000001\", \"first_name\": true, \"a\": null, \"b\": 1.50}\n",
                &["254712000001 a= b=1.50 first_name=true"],
                &[],
            ),
            refused("one JSON list", format!("[{}]", FIRST.trim()), "write it as JSON Lines"),
            refused("a first line that is no object", "{\"phone\": \n", "line 1 is not a JSON object"),
            refused("no number", "{\"first_name\": \"Anna\"}\n", "no column looks like the phone number"),
            refused("no name", "{\"phone\": \"0712000001\"}\n", "the message needs first_name"),
        ],
    )
    .await;
}

#[tokio::test]
async fn lines_that_are_rejected() {
    let long =
        format!("{FIRST}{{\"phone\": \"0712000002\", \"first_name\": \"{}\"}}\n", "x".repeat(10_000_000));
    let deep = format!("{FIRST}{}\n", "[".repeat(100_000));
    check(
        "corpus_json_lines",
        vec![
            gives(
                "rows that are none",
                [
                    FIRST,
                    "{\"phone\": 2.54712E+11, \"first_name\": \"Ben\"}\n",
                    "{\"phone\": \"0712000002\", \"first_name\": [\"Ben\"]}\n",
                    "{\"phone\": \"0712000003\", \"first_name\": \"Cy\", \"town\": \"Kisumu\"}\n",
                    "{\"phone\": \"0712000004\"}\n",
                    "{\"phone\": \"0712000005\", \"first_name\": null}\n",
                    "{\"phone\": \"0712000006\", \"first_name\": \"Dan\"\n",
                    "0712000007,Eve\n",
                    "{\"phone\": \"0712000008\", \"first_name\": \"F\\u0000y\"}\n",
                ]
                .concat(),
                &["254712000001 first_name=Anna"],
                &[
                    "2 number_rounded",
                    "3 not_text",
                    "4 unknown_name",
                    "5 empty_cell first_name",
                    "6 empty_cell first_name",
                    "7 not_json",
                    "8 not_json",
                    "9 nul_character",
                ],
            ),
            gives("a line of 10 MB", long, &["254712000001 first_name=Anna"], &["2 cell_too_long"]),
            gives("deep nesting", deep, &["254712000001 first_name=Anna"], &["2 not_json"]),
        ],
    )
    .await;
}
