//! Lists that come out of a campaign, and what is kept no longer.

use simulator::Config;

use crate::world::World;

/// A list with what may go wrong between two programs: formulas, quotation marks, control characters, other letters, numbers
/// with a leading zero, a landline before WhatsApp.
const LIST: &str = "Phone,WhatsApp,First Name,Größe (cm),note\n\
    +254202000001,+254712000001,Anna,\"1,5\",\"a \"\"b\"\", c\"\n\
    020 2000002,254712000002,=1+1,007,-5\n\
    ,+254712000003,\u{ff1d}SUM(A1),,\"two\nlines\"\n\
    ,+254712000004,Jos\u{e9} \u{1f600}\u{1b}[31m_x0041_,'quoted',@x\n";

#[tokio::test]
async fn a_list_that_was_exported_can_be_imported_again_and_holds_no_formula() {
    let world = World::new("export", "none", Config::default()).await;
    let id = world.draft(0).await;
    let list = world.file("people.csv", LIST);
    world.ok(&["campaign", "import", &id, &list]).await;
    world.ok(&["campaign", "cancel", &id]).await;
    let exported = world.ok(&["campaign", "export", &id, "--who", "cancelled"]).await;
    assert_eq!(
        exported,
        "WhatsApp,Phone,First Name,Größe (cm),note\n\
         254712000001,'+254202000001,Anna,\"1,5\",\"a \"\"b\"\", c\"\n\
         254712000002,020 2000002,'=1+1,007,'-5\n\
         254712000003,,'\u{ff1d}SUM(A1),,\"two\nlines\"\n\
         254712000004,,Jos\u{e9} \u{1f600}\u{1b}[31m_x0041_,'quoted','@x\n"
    );
    let mut export = world.command(&["campaign", "export", &id, "--who", "cancelled", "--format", "xlsx"]);
    let workbook = export.output().await.unwrap();
    assert!(workbook.status.success() && workbook.stderr.is_empty());
    no_formula_and_no_number_in(&workbook.stdout);
    for (name, bytes) in [("again.csv", exported.as_bytes()), ("again.xlsx", &workbook.stdout)] {
        let again = world.draft(0).await;
        let list = world.file(name, bytes);
        let said = world.ok(&["campaign", "import", &again, &list]).await;
        assert!(said.contains("column 'WhatsApp', not of 'Phone'") && said.contains("4 imported"), "{said}");
        let same = format!(
            "select count(*) from recipient a join recipient b using (seq, msisdn, variables)
             where a.campaign_id = {id} and b.campaign_id = {again}"
        );
        assert_eq!(world.count(&same).await, 4, "{name}");
    }
    let csv = world.ok(&["campaign", "report", &id, "--format", "csv"]).await;
    assert!(csv.lines().next().unwrap().ends_with("unpriced,difference"), "{csv}");
    assert!(world.ok(&["check-counts"]).await.starts_with("all counters"));
    world.close().await;
}

/// Every cell of the sheet is text, so a spreadsheet calculates nothing and shows every digit of a number.
fn no_formula_and_no_number_in(workbook: &[u8]) {
    let mut parts = zip::ZipArchive::new(std::io::Cursor::new(workbook)).unwrap();
    let mut sheet = parts.by_name("xl/worksheets/sheet1.xml").unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut sheet, &mut text).unwrap();
    let cells: Vec<&str> = text.split("<c ").skip(1).collect();
    assert!(
        cells.len() > 20 && cells.iter().all(|cell| cell.contains("t=\"inlineStr\"") || cell.contains("/>")),
        "{text}"
    );
    assert!(!text.contains("<f>") && text.contains(">254712000001<"), "{text}");
}

#[tokio::test]
async fn an_export_that_cannot_be_written_fails_and_does_not_pass_for_a_whole_list() {
    let world = World::new("export_full", "none", Config::default()).await;
    let id = world.draft(1).await;
    world.ok(&["campaign", "cancel", &id]).await;
    let mut export = world.command(&["campaign", "export", &id, "--who", "cancelled"]);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    // `output` of this command would put a pipe in the place of what is full.
    let export = export.stdout(full).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let output = export.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot write the list to standard output: No space left on device"), "{said}");
    world.close().await;
}

#[tokio::test]
async fn whoever_erases_is_told_what_was_erased_and_what_not() {
    let world = World::new("erase", "none", Config::default()).await;
    let id = world.draft(2).await;
    let said = world.ok(&["erase", "+254712000001"]).await;
    assert!(said.starts_with("the number is erased in 1 campaigns"), "{said}");
    let (code, said) = world.fails(&["erase", "0712"]).await;
    assert!(code == 4 && said.contains("with its country code"), "{said}");
    let (code, said) = world.fails(&["campaign", "retry", &id, "--class", "failed"]).await;
    assert!(code == 4 && said.contains("was never started"), "{said}");
    let (code, said) = world.fails(&["campaign", "archive", &id]).await;
    assert!(code == 4 && said.contains("only a finished or cancelled one"), "{said}");
    world.ok(&["campaign", "cancel", &id]).await;
    assert!(world.ok(&["retention", "run", "--older-than", "0s"]).await.contains("counts are kept"));
    let (code, said) = world.fails(&["campaign", "export", &id, "--who", "cancelled"]).await;
    assert!(code == 4 && said.contains("are erased"), "{said}");
    assert!(world.ok(&["campaign", "archive", &id]).await.contains("counts are kept"));
    world.close().await;
}
