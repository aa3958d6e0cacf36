//! The zip file of a workbook, and its parts by name.

use std::collections::HashMap;
use std::io::{Read, Seek};

use quick_xml::events::Event;
use zip::ZipArchive;
use zip::read::ZipFile;

use crate::error::Error;
use crate::list::xlsx::damaged;
use crate::list::xlsx::xml::{Xml, attribute};

/// The most bytes of a part that describes others.
pub(crate) const ABOUT_LIMIT: u64 = 16 * 1024 * 1024;

/// An open zip file.
pub(crate) struct Package<R> {
    zip: ZipArchive<R>,
    /// The parts by name: some programs write names in capitals, or with a backslash.
    names: HashMap<String, usize>,
}

/// A relationship from one part to another.
pub(crate) struct Relationship {
    pub(crate) id: String,
    /// The last segment of its type, such as `worksheet`.
    pub(crate) kind: String,
    /// The name of the other part.
    pub(crate) target: String,
}

impl<R: Read + Seek> Package<R> {
    pub(crate) fn open(file: R) -> Result<Self, Error> {
        let zip = ZipArchive::new(file).map_err(|_| damaged())?;
        let mut names = HashMap::new();
        for (index, name) in zip.file_names().enumerate() {
            names.insert(plain(&name.map_err(|_| damaged())?), index);
        }
        Ok(Self { zip, names })
    }

    /// Whether there is a part with this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.contains_key(&plain(name))
    }

    /// The part with this name, of which at most `limit` bytes are read; `None` if there is none.
    pub(crate) fn part(&mut self, name: &str, limit: u64) -> Result<Option<Xml<ZipFile<'_, R>>>, Error> {
        let Some(index) = self.names.get(&plain(name)) else { return Ok(None) };
        let part = self.zip.by_index(*index).map_err(|_| damaged())?;
        Ok(Some(Xml::new(part, limit)))
    }

    /// The relationships of a part; none if the workbook lists none.
    pub(crate) fn relationships(&mut self, of: &str) -> Result<Vec<Relationship>, Error> {
        let (folder, name) = of.rsplit_once('/').unwrap_or(("", of));
        let slash = if folder.is_empty() { "" } else { "/" };
        let Some(mut xml) = self.part(&format!("{folder}{slash}_rels/{name}.rels"), ABOUT_LIMIT)? else {
            return Ok(Vec::new());
        };
        let mut all = Vec::new();
        loop {
            match xml.next()? {
                Event::Start(element) | Event::Empty(element)
                    if element.local_name().as_ref() == "Relationship" =>
                {
                    let get = |name| attribute(&element, name).unwrap_or_default();
                    let kind = get("Type").rsplit('/').next().unwrap_or_default().to_owned();
                    all.push(Relationship { id: get("Id"), kind, target: resolve(folder, &get("Target")) });
                }
                Event::Eof => return Ok(all),
                _ => {}
            }
        }
    }
}

/// The full name of a part to which another part in this folder refers.
fn resolve(folder: &str, target: &str) -> String {
    let target = target.replace('\\', "/");
    let mut parts: Vec<&str> = match target.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => folder.split('/').filter(|part| !part.is_empty()).collect(),
    };
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn plain(name: &str) -> String {
    name.to_lowercase().replace('\\', "/").trim_start_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_resolved_from_the_folder_of_the_part_that_names_it() {
        for (folder, target, name) in [
            ("xl", "worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
            ("xl", "/xl/worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
            ("xl/worksheets", "../sharedStrings.xml", "xl/sharedStrings.xml"),
            ("", "xl\\workbook.xml", "xl/workbook.xml"),
            ("", "../../../etc/passwd", "etc/passwd"),
        ] {
            assert_eq!(resolve(folder, target), name);
        }
    }
}
