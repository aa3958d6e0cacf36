//! Lists as users bring them, and the result of each row: results are exact, and a refused list leaves nothing behind.

use producer::{ImportOptions, ListOptions};

use crate::world::World;

/// A file and its expected result.
pub(crate) struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    options: ListOptions,
    expected: Expected,
}

enum Expected {
    /// Recipients, rejected rows, and the number of duplicates.
    Imported(Vec<String>, Vec<String>, i32),
    /// A part of the sentence with which the whole list is refused.
    Refused(&'static str),
}

/// A file that must be refused; see [`Case::gives`] for one that must be imported.
pub(crate) fn refused(name: &'static str, bytes: impl AsRef<[u8]>, says: &'static str) -> Case {
    let bytes = bytes.as_ref().to_vec();
    Case { name, bytes, options: ListOptions::default(), expected: Expected::Refused(says) }
}

/// A file whose rows must become these recipients and these rejections.
pub(crate) fn gives(
    name: &'static str,
    bytes: impl AsRef<[u8]>,
    recipients: &[&str],
    rejections: &[&str],
) -> Case {
    let owned = |rows: &[&str]| rows.iter().map(ToString::to_string).collect();
    let expected = Expected::Imported(owned(recipients), owned(rejections), 0);
    Case { name, bytes: bytes.as_ref().to_vec(), options: ListOptions::default(), expected }
}

/// A file of one recipient, Anna.
pub(crate) fn anna(name: &'static str, bytes: impl AsRef<[u8]>) -> Case {
    gives(name, bytes, &["254712000001 first_name=Anna"], &[])
}

impl Case {
    pub(crate) fn with_duplicates(mut self, n: i32) -> Self {
        if let Expected::Imported(_, _, duplicates) = &mut self.expected {
            *duplicates = n;
        }
        self
    }

    /// The recipient has these variables in addition.
    pub(crate) fn with_columns(mut self, columns: &str) -> Self {
        if let Expected::Imported(recipients, ..) = &mut self.expected {
            for recipient in recipients {
                recipient.push(' ');
                recipient.push_str(columns);
            }
        }
        self
    }

    pub(crate) fn encoding(mut self, name: &str) -> Self {
        self.options.encoding = Some(name.into());
        self
    }

    pub(crate) fn include_hidden(mut self) -> Self {
        self.options.include_hidden = true;
        self
    }

    pub(crate) fn sheet(mut self, name: &str) -> Self {
        self.options.sheet = Some(name.into());
        self
    }

    async fn holds(&self, world: &World) {
        let name = self.name;
        let id = world.draft().await;
        let report = world.import(id, &self.bytes, &self.options, ImportOptions::default()).await;
        let (recipients, rejections) = (world.recipients(id).await, world.rejections(id).await);
        match (&self.expected, report) {
            (Expected::Imported(imported, rejected, duplicates), Ok(report)) => {
                assert_eq!((&recipients, &rejections), (imported, rejected), "{name}");
                let counts = report.counts;
                assert_eq!(counts.left_out.duplicates, *duplicates, "{name}");
                let all = imported.len() + rejected.len() + usize::try_from(*duplicates).unwrap();
                assert_eq!(usize::try_from(counts.uploaded).unwrap(), all, "{name}");
            }
            (Expected::Refused(says), Err(error)) => {
                let said = error.to_string();
                assert!(said.contains(says), "{name} said: {said}");
                assert_eq!((recipients.len(), rejections.len()), (0, 0), "{name}");
            }
            (_, Ok(report)) => {
                panic!("{name} was imported: {:?} {recipients:?} {rejections:?}", report.counts)
            }
            (_, Err(error)) => panic!("{name} was refused: {error}"),
        }
    }
}

/// Imports every file of a part of the corpus into a draft of its own.
pub(crate) async fn check(name: &str, cases: Vec<Case>) {
    let world = World::new(name).await;
    for case in &cases {
        case.holds(&world).await;
    }
    let imported = cases.iter().filter(|case| matches!(case.expected, Expected::Imported(..))).count();
    let lists = usize::try_from(world.count("select count(*) from import").await).unwrap();
    assert_eq!(lists, imported, "a refused list left something behind");
    world.close().await;
}
