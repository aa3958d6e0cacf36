//! Workbooks that try to use much memory or time: each is refused with a sentence by a process that ends within its
//! limits, while the
//! parent process is not affected.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flate2::{Compress, Compression, Crc, FlushCompress};
use nix::sys::resource::{UsageWho, getrusage};
use producer::{ImportOptions, List, ListOptions, WorkbookReader, read_numbers};

use crate::world::reader;

/// The memory limit of the reading process, plus that of the program itself.
const CHILD_MIB: i64 = 256 + 48;
/// How much this process may grow.
const OWN_MIB: i64 = 16;
/// For a slow machine, without optimization.
const PATIENCE: Duration = Duration::from_mins(2);

/// A part of a workbook: a beginning, and a unit that is repeated after it.
struct Part {
    name: String,
    begin: Vec<u8>,
    unit: Vec<u8>,
    times: usize,
}

fn part(name: impl Into<String>, begin: impl Into<Vec<u8>>) -> Part {
    Part { name: name.into(), begin: begin.into(), unit: Vec::new(), times: 0 }
}

impl Part {
    fn then(mut self, unit: impl Into<Vec<u8>>, times: usize) -> Self {
        (self.unit, self.times) = (unit.into(), times);
        self
    }

    /// The repeated unit in larger pieces, and how often a piece is repeated.
    fn piece(&self) -> Vec<u8> {
        self.unit.repeat(200_000 / self.unit.len().max(1))
    }

    fn pieces(&self) -> usize {
        (self.unit.len() * self.times).div_ceil(self.piece().len().max(1))
    }

    fn size(&self) -> u32 {
        u32::try_from(self.begin.len() + self.pieces() * self.piece().len()).unwrap()
    }

    /// For a part that is read to its end.
    fn checksum(&self) -> [u8; 4] {
        let mut crc = Crc::new();
        crc.update(&self.begin);
        crc.sum().to_le_bytes()
    }

    /// Deflated without gigabytes in memory: a compressed piece is repeated.
    fn deflated(&self) -> Vec<u8> {
        let mut deflated = pressed(&self.begin);
        deflated.extend(pressed(&self.piece()).repeat(self.pieces()));
        // An empty last block.
        deflated.extend([3, 0]);
        deflated
    }
}

/// Compressed bytes that are complete in themselves.
fn pressed(bytes: &[u8]) -> Vec<u8> {
    if bytes.is_empty() {
        return Vec::new();
    }
    let mut compress = Compress::new(Compression::best(), false);
    let mut pressed = Vec::with_capacity(bytes.len() + 1024);
    compress.compress_vec(bytes, &mut pressed, FlushCompress::Full).unwrap();
    pressed
}

/// A zip file; the checksums of parts with repeated units are wrong.
fn zipped(parts: &[Part]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for part in parts {
        let deflated = part.deflated();
        let [packed, at] = [deflated.len(), file.len()].map(|n| u32::try_from(n).unwrap().to_le_bytes());
        let name = u16::try_from(part.name.len()).unwrap().to_le_bytes();
        // Version, flags, method and time; then checksum, sizes, and the lengths of name and extra field.
        let about = [
            &[20, 0, 0, 0, 8, 0, 0, 0, 0, 0][..],
            &part.checksum(),
            &packed,
            &part.size().to_le_bytes(),
            &name,
            &[0, 0],
        ]
        .concat();
        file.extend([&b"PK\x03\x04"[..], &about, part.name.as_bytes(), &deflated].concat());
        directory.extend([&b"PK\x01\x02\x14\0"[..], &about, &[0; 10], &at, part.name.as_bytes()].concat());
    }
    let [size, at] = [directory.len(), file.len()].map(|n| u32::try_from(n).unwrap().to_le_bytes());
    let entries = u16::try_from(parts.len()).unwrap().to_le_bytes();
    file.extend(directory);
    file.extend([&b"PK\x05\x06\0\0\0\0"[..], &entries, &entries, &size, &at, &[0, 0]].concat());
    file
}

/// A workbook with these parts, whose only sheet is a part with an unusual name.
fn workbook(parts: Vec<Part>) -> Vec<u8> {
    let related = r#"<Relationships><Relationship Id="s" Type="x/worksheet" Target="s1.bin"/>
        <Relationship Id="t" Type="x/sharedStrings" Target="texts.dat"/></Relationships>"#;
    let mut all = vec![
        part("xl/workbook.xml", r#"<workbook><sheets><sheet name="S" r:id="s"/></sheets></workbook>"#),
        part("xl/_rels/workbook.xml.rels", related),
    ];
    all.extend(parts);
    zipped(&all)
}

const HEADER: &str = "<worksheet><sheetData><row><c t=\"inlineStr\"><is><t>phone</t></is></c></row>";

/// Reads a workbook, and returns the error.
fn read(file: Vec<u8>, reader: WorkbookReader) -> Result<usize, String> {
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), &file).unwrap();
    drop(file);
    let list = List::open(path.path(), &ListOptions { reader, ..ListOptions::default() });
    let numbers = list.and_then(|list| read_numbers(&list, &ImportOptions::default()));
    numbers.map(|numbers| numbers.iter().count()).map_err(|error| error.to_string())
}

/// The most memory that this process, or a process it waited for, has used.
fn peak(who: UsageWho) -> i64 {
    getrusage(who).unwrap().max_rss() / 1024
}

/// Every hostile file by its name, with the expected error.
fn hostile() -> Vec<(&'static str, Vec<Part>, &'static str)> {
    let memory = "needs too much memory to be read";
    let beside = |part: Part| vec![self::part("xl/s1.bin", HEADER), part];
    let sheet = |row: &str| vec![part("xl/s1.bin", format!("{HEADER}{row}"))];
    let text = format!("<si><t>{}</t></si>", "x".repeat(4000));
    let mut many: Vec<Part> = (0..30_000).map(|n| part(format!("{n:0>600}"), "")).collect();
    many.push(part("xl/s1.bin", format!("{HEADER}<row><c r='A0'/>")));
    vec![
        (
            "a cell of 1 GB",
            vec![part("xl/s1.bin", format!("{HEADER}<row><c><v>")).then("1", 1_000_000_000)],
            memory,
        ),
        (
            "13 million empty texts",
            beside(part("xl/texts.dat", "<sst>").then("<si/>", 13_000_000)),
            "more than 4,194,304 texts",
        ),
        (
            "1 GB of texts",
            beside(part("xl/texts.dat", "<sst>").then(text, 250_000)),
            "more text than can be kept",
        ),
        (
            "a comment of 1 GB",
            beside(part("xl/texts.dat", "<sst><!-- ").then("<", 1_000_000_000)),
            "more than 256 MiB of memory",
        ),
        (
            "1 GB of relationships",
            beside(part("_rels/.rels", "<R>").then("<Relationship Id='abcdefgh'/>", 35_000_000)),
            memory,
        ),
        (
            "1 GB of formats",
            beside(part("xl/styles.xml", "<s><cellXfs>").then("<xf numFmtId='14'/>", 55_000_000)),
            memory,
        ),
        ("a column that no sheet has", sheet("<row><c r=\"ZZZZZZZ1\"><v>1</v></c></row>"), "damaged"),
        ("a row that no sheet has", sheet("<row r=\"4294967297\"><c><v>1</v></c></row>"), "damaged"),
        ("30,000 parts", many, "damaged"),
    ]
}

#[test]
fn a_hostile_workbook_is_refused_in_bounded_memory_and_time() {
    println!("{:>9} {:>9} {:>9} {:>7}  file", "file", "reader", "caller", "time");
    for (name, parts, says) in hostile() {
        let file = workbook(parts);
        let (size, before, began) = (file.len() / 1000, peak(UsageWho::RUSAGE_SELF), Instant::now());
        let said = read(file, reader()).unwrap_err();
        let (time, child) = (began.elapsed(), peak(UsageWho::RUSAGE_CHILDREN));
        let grown = peak(UsageWho::RUSAGE_SELF) - before;
        println!(
            "{:>6} KB {child:>5} MiB {grown:>+5} MiB {:>5.1} s  {name}: {said}",
            size,
            time.as_secs_f64()
        );
        assert!(said.contains(says), "{name}: {said}");
        assert!(child <= CHILD_MIB && grown <= OWN_MIB && time < PATIENCE, "{name}");
    }
}

/// A workbook of this many numbers, without any trick.
fn large(rows: u32) -> Vec<u8> {
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet_with_constant_memory().unwrap();
    sheet.write_string(0, 0, "phone").unwrap();
    for row in 1..=rows {
        sheet.write_number(row, 0, 254_712_000_000.0 + f64::from(row)).unwrap();
    }
    workbook.save_to_buffer().unwrap()
}

#[test]
fn a_large_workbook_is_read_in_the_same_memory() {
    let file = large(100_000);
    let before = peak(UsageWho::RUSAGE_SELF);
    let began = Instant::now();
    assert_eq!(read(file, reader()), Ok(100_000));
    let (child, grown) = (peak(UsageWho::RUSAGE_CHILDREN), peak(UsageWho::RUSAGE_SELF) - before);
    println!(
        "100,000 rows in {:.1} s: reader {child} MiB, caller {grown:+} MiB",
        began.elapsed().as_secs_f64()
    );
    assert!(child <= 64 && grown <= OWN_MIB, "{child} {grown}");
}

/// A reader with these shell commands before it.
fn behind(commands: &str) -> (tempfile::TempDir, WorkbookReader) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reader");
    let script = format!("#!/bin/sh\n{commands}\nexec {} \"$@\"\n", env!("CARGO_BIN_EXE_read-workbook"));
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    (folder, WorkbookReader::at(path))
}

#[test]
fn a_reader_that_dies_is_a_refusal_with_the_reason() {
    let file = large(150_000);
    for (commands, says) in [
        ("ulimit -S -t 1", "takes more than 120 seconds to be read; save the list as CSV"),
        ("kill -ABRT $$", "needs more than 256 MiB of memory to be read; save the list as CSV"),
        ("kill -KILL $$", "needs more than 256 MiB of memory to be read; save the list as CSV"),
        ("exit 101", "damaged or was cut off"),
        ("echo nonsense; exit 0", "damaged or was cut off"),
    ] {
        let (_folder, reader) = behind(commands);
        let said = read(file.clone(), reader).unwrap_err();
        assert!(said.contains(says), "{commands}: {said}");
    }
    let said = read(file, WorkbookReader::at("/nowhere/at/all")).unwrap_err();
    assert!(said.contains("the process that reads workbooks cannot be started"), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_reader_sets_its_limits_before_it_reads_and_has_no_secrets() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), large(20_000)).unwrap();
    let request = r#"{"sheet":null,"include_hidden":false,"only_look":false}"#;
    let mut child = Command::new(env!("CARGO_BIN_EXE_read-workbook"))
        .arg(request)
        .stdin(std::fs::File::open(file.path()).unwrap())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The process has its limits when it has written its first byte; then it waits until more is read.
    child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    for (limit, expected) in [
        ("Max cpu time", "120 125 seconds"),
        ("Max data size", "268435456 268435456 bytes"),
        ("Max core file size", "0 0 bytes"),
        ("Max file size", "0 0 bytes"),
        ("Max open files", "6 6 files"),
    ] {
        let line = limits.lines().find_map(|line| line.strip_prefix(limit)).unwrap();
        assert_eq!(line.split_whitespace().collect::<Vec<_>>().join(" "), expected, "{limit}");
    }
    assert!(!limits.contains("Max address space         unlimited"), "{limits}");
    let (folder, _) = behind("");
    let (seen, script) = (folder.path().join("seen"), folder.path().join("shows"));
    std::fs::write(&script, format!("#!/bin/sh\n/usr/bin/env > {}\n", seen.display())).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    read(large(10), WorkbookReader::at(script)).unwrap_err();
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(
        seen.lines().all(|line| ["PWD=", "SHLVL=", "_="].iter().any(|own| line.starts_with(own))),
        "{seen}"
    );
}
