//! Lists compressed with gzip.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::corpus::{anna, check, refused};
use crate::workbooks::plain;

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn gzip_files() {
    let list = gzip(b"phone,first_name\n0712000001,Anna\n");
    let cut = list[..list.len() - 6].to_vec();
    let mut changed = list.clone();
    changed[20] ^= 0x55;
    let parts = [gzip(b"phone,first"), gzip(b"_name\n0712000001,Anna\n")].concat();
    let utf16: Vec<u8> =
        "\u{feff}phone,first_name\n0712000001,Anna\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    // A megabyte of zeros, seventy times.
    let bomb = gzip(&vec![b'0'; 1024 * 1024]).repeat(70);
    check(
        "corpus_gzip",
        vec![
            anna("CSV", list.clone()),
            anna("in two parts", parts),
            anna("UTF-16", gzip(&utf16)),
            anna("JSON Lines", gzip(b"{\"phone\": 254712000001, \"first_name\": \"Anna\"}\n")),
            anna("a workbook", gzip(&plain())),
            refused("cut off", cut, "damaged or was cut off"),
            refused("changed", changed, "damaged or was cut off"),
            refused("rubbish behind", [&list[..], b"rubbish"].concat(), "damaged or was cut off"),
            refused("packed twice", gzip(&list), "packed twice"),
            refused("empty", gzip(b""), "the list is empty"),
            refused("a bomb", bomb, "200 times as large"),
            refused("two bytes", b"\x1f\x8b", "damaged or was cut off"),
        ],
    )
    .await;
}
