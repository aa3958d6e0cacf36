//! Lists compressed with gzip, with a limit for the decompressed size.

use std::io::{Error, ErrorKind, Read, Result};

use flate2::read::MultiGzDecoder;

/// The first bytes of a gzip file.
pub(crate) const MAGIC: &[u8] = &[0x1f, 0x8b];
/// The most bytes that one byte of the file may give. Lists of recipients need fewer than 30.
const MOST_RATIO: u64 = 200;
/// Below this size the ratio is not checked.
const HARMLESS: u64 = 64 * 1024 * 1024;

/// The decompressed content of a gzip file.
pub(crate) struct Gunzip<R> {
    decoder: MultiGzDecoder<R>,
    packed: u64,
    unpacked: u64,
    harmless: u64,
}

impl<R: Read> Gunzip<R> {
    /// A decompressor for a file of this size.
    pub(crate) fn new(from: R, packed: u64) -> Self {
        Self { decoder: MultiGzDecoder::new(from), packed, unpacked: 0, harmless: HARMLESS }
    }
}

impl<R: Read> Read for Gunzip<R> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        let read = self.decoder.read(out).map_err(|error| match error.kind() {
            ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof => {
                let problem = "the gzip'ed list is damaged or was cut off on its way; pack or fetch it again";
                Error::new(ErrorKind::InvalidData, problem)
            }
            _ => error,
        })?;
        self.unpacked += u64::try_from(read).unwrap_or(0);
        if self.unpacked > self.harmless && self.unpacked / MOST_RATIO > self.packed {
            let problem = "the gzip'ed list is more than 200 times as large as its file, unlike any list of recipients; \
                        unpack it and check its content";
            return Err(Error::new(ErrorKind::InvalidData, problem));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(packed: &[u8]) -> std::result::Result<usize, String> {
        let size = u64::try_from(packed.len()).unwrap();
        let mut gunzip = Gunzip { harmless: 100_000, ..Gunzip::new(packed, size) };
        std::io::copy(&mut gunzip, &mut std::io::sink())
            .map(|bytes| usize::try_from(bytes).unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn several_parts_are_one_list_and_damage_is_reported() {
        let parts = [packed(b"phone\n"), packed(b"254712000001\n")].concat();
        assert_eq!(read(&parts), Ok(19));
        assert!(read(&parts[..parts.len() - 5]).unwrap_err().contains("damaged or was cut off"));
        assert!(read(&[&parts[..], b"rubbish"].concat()).unwrap_err().contains("damaged or was cut off"));
    }

    #[test]
    fn a_decompression_bomb_is_refused_early() {
        let bomb = packed(&vec![b'0'; 1_000_000]);
        assert!(read(&bomb).unwrap_err().contains("200 times as large"));
        assert_eq!(read(&packed(&vec![b'0'; 100_000])), Ok(100_000));
    }
}
