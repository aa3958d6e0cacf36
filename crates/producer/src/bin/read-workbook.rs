//! The program that reads a workbook for the tests of this crate; `flowcast read-workbook` does it for people.

fn main() -> std::io::Result<()> {
    producer::read_workbook(&std::env::args().nth(1).unwrap_or_default())
}
