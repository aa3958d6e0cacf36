//! The source of a list: a file or standard input. Standard input is copied to a file of the temporary folder, because
//! a list is read more than once.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::spool::Spool;

/// Bytes read at once.
const BLOCK: usize = 128 * 1024;

/// A file that can be read several times.
#[derive(Debug)]
pub(crate) struct Source {
    file: File,
    /// File name, without the path.
    pub(crate) name: String,
    /// The file's size.
    pub(crate) bytes: u64,
    /// The file's hash.
    pub(crate) sha256: [u8; 32],
}

impl Source {
    /// Opens a file; `-` is standard input.
    pub(crate) fn open(path: &Path, spool: &Spool) -> Result<Self, Error> {
        if path == Path::new("-") {
            return Self::spooled(std::io::stdin().lock(), "standard input".into(), spool);
        }
        let name = path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy());
        let file = File::open(path).map_err(Error::unreadable)?;
        let kind = file.metadata().map_err(Error::unreadable)?.file_type();
        if kind.is_dir() {
            return Err(Error::BadList("this is a folder; name a file in it".into()));
        }
        if !kind.is_file() {
            return Self::spooled(file, name.into_owned(), spool);
        }
        Self::of(file, name.into_owned())
    }

    /// A source in an open file, at its beginning.
    pub(crate) fn of(mut file: File, name: String) -> Result<Self, Error> {
        let (bytes, sha256) = hash(&mut file, &mut std::io::sink())?;
        Ok(Self { file, name, bytes, sha256 })
    }

    /// Copies a stream that can be read only once.
    fn spooled(mut from: impl Read, name: String, spool: &Spool) -> Result<Self, Error> {
        let mut writer = spool.writer()?;
        let (bytes, sha256) = hash(&mut from, &mut writer)?;
        Ok(Self { file: writer.file, name, bytes, sha256 })
    }

    /// The file, at its beginning.
    pub(crate) fn rewound(&self) -> Result<File, Error> {
        let mut file = self.file.try_clone().map_err(Error::unreadable)?;
        file.rewind().map_err(Error::unreadable)?;
        Ok(file)
    }
}

/// Copies, and returns the length and the hash of the copied bytes.
fn hash(from: &mut impl Read, to: &mut impl Write) -> Result<(u64, [u8; 32]), Error> {
    let (mut hash, mut bytes, mut block) = (Sha256::new(), 0, vec![0; BLOCK]);
    loop {
        let read = match from.read(&mut block) {
            Ok(0) => return Ok((bytes, hash.finalize().into())),
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::unreadable(error)),
        };
        let block = block.get(..read).unwrap_or_default();
        hash.update(block);
        to.write_all(block).map_err(Error::unreadable)?;
        bytes += u64::try_from(read).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_copied_and_hashed_like_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"phone\n").unwrap();
        let of_file = Source::open(file.path(), &Spool::default()).unwrap();
        let spooled = Source::spooled(&b"phone\n"[..], "standard input".into(), &Spool::default()).unwrap();
        assert_eq!((of_file.bytes, of_file.sha256), (spooled.bytes, spooled.sha256));
        for _ in 0..2 {
            let mut text = String::new();
            spooled.rewound().unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "phone\n");
        }
    }
}
