//! Excel workbooks.

use std::io::{Cursor, Write};

use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook, Worksheet, XlsxError};
use zip::write::SimpleFileOptions;

use crate::corpus::{anna, check, gives, refused};

/// A workbook whose first sheet `fill` writes.
fn workbook(fill: impl FnOnce(&mut Worksheet) -> Result<(), XlsxError>) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_row(0, 0, ["Phone", "First name"]).unwrap();
    fill(sheet).unwrap();
    workbook.save_to_buffer().unwrap()
}

/// A workbook of one recipient, Anna.
pub(crate) fn plain() -> Vec<u8> {
    workbook(|sheet| sheet.write_row(1, 0, ["0712000001", "Anna"]).map(drop))
}

/// A workbook whose only recipient is hidden.
pub(crate) fn hidden() -> Vec<u8> {
    workbook(|sheet| sheet.write_row(1, 0, ["0712000001", "Anna"])?.set_row_hidden(1).map(drop))
}

/// A zip file with these entries.
fn zipped(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[tokio::test]
async fn cells_of_every_kind() {
    let numbers = workbook(|sheet| {
        sheet.write_number(1, 0, 254_712_000_001.0)?.write_string(1, 1, "Anna")?;
        sheet.write_number(2, 0, 712_000_002.0)?.write_string(2, 1, "Ben")?;
        sheet.write_string(3, 0, "2.54712E+11")?.write_string(3, 1, "Cy")?;
        sheet.write_number(4, 0, 2.5e20)?.write_string(4, 1, "Dan")?;
        sheet.write_number(5, 0, 712_000_003.5)?.write_string(5, 1, "Eve")?.write_blank(
            7,
            0,
            &Format::new(),
        )?;
        Ok(())
    });
    let others = workbook(|sheet| {
        let date = Format::new().set_num_format("yyyy-mm-dd");
        sheet.write_row(0, 2, ["day", "time", "share", "member"])?;
        sheet.write_row(1, 0, ["0712000001", "Anna"])?;
        sheet.write_with_format(1, 2, &ExcelDateTime::from_ymd(2026, 2, 3)?, &date)?;
        let time = Format::new().set_num_format("yyyy-mm-dd hh:mm");
        sheet.write_with_format(1, 3, &ExcelDateTime::from_ymd(2026, 2, 3)?.and_hms(9, 30, 0)?, &time)?;
        sheet.write_number(1, 4, 0.5)?.write_boolean(1, 5, true)?;
        Ok(())
    });
    let formulas = workbook(|sheet| {
        sheet.write_formula(1, 0, Formula::new("=\"07120\"&\"00001\"").set_result("0712000001"))?;
        sheet.write_formula(1, 1, Formula::new("=UPPER(\"a\")").set_result("Anna"))?;
        sheet.write_string(2, 0, "0712000002")?;
        sheet.write_formula(2, 1, Formula::new("=1/0").set_result("#DIV/0!"))?;
        Ok(())
    });
    check(
        "corpus_workbook_cells",
        vec![
            anna("texts", plain()),
            gives(
                "numbers",
                numbers,
                &["254712000001 first_name=Anna", "254712000002 first_name=Ben"],
                &["4 number_rounded", "5 number_too_long", "6 not_in_number_plan"],
            ),
            gives(
                "dates, shares and truths",
                others,
                &["254712000001 day=2026-02-03 first_name=Anna member=true share=0.5 time=2026-02-03 09:30"],
                &[],
            ),
            gives("formulas", formulas, &["254712000001 first_name=Anna"], &["3 formula_error"]),
        ],
    )
    .await;
}

#[tokio::test]
async fn rows_and_sheets() {
    let sparse = workbook(|sheet| {
        sheet.write_row(3, 0, ["0712000001", "Anna"])?.write_string(6, 1, "Ben")?.write_string(
            7,
            0,
            "0712000002",
        )?;
        sheet.write_string(9, 0, " ")?.write_row(11, 0, ["0712000003", "Cy", "", "x"])?;
        Ok(())
    });
    let far = workbook(|sheet| {
        sheet.write_row(1, 0, ["0712000001", "Anna"])?.write_string(1_048_575, 16_383, "x").map(drop)
    });
    let mut two = Workbook::new();
    two.add_worksheet().set_name("Notes").unwrap().write_string(0, 0, "ask Ben").unwrap();
    let people = two.add_worksheet().set_name("People").unwrap();
    people.write_row(0, 0, ["phone", "first_name"]).unwrap().write_row(1, 0, ["0712000001", "Anna"]).unwrap();
    let two = two.save_to_buffer().unwrap();
    let mut empty = Workbook::new();
    empty.add_worksheet();
    check(
        "corpus_workbook_rows",
        vec![
            gives(
                "gaps",
                sparse,
                &["254712000001 first_name=Anna", "254712000003 first_name=Cy"],
                &["7 number_missing", "8 empty_cell first_name"],
            ),
            gives(
                "a cell in the last corner",
                far,
                &["254712000001 first_name=Anna"],
                &["1048576 number_missing"],
            ),
            anna("a named sheet", two.clone()).sheet("people "),
            refused("the wrong first sheet", two.clone(), "no column looks like the phone number"),
            refused("no such sheet", two, "there is no sheet 'Persons'; the sheets are Notes, People")
                .sheet("Persons"),
            refused("an empty sheet", empty.save_to_buffer().unwrap(), "the list is empty"),
            refused("header only", workbook(|_| Ok(())), "no rows below it"),
        ],
    )
    .await;
}

#[tokio::test]
async fn files_that_are_not_workbooks() {
    let whole = plain();
    let cut = whole[..whole.len() / 2].to_vec();
    let mut changed = whole;
    let name = b"xl/worksheets/sheet1.xml";
    let sheet = changed.windows(name.len()).position(|window| window == name).unwrap() + name.len();
    changed[sheet + 40..sheet + 100].fill(0x55);
    check(
        "corpus_workbook_none",
        vec![
            refused("cut off", cut, "damaged or was cut off"),
            refused("changed", changed, "damaged or was cut off"),
            refused("a zip file of a list", zipped(&[("list.csv", b"phone\n")]), "not an Excel workbook"),
            refused("an empty zip file", zipped(&[]), "this zip file is empty"),
            refused("a workbook of nothing", zipped(&[("xl/workbook.xml", b"")]), "damaged or was cut off"),
        ],
    )
    .await;
}
