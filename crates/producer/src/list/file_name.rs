//! The name of a list in reports.

/// The name of a list without a name.
const UNNAMED: &str = "upload";
/// The maximum length of a name, in bytes; file systems allow 255.
const MAX_NAME: usize = 200;

/// The last part of a path, without characters that are unsafe for a file system or a terminal.
pub fn file_name(written: &str) -> String {
    let last = written.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut clean: String = last.chars().filter(|c| !c.is_control()).collect();
    clean.truncate(clean.floor_char_boundary(MAX_NAME));
    if clean.chars().all(|c| c == '.' || c.is_whitespace()) { UNNAMED.into() } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_not_a_path() {
        for (written, name) in [
            ("../../etc/passwd", "passwd"),
            ("..", "upload"),
            ("a\nb.csv", "ab.csv"),
            ("/", "upload"),
            ("", "upload"),
        ] {
            assert_eq!(file_name(written), name);
        }
        assert_eq!(file_name(&"x".repeat(1000)).len(), 200);
        assert_eq!(file_name(&"€".repeat(1000)).len(), 198);
    }
}
