//! CSV and similar formats, and files that are none of them.

use crate::corpus::{anna, check, gives, refused};

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

const PLAIN: &str = "phone,first_name\n0712000001,Anna\n";

#[tokio::test]
async fn delimiters_and_line_ends() {
    let two = ["254712000001 first_name=Anna", "254712000002 first_name=Ben"];
    check(
        "corpus_delimited",
        vec![
            anna("comma", PLAIN),
            anna("semicolon", "phone;first_name\n0712000001;Anna\n"),
            anna("tab", "phone\tfirst_name\n0712000001\tAnna\n"),
            anna("bar", "phone|first_name\n0712000001|Anna\n"),
            anna("delimiter said", "sep=;\nphone;first_name\n0712000001;Anna\n"),
            anna(
                "comma in a header of semicolons",
                "\"phone, mobile\";number;first_name\nx;0712000001;Anna\n",
            )
            .with_columns("phone_mobile=x"),
            gives("CRLF", "phone,first_name\r\n0712000001,Anna\r\n0712000002,Ben\r\n", &two, &[]),
            gives("CR", "phone,first_name\r0712000001,Anna\r0712000002,Ben\r", &two, &[]),
            gives(
                "mixed line ends",
                "phone,first_name\r\n0712000001,Anna\r0712000002,Ben\nx,Cy",
                &two,
                &["4 not_a_number"],
            ),
            anna("no line end at the end", PLAIN.trim_end()),
        ],
    )
    .await;
}

#[tokio::test]
async fn quotation_marks_and_ragged_rows() {
    let two = ["254712000001 first_name=Anna", "254712000002 first_name=Ben"];
    check(
        "corpus_rows",
        vec![
            gives(
                "line ends in a cell",
                "phone,first_name\n0712000001,\"An\r\nna\"\nx,Ben\n",
                &["254712000001 first_name=An\nna"],
                &["4 not_a_number"],
            ),
            gives(
                "doubled quotation marks",
                "phone,first_name\n0712000001,\"An\"\"na\"\n",
                &["254712000001 first_name=An\"na"],
                &[],
            ),
            gives(
                "quotation mark inside",
                "phone,first_name\n0712000001,5\" pipe\n",
                &["254712000001 first_name=5\" pipe"],
                &[],
            ),
            gives(
                "text after a quotation",
                "phone,first_name\n0712000001,\"An\"na\n",
                &["254712000001 first_name=Anna"],
                &[],
            ),
            refused(
                "quotation never closed",
                "phone,first_name\n0712000001,Anna\n0712000002,\"Ben\n0712000003,Cy\n",
                "opens a cell in line 3 is never closed",
            ),
            gives(
                "ragged",
                "phone,first_name\n0712000001\n0712000002,Ben,x\n0712000003,Cy,,\n",
                &["254712000003 first_name=Cy"],
                &["2 empty_cell first_name", "3 too_many_cells"],
            ),
            gives(
                "blank rows",
                "\n\nphone,first_name\n\n0712000001,Anna\n , \n,\n   \n0712000002,Ben\n,,,\n\n",
                &two,
                &[],
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn encodings() {
    let text = "phone,first_name\n0712000001,Zoë Müller\n";
    let zoe = |name, bytes: Vec<u8>| gives(name, bytes, &["254712000001 first_name=Zoë Müller"], &[]);
    let latin = b"phone,first_name\n0712000001,Zo\xeb M\xfcller\n".to_vec();
    let cyrillic =
        b"phone,first_name\n0712000001,\xc2\xeb\xe0\xe4\xe8\xec\xe8\xf0\n0712000002,\xc0\xed\xed\xe0\n";
    let in_cyrillic = ["254712000001 first_name=Владимир", "254712000002 first_name=Анна"];
    check(
        "corpus_encodings",
        vec![
            zoe("UTF-8", text.into()),
            zoe("UTF-8 with a mark", format!("\u{feff}{text}").into()),
            zoe("UTF-16 little", utf16(&format!("\u{feff}{text}"), u16::to_le_bytes)),
            zoe("UTF-16 big", utf16(&format!("\u{feff}{text}"), u16::to_be_bytes)),
            zoe("UTF-16 little without a mark", utf16(text, u16::to_le_bytes)),
            zoe("UTF-16 big without a mark", utf16(text, u16::to_be_bytes)),
            zoe("Windows-1252", latin.clone()),
            zoe("Windows-1252, named", latin.clone()).encoding("latin1"),
            refused("Windows-1251, guessed", cyrillic, "perhaps in windows-1251"),
            gives("Windows-1251, named", cyrillic, &in_cyrillic, &[]).encoding("windows-1251"),
            gives("Windows-1252 named UTF-8", latin, &[], &["2 broken_letter first_name"]).encoding("utf-8"),
            refused("an encoding that is none", text, "there is no encoding 'klingon'").encoding("klingon"),
            gives(
                "one broken letter",
                b"phone,first_name\n0712000001,Jos\xc3\xa9 Andr\xc3\xa9\n0712000002,Jos\xe9\n",
                &["254712000001 first_name=José André"],
                &["3 broken_letter first_name"],
            ),
            gives(
                "a letter lost before",
                "phone,first_name\n0712000001,Jos\u{fffd}\n",
                &[],
                &["2 broken_letter first_name"],
            ),
            gives(
                "half UTF-16",
                &utf16(&format!("\u{feff}{text}"), u16::to_le_bytes)[..79],
                &[],
                &["2 broken_letter first_name"],
            ),
            gives(
                "letters of all kinds",
                "phone,first_name\n0712000001,\u{1f600} e\u{301} 你好\n",
                &["254712000001 first_name=\u{1f600} e\u{301} 你好"],
                &[],
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn headers() {
    check(
        "corpus_headers",
        vec![
            refused("empty", "", "the list is empty"),
            refused("only a mark", "\u{feff}", "the list is empty"),
            refused("only blank lines", "\n\r\n \n", "the list is empty"),
            refused("header only", "phone,first_name\n", "no rows below it"),
            refused("header without an end", "phone,first_name", "no rows below it"),
            refused("no header", "0712000001,Anna\n0712000002,Ben\n", "the first row holds a phone number"),
            refused(
                "two columns of a name",
                "phone,first_name,First Name\n",
                "two columns are named 'first_name'",
            ),
            refused(
                "a variable is missing",
                "phone,town\n0712000001,Nairobi\n",
                "the message needs first_name",
            ),
            refused("a million columns", "x,".repeat(1_000_000), "more than 16384 columns"),
            anna("names as people write them", "First Name ,\"Notes (old)\",Mobile No.\nAnna,,0712000001\n")
                .with_columns("notes_old="),
            anna("a column without a name", "phone,first_name,,\n0712000001,Anna,x,\n"),
            anna(
                "an error column from before",
                "phone,first_name,error\n0712000001,Anna,the number is too short\n",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn unexpected_cells() {
    let large = "x".repeat(10_000_000);
    check(
        "corpus_cells",
        vec![
            gives(
                "a cell of 10 MB",
                format!("phone,first_name\n0712000001,{large}\n0712000002,\"{large}\"\n0712000003,Cy\n"),
                &["254712000003 first_name=Cy"],
                &["2 cell_too_long", "3 cell_too_long"],
            ),
            refused("a header of 10 MB", large, "no column looks like the phone number"),
            gives(
                "a million cells",
                format!("phone,first_name\n0712000001{}\n0712000002,Ben\n", ",x".repeat(1_000_000)),
                &["254712000002 first_name=Ben"],
                &["2 too_many_cells"],
            ),
            gives(
                "NUL in cells",
                "phone,first_name\n0712000001,An\0na\n071200\u{0}0002,Ben\n0712000003,Cy\n",
                &["254712000003 first_name=Cy"],
                &["2 nul_character", "3 nul_character"],
            ),
            refused("NUL in the header", "ph\0one,first_name\n0712000001,Anna\n", "not a text file"),
            gives(
                "formulas",
                "phone,first_name\n0712000001,=1+1\n\"'+254712000002\",\"'=1+1\"\n=0712000003,Cy\n=0712000004-1,Di\n",
                &["254712000001 first_name==1+1", "254712000002 first_name==1+1", "254712000003 first_name=Cy"],
                &["5 not_a_number"],
            ),
            gives(
                "empty cells of the message",
                "phone,first_name\n0712000001,\n0712000002,\" \"\n",
                &[],
                &["2 empty_cell first_name", "3 empty_cell first_name"],
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn numbers_as_people_write_them() {
    let list = "phone,first_name\n+254 712 000 001,a\n00254712000002,b\n712000003,c\n'0712000004,d\n254712000005.0,e\n\
        \u{202a}+254\u{a0}712\u{2011}000006\u{202c},f\n2.54712000007E+11,g\n٠٧١٢٠٠٠٠٠٨,h\n(0712) 000-009,i\n+44 20 7946 0958,j\n";
    let read = [
        "254712000001 first_name=a",
        "254712000002 first_name=b",
        "254712000003 first_name=c",
        "254712000004 first_name=d",
        "254712000005 first_name=e",
        "254712000006 first_name=f",
        "254712000007 first_name=g",
        "254712000008 first_name=h",
        "254712000009 first_name=i",
        "442079460958 first_name=j",
    ];
    let wrong = "phone,first_name\n,a\nn/a,b\n2.54712E+11,c\n12,d\n+2547120000012547120,e\n+999712000001,f\n+254012000001,g\n\
        \"0712000001, 0712000002\",h\nanna@example.com,i\n";
    let reasons = [
        "2 number_missing",
        "3 not_a_number",
        "4 number_rounded",
        "5 number_too_short",
        "6 number_too_long",
        "7 no_country_code",
        "8 not_in_number_plan",
        "9 several_numbers",
        "10 not_a_number",
    ];
    let twice = "phone,first_name\n0712000001,Anna\n+254712000001,Anna\n712000001,Anna\n";
    check(
        "corpus_numbers",
        vec![
            gives("written in every way", list, &read, &[]),
            gives("wrong in every way", wrong, &[], &reasons),
            anna("three times in three ways", twice).with_duplicates(2),
        ],
    )
    .await;
}

#[tokio::test]
async fn files_that_are_no_lists() {
    let mut archive = vec![b'x'; 600];
    archive[257..262].copy_from_slice(b"ustar");
    check(
        "corpus_strangers",
        vec![
            refused("PDF", "%PDF-1.7\n", "this is a PDF"),
            refused("a web page named .xls", "\n<html><table><tr><td>phone", "a web page or XML"),
            refused("XML", "\u{feff}<?xml version=\"1.0\"?>", "a web page or XML"),
            refused("RTF", "{\\rtf1 phone}", "a text document"),
            refused("old workbook", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old .xls workbook"),
            refused("PNG", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a picture"),
            refused("JPEG", b"\xff\xd8\xff\xe0\0\x10JFIF\0", "a picture"),
            refused("bzip2", "BZh91AY", "packed with bzip2"),
            refused("xz", b"\xfd7zXZ\0", "packed with xz"),
            refused("zstd", b"\x28\xb5\x2f\xfd\0", "packed with zstd"),
            refused("7-Zip", b"7z\xbc\xaf\x27\x1c", "packed with 7-Zip"),
            refused("RAR", "Rar!\x1a\x07", "packed with RAR"),
            refused("tar", archive, "an archive of files"),
            refused("a program", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0", "not a text file"),
            refused("a sheet of a text", PLAIN, "only an Excel workbook has sheets").sheet("People"),
        ],
    )
    .await;
}
