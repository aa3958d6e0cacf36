//! How many synchronous standbys a server waits for.

/// The number that `synchronous_standby_names` demands: `FIRST 2 (a, b, c)`, `ANY 1 (a, b)`, `2 (a, b)`, or a list, of which the first
/// is waited for.
pub(crate) fn wanted_standbys(names: &str) -> u32 {
    let names = names.trim();
    if names.is_empty() {
        return 0;
    }
    let Some((before, _)) = names.split_once('(') else { return 1 };
    before.split_whitespace().find_map(|word| word.parse().ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_synchronous_standbys_is_read_in_every_form_that_postgresql_documents() {
        let forms =
            ["", " ", "s1", "s1, s2", "*", "FIRST 2 (s1, s2, s3)", "ANY 1 (s1, s2)", "2 (*)", "any 3 (a)"];
        assert_eq!(forms.map(wanted_standbys), [0, 0, 1, 1, 1, 2, 1, 2, 3]);
    }
}
