//! The workbook reader for the tests of this crate; users run `flowcast read-workbook`.

fn main() -> std::io::Result<()> {
    producer::read_workbook(&std::env::args().nth(1).unwrap_or_default())
}
