//! A list of recipients in any format, detected by its content and never by its name, and read row by row.
//!
//! **Invariants.** The first row is the header. Memory does not grow with the list. The detected format is shown to the
//! user (`Display`). A list of text is checked from end to end before any row is read.

pub(crate) mod column_names;
pub(crate) mod delimited;
mod encoding;
pub(crate) mod file_name;
mod gzip;
mod json_lines;
mod legacy;
mod lines;
pub(crate) mod row;
mod source;
pub(crate) mod unclosed_quote;
pub(crate) mod workbook;
pub(crate) mod xlsx;

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Error;
use crate::list::delimited::{Delimited, Dialect};
use crate::list::encoding::{Finder, Text};
use crate::list::gzip::Gunzip;
use crate::list::json_lines::JsonLines;
use crate::list::lines::Lines;
use crate::list::row::Row;
use crate::list::source::Source;
use crate::list::workbook::{Each, Workbook, WorkbookReader};
use crate::spool::Spool;

const BLOCK: usize = 64 * 1024;

/// Options for reading a list.
#[derive(Clone, Debug, Default)]
pub struct ListOptions {
    /// The sheet of a workbook; by default the first visible one.
    pub sheet: Option<String>,
    /// Read rows of a sheet that are hidden, by a filter or by hand.
    pub include_hidden: bool,
    /// The encoding; by default it is detected.
    pub encoding: Option<String>,
    /// The temporary folder.
    pub spool: Spool,
    /// The program that reads workbooks.
    pub reader: WorkbookReader,
}

/// A list whose format is known.
#[derive(Debug)]
pub struct List {
    source: Source,
    is_packed: bool,
    form: Form,
    spool: Spool,
}

/// The format of a list.
#[derive(Debug)]
enum Form {
    Delimited(Text, Dialect),
    JsonLines(Text),
    Workbook(Workbook),
}

impl List {
    /// Opens a list and detects its format. `-` is standard input. This reads the whole list.
    pub fn open(path: &Path, options: &ListOptions) -> Result<Self, Error> {
        Self::from_source(Source::open(path, &options.spool)?, options)
    }

    /// Opens a list in an open file, at its beginning. `name` is its name in reports.
    pub fn of_file(file: File, name: String, options: &ListOptions) -> Result<Self, Error> {
        Self::from_source(Source::of(file, name)?, options)
    }

    fn from_source(source: Source, options: &ListOptions) -> Result<Self, Error> {
        let start = start_of(source.rewound()?)?;
        let is_packed = start.starts_with(gzip::MAGIC);
        let unread = AtomicU64::new(0);
        let start = if is_packed { start_of(bytes(&source, true, &unread)?)? } else { start };
        refuse_other_formats(&start)?;
        let form = if start.starts_with(xlsx::MAGIC) {
            let file = if is_packed {
                unpacked(bytes(&source, true, &unread)?, &options.spool)?
            } else {
                source.rewound()?
            };
            let ListOptions { sheet, include_hidden, reader, .. } = options.clone();
            Form::Workbook(Workbook::open(file, reader, sheet, include_hidden)?)
        } else {
            if options.sheet.is_some() {
                return Err(Error::BadList("only an Excel workbook has sheets; leave --sheet out".into()));
            }
            text_form(bytes(&source, is_packed, &unread)?, &start, options)?
        };
        Ok(Self { source, is_packed, form, spool: options.spool.clone() })
    }

    /// File name, without the path.
    pub fn name(&self) -> &str {
        &self.source.name
    }

    /// The file as it is stored, to upload it.
    pub fn file(&self) -> Result<File, Error> {
        self.source.rewound()
    }

    /// Size of the file.
    pub fn bytes(&self) -> u64 {
        self.source.bytes
    }

    /// Hash of the file.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.source.sha256
    }

    /// The temporary folder.
    pub(crate) fn spool(&self) -> &Spool {
        &self.spool
    }

    /// Reads the rows that are not blank, until `each` returns false. Returns how many rows were ignored because they
    /// are hidden. `read` counts the bytes of the file.
    pub(crate) fn each_row(&self, read: &AtomicU64, each: &mut Each<'_>) -> Result<u64, Error> {
        let mut row = Row::default();
        let text = |text: Text| {
            let bytes = bytes(&self.source, self.is_packed, read)?;
            text.read(bytes).map(Lines::new).map_err(Error::unreadable)
        };
        match &self.form {
            Form::Workbook(workbook) => workbook.each_row(read, each),
            Form::Delimited(encoding, dialect) => {
                let mut rows = Delimited::new(text(*encoding)?, *dialect)?;
                while rows.read(&mut row)? {
                    if !row.is_blank() && !each(&row)? {
                        break;
                    }
                }
                Ok(0)
            }
            Form::JsonLines(encoding) => {
                let mut rows = JsonLines::new(text(*encoding)?, &mut row)?;
                while each(&row)? && rows.read(&mut row)? {}
                Ok(0)
            }
        }
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.form {
            Form::Delimited(text, dialect) => {
                write!(f, "CSV, divided by {}, {}", dialect.name(), text.encoding.name())?;
            }
            Form::JsonLines(text) => write!(f, "JSON Lines, {}", text.encoding.name())?,
            Form::Workbook(workbook) => workbook.fmt(f)?,
        }
        f.write_str(if self.is_packed { ", gzip'ed" } else { "" })
    }
}

/// The bytes of a list, decompressed.
fn bytes<'a>(
    source: &Source,
    is_packed: bool,
    read: &'a AtomicU64,
) -> Result<Box<dyn Read + Send + 'a>, Error> {
    let file = Counted { file: source.rewound()?, read };
    Ok(if is_packed { Box::new(Gunzip::new(file, source.bytes)) } else { Box::new(file) })
}

/// The first block.
fn start_of(bytes: impl Read) -> Result<Vec<u8>, Error> {
    let mut start = Vec::with_capacity(BLOCK);
    bytes.take(BLOCK as u64).read_to_end(&mut start).map_err(Error::unreadable)?;
    Ok(start)
}

/// Decompresses a workbook into a file of the temporary folder, because a workbook is read in random order.
fn unpacked(mut bytes: impl Read, spool: &Spool) -> Result<File, Error> {
    let mut writer = spool.writer()?;
    std::io::copy(&mut bytes, &mut writer).map_err(Error::unreadable)?;
    let mut file = writer.file;
    file.rewind().map_err(Error::unreadable)?;
    Ok(file)
}

/// Detects encoding and format of a text.
fn text_form(mut bytes: impl Read, start: &[u8], options: &ListOptions) -> Result<Form, Error> {
    let (mut finder, mut block) = (Finder::new(), vec![0; BLOCK]);
    while let read @ 1.. = bytes.read(&mut block).map_err(Error::unreadable)? {
        finder.look(block.get(..read).unwrap_or_default());
    }
    let text = match &options.encoding {
        Some(name) => Text::named(name, start)?,
        None => finder.found()?,
    };
    let mut start_text = Vec::new();
    let start = text.read(start).map_err(Error::unreadable)?;
    Lines::new(start).read_to_end(&mut start_text).map_err(Error::unreadable)?;
    let wrong = |problem: &str| Err(Error::BadList(problem.into()));
    let header = start_text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if header.contains(&0) {
        return wrong("this is not a text file; save the list as .xlsx or 'CSV UTF-8' and import that");
    }
    match start_text.trim_ascii_start() {
        [] => wrong("the list is empty; its first row must name the columns"),
        [b'{', b'\\', ..] => wrong("this is a text document; save the list as .xlsx or CSV and import that"),
        [b'{', ..] => Ok(Form::JsonLines(text)),
        [b'[', ..] => {
            wrong("this is one JSON list; write it as JSON Lines, one object a line, without brackets around")
        }
        [b'<', ..] => wrong(
            "this is a web page or XML, whatever its name; open it in a spreadsheet, save it as .xlsx or CSV, and import that",
        ),
        _ => Ok(Form::Delimited(text, Dialect::of(&start_text))),
    }
}

/// Refuses a file that is not a list, and says what it is.
fn refuse_other_formats(start: &[u8]) -> Result<(), Error> {
    let picture =
        "this is a picture; type the list into a spreadsheet, save it as .xlsx or CSV, and import that";
    let strangers: [(&[u8], &str); 12] = [
        (gzip::MAGIC, "the list is packed twice; unpack it once"),
        (
            b"\xd0\xcf\x11\xe0",
            "this is an old .xls workbook, or one with a password; save it as .xlsx without one",
        ),
        (b"PK\x05\x06", "this zip file is empty; name the list itself"),
        (b"%PDF", "this is a PDF; save the list as .xlsx or CSV and import that"),
        (b"\x89PNG", picture),
        (b"\xff\xd8\xff", picture),
        (b"GIF8", picture),
        (b"BZh", "this is packed with bzip2; unpack it, or pack it with gzip"),
        (b"\xfd7zXZ", "this is packed with xz; unpack it, or pack it with gzip"),
        (b"\x28\xb5\x2f\xfd", "this is packed with zstd; unpack it, or pack it with gzip"),
        (b"7z\xbc\xaf", "this is packed with 7-Zip; unpack it, or pack it with gzip"),
        (b"Rar!", "this is packed with RAR; unpack it, or pack it with gzip"),
    ];
    let is_archive = start.get(257..262) == Some(b"ustar");
    let problem = strangers.iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, problem)| *problem);
    match problem.or(is_archive.then_some("this is an archive of files; unpack it and name the list itself"))
    {
        Some(problem) => Err(Error::BadList(problem.into())),
        None => Ok(()),
    }
}

/// A file that counts the bytes read.
pub(crate) struct Counted<'a> {
    pub(crate) file: File,
    pub(crate) read: &'a AtomicU64,
}

impl Read for Counted<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(out)?;
        self.read.fetch_add(u64::try_from(read).unwrap_or(0), Ordering::Relaxed);
        Ok(read)
    }
}

impl Seek for Counted<'_> {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.file.seek(to)
    }
}
