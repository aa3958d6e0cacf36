//! Sheets as other programs write them, compared with the results of the `calamine` crate.

use std::io::{Cursor, Write};

use calamine::{DataRef, Reader};
use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook, Worksheet};
use zip::write::SimpleFileOptions;

use super::*;
use crate::reason::Reason;

type Found = (i32, Option<&'static str>, Vec<String>);

/// The rows of the first sheet, and the number of hidden rows.
fn read(file: &[u8]) -> Result<(Vec<Found>, u64), String> {
    let mut rows = Vec::new();
    let mut xlsx = Xlsx::open(Cursor::new(file)).map_err(|error| error.to_string())?;
    let hidden = xlsx.each_row(0, false, &mut |row| {
        let cells = row.cells().map(|cell| String::from_utf8(cell.to_vec()).unwrap()).collect();
        rows.push((row.line, row.fault.map(Reason::word), cells));
        Ok(true)
    });
    Ok((rows, hidden.map_err(|error| error.to_string())?))
}

/// The rows that `calamine` reads; it ignores hidden rows.
fn expected(file: &[u8]) -> Vec<Found> {
    let mut workbook: calamine::Xlsx<_> = calamine::Xlsx::new(Cursor::new(file)).unwrap();
    let sheet = workbook.sheet_names()[0].clone();
    let mut cells = workbook.worksheet_cells_reader(&sheet).unwrap();
    let mut rows: Vec<Found> = Vec::new();
    while let Some(cell) = cells.next_cell().unwrap() {
        let (line, column) = cell.get_position();
        let line = i32::try_from(line).unwrap() + 1;
        if rows.last().is_none_or(|row| row.0 != line) {
            rows.push((line, None, Vec::new()));
        }
        let row = rows.last_mut().unwrap();
        let text = match cell.get_value() {
            DataRef::Empty => continue,
            DataRef::Error(_) => {
                row.1 = Some("formula_error");
                continue;
            }
            DataRef::Float(number) => number.to_string(),
            DataRef::String(text) => text.clone(),
            DataRef::SharedString(text) => (*text).to_owned(),
            DataRef::Bool(value) => value.to_string(),
            DataRef::DateTime(time) => {
                let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
                match (hour, minute, second) {
                    (0, 0, 0) => format!("{year:04}-{month:02}-{day:02}"),
                    (_, _, 0) => format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}"),
                    _ => format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"),
                }
            }
            other => panic!("{other:?}"),
        };
        row.2.resize(usize::try_from(column).unwrap(), String::new());
        row.2.push(text);
    }
    rows.retain(|row| row.1.is_some() || row.2.iter().any(|cell| !cell.trim_ascii().is_empty()));
    rows
}

/// A generator that gives the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        u32::try_from((self.0 >> 33) % u64::from(n)).unwrap()
    }
}

/// Fills a cell with a random value.
fn fill(sheet: &mut Worksheet, random: &mut Random, (line, column): (u32, u16)) {
    const TEXTS: [&str; 8] =
        ["+254712000001", "Zoë", " two  spaces ", "a\nb", "<&>\"'", "_x000D_", "\u{1f600}", "0712 000 001"];
    let text = TEXTS[usize::try_from(random.below(8)).unwrap()];
    match random.below(8) {
        0 => sheet.write_number(line, column, 254_712_000_000.0 + f64::from(random.below(1_000_000))),
        1 => sheet.write_number(line, column, f64::from(random.below(1_000_000)) / 1000.0),
        2 => {
            let format = Format::new().set_num_format("yyyy-mm-dd hh:mm:ss");
            let day = ExcelDateTime::from_serial_datetime(
                f64::from(random.below(50_000)) + f64::from(random.below(86_400)) / 86_400.0,
            );
            sheet.write_with_format(line, column, day.unwrap(), &format)
        }
        3 => sheet.write_boolean(line, column, random.below(2) == 0),
        4 => sheet.write_formula(line, column, Formula::new("=1+1").set_result(text)),
        5 => sheet.write_blank(line, column, &Format::new().set_bold()),
        6 => sheet.write_formula(line, column, Formula::new("=1/0").set_result("#DIV/0!")),
        _ => sheet.write_string(line, column, text),
    }
    .unwrap();
}

#[test]
fn sheets_of_all_kinds_are_read_as_calamine_reads_them() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let mut workbook = Workbook::new();
        let sheet = match seed % 3 {
            0 => workbook.add_worksheet(),
            1 => workbook.add_worksheet_with_constant_memory().unwrap(),
            _ => workbook.add_worksheet_with_low_memory().unwrap(),
        };
        let mut line = 0;
        for _ in 0..30 {
            line += random.below(3) + 1;
            for column in 0..6 {
                if random.below(3) > 0 {
                    fill(sheet, &mut random, (line, column));
                }
            }
        }
        let file = workbook.save_to_buffer().unwrap();
        let (rows, hidden) = read(&file).unwrap();
        assert_eq!((rows, hidden), (expected(&file), 0), "seed {seed}");
    }
}

/// A workbook of one sheet with these rows. The shared texts are `zero` and `one`.
fn sheet(rows: &str) -> Vec<u8> {
    zipped(&[("xl/worksheets/sheet1.xml", &format!("<worksheet><sheetData>{rows}</sheetData></worksheet>"))])
}

/// The same workbook with these parts added.
fn zipped(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let usual = [
        (
            "_rels/.rels",
            r#"<Relationships><Relationship Id="a" Type="x/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
        ),
        ("xl/workbook.xml", r#"<workbook><sheets><sheet name="S" r:id="s"/></sheets></workbook>"#),
        (
            "xl/_rels/workbook.xml.rels",
            r#"<Relationships><Relationship Id="s" Type="x/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#,
        ),
        (
            "xl/sharedStrings.xml",
            "<sst><si><t>zero</t></si><si><r><t>on</t></r><r><t>e</t></r><rPh><t>x</t></rPh></si><si/></sst>",
        ),
    ];
    let usual = usual.iter().filter(|(name, _)| parts.iter().all(|(other, _)| other != name));
    for (name, text) in usual.chain(parts) {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn cells(rows: &str) -> Vec<(i32, Option<&'static str>, String)> {
    let (rows, _) = read(&sheet(rows)).unwrap();
    rows.into_iter().map(|(line, fault, cells)| (line, fault, cells.join("|"))).collect()
}

#[test]
fn unusual_xml_is_read_too() {
    let ok = |line, cells: &str| (line, None, cells.to_owned());
    for (rows, expected) in [
        (
            "<row><c><v>1</v></c><c><v>2</v></c></row><row><c><v>3</v></c></row>",
            vec![ok(1, "1|2"), ok(2, "3")],
        ),
        (r#"<x:row r="3"><x:c r="B3" t="s"><x:v>1</x:v></x:c></x:row>"#, vec![ok(3, "|one")]),
        (r"<row r='2'><c r = 'A2' t='str'><v>a&amp;b&#10;c</v></c></row>", vec![ok(2, "a&b\nc")]),
        (
            r#"<row><c r="A7"><v>1</v></c></row><row r="9"/><row><c><v>2</v></c></row>"#,
            vec![ok(7, "1"), ok(10, "2")],
        ),
        (
            r#"<row r="1"><c t="inlineStr"><is><t>a</t><rPh><t>x</t></rPh></is></c><c s="1"/><c t="b"><v>1</v></c></row>"#,
            vec![ok(1, "a||true")],
        ),
        (
            r#"<row r="1"><c t="d"><v>2026-02-03</v></c><c t="s"><v>2</v></c><c><v><![CDATA[5]]></v></c></row>"#,
            vec![ok(1, "2026-02-03||5")],
        ),
        (r#"<row r="1"><c r="B1"><v>1</v></c><c r="A1"><v>2</v></c></row>"#, vec![ok(1, "|1")]),
        ("<row><c t=\"inlineStr\"><is><t> </t></is></c></row>", vec![]),
    ] {
        assert_eq!(cells(rows), expected, "{rows}");
    }
    assert_eq!(
        read(&zipped(&[("xl/worksheets/sheet1.xml", "<worksheet><sheetData/></worksheet>")])).unwrap().0,
        []
    );
    let elsewhere = [
        (
            "_rels/.rels",
            r#"<Relationships><Relationship Id="a" Type="x/officeDocument" Target="/Book/WorkBook.xml"/></Relationships>"#,
        ),
        (
            "book\\workbook.xml",
            r#"<workbook><workbookPr date1904="1"/><sheets><sheet name="S" id="s"/></sheets></workbook>"#,
        ),
        (
            "book/_rels/workbook.xml.rels",
            r#"<Relationships><Relationship Id="s" Type="x/worksheet" Target="../data/s.bin"/><Relationship Id="t" Type="x/sharedStrings" Target="t.dat"/></Relationships>"#,
        ),
        ("Data/S.bin", r#"<worksheet><sheetData><row><c t="s"><v>0</v></c></row></sheetData></worksheet>"#),
        ("book/t.dat", "<sst><si><t>here</t></si></sst>"),
    ];
    assert_eq!(read(&zipped(&elsewhere)).unwrap().0, [(1, None, vec!["here".to_owned()])]);
}

#[test]
fn a_formula_without_its_result_is_reported_and_an_empty_text_is_a_result() {
    let not = Some("formula_not_calculated");
    for (cell, fault, text) in [
        ("<c><f>A1</f></c>", not, ""),
        ("<c><f>A1</f><v></v></c>", not, ""),
        ("<c><f t=\"shared\" si=\"0\"/><v/></c>", not, ""),
        ("<c t=\"str\"><f>A1</f></c>", not, ""),
        ("<c t=\"e\"><f>A1</f><v>#N/A</v></c>", Some("formula_error"), ""),
        ("<c><f>A1</f><v>5</v></c>", None, "5"),
        ("<c t=\"str\"><f>A1</f><v></v></c><c><v>1</v></c>", None, "|1"),
    ] {
        assert_eq!(cells(&format!("<row>{cell}</row>")), [(1, fault, text.to_owned())], "{cell}");
    }
}

#[test]
fn hidden_rows_are_ignored_and_counted() {
    let rows = r#"<row r="1"><c><v>1</v></c></row><row r="2" hidden="1"><c><v>2</v></c></row>
        <row r="3" hidden="true"><c><v>3</v></c></row><row r="4" hidden="0"><c><v>4</v></c></row><row r="5" hidden="1"/>"#;
    let (found, hidden) = read(&sheet(rows)).unwrap();
    assert_eq!(found.iter().map(|row| row.0).collect::<Vec<_>>(), [1, 4]);
    assert_eq!(hidden, 2);
    let mut lines = Vec::new();
    let mut xlsx = Xlsx::open(Cursor::new(sheet(rows))).unwrap();
    let all = xlsx.each_row(0, true, &mut |row| {
        lines.push(row.line);
        Ok(true)
    });
    assert_eq!((all.unwrap(), lines), (0, vec![1, 2, 3, 4]));
}

#[test]
fn cells_right_of_every_possible_column_name_are_dropped() {
    let row = |n: u32, last: &str| {
        format!(r#"<row r="{n}"><c r="A{n}"><v>1</v></c><c r="{last}{n}"><v>2</v></c></row>"#)
    };
    let lengths = |last: &dyn Fn(u32) -> &'static str| -> Vec<usize> {
        let rows: Vec<String> = (1..40).map(|n| row(n, last(n))).collect();
        read(&sheet(&rows.concat())).unwrap().0.iter().map(|row| row.2.len()).collect()
    };
    let late = lengths(&|n| if n < 17 { "C" } else { "XFD" });
    assert_eq!((late[15], late[16], late.len()), (3, 1, 39));
    let early = lengths(&|n| if n == 16 { "C" } else { "XFD" });
    assert_eq!((early[0], early[15], early[38]), (16_384, 3, 16_384));
}

#[test]
fn a_sheet_with_a_wrong_checksum_is_refused() {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut whole =
        zip::ZipArchive::new(Cursor::new(sheet("<row><c><v>254712000001</v></c></row>"))).unwrap();
    for index in 0..whole.len() {
        let mut part = whole.by_index(index).unwrap();
        writer.start_file(part.name().unwrap(), stored).unwrap();
        std::io::copy(&mut part, &mut writer).unwrap();
    }
    let mut file = writer.finish().unwrap().into_inner();
    assert_eq!(read(&file).unwrap().0.len(), 1);
    let at = file.windows(12).position(|window| window == b"254712000001").unwrap();
    file[at + 11] = b'2';
    assert!(read(&file).unwrap_err().contains("damaged"));
}

#[test]
fn values_outside_every_sheet_are_refused() {
    for rows in [
        r#"<row r="1"><c r="ZZZZZZZZ1"><v>1</v></c></row>"#,
        r#"<row r="1"><c r="A4294967297"><v>1</v></c></row>"#,
        r#"<row r="1"><c r="XFE1"><v>1</v></c></row>"#,
        r#"<row r="4294967297"><c><v>1</v></c></row>"#,
        r#"<row r="1048577"><c><v>1</v></c></row>"#,
        r#"<row r="1048576"/><row><c><v>1</v></c></row>"#,
        r#"<row r="-1"><c><v>1</v></c></row>"#,
        r#"<row r="1"><c t="s"><v>3</v></c></row>"#,
        r#"<row r="1"><c t="s"><v>-1</v></c></row>"#,
        r#"<row r="1"><c t="b"><v>2</v></c></row>"#,
        r#"<row r="1"><c t="z"><v>2</v></c></row>"#,
        r#"<row r="1"><c t="str"><v>&unknown;</v></c></row>"#,
        r#"<row r="1"><c><v>1"#,
    ] {
        assert!(read(&sheet(rows)).is_err_and(|error| error.contains("damaged")), "{rows}");
    }
    let back = r#"<row r="2"><c><v>1</v></c></row><row r="1"><c><v>1</v></c></row>"#;
    assert!(read(&sheet(back)).unwrap_err().contains("not in order"));
    for (parts, expected) in [
        ([("xl/workbook.xml", "")], "damaged"),
        ([("xl/workbook.xml", "<w/>")], "not an Excel workbook"),
        ([("xl/workbook.xml", "<workbook><sheets/></workbook>")], "damaged"),
        (
            [("xl/workbook.xml", "<workbook><sheets><sheet name='S' r:id='none'/></sheets></workbook>")],
            "damaged",
        ),
        ([("xl/_rels/workbook.xml.rels", "")], "damaged"),
        ([("_rels/.rels", "<R><Relationship Type='officeDocument' Target='xl/workbook.bin'/></R>")], ".xlsb"),
        (
            [("_rels/.rels", "<R><Relationship Type='officeDocument' Target='word/document.xml'/></R>")],
            "not an Excel workbook",
        ),
    ] {
        let error = read(&zipped(&parts)).unwrap_err();
        assert!(error.contains(expected), "{parts:?}: {error}");
    }
    for (part, expected) in [
        ("word/document.xml", "a Word document"),
        ("ppt/presentation.xml", "a presentation"),
        ("content.xml", "an OpenDocument file"),
    ] {
        let document = format!("<R><Relationship Type='officeDocument' Target='{part}'/></R>");
        let error = read(&zipped(&[("_rels/.rels", &document), (part, "<document/>")])).unwrap_err();
        assert!(error.contains(expected), "{part}: {error}");
    }
}
