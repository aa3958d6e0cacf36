//! Texts of statements that stand in `.sql` files.

/// Replaces each `{{name}}` in a text by the part with this name, in the order of the parts, and removes lines that are comments.
/// `{{campaign}}`, `{{volume}}`, `{{first}}` and `{{last}}` are replaced later, in [`volume`](crate::db::volume).
pub(crate) fn expand(text: &str, parts: &[(&str, &str)]) -> String {
    let mut text = without_comments(text);
    for (name, part) in parts {
        text = text.replace(&format!("{{{{{name}}}}}"), &without_comments(part));
    }
    text
}

fn without_comments(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn parts_are_replaced_in_their_order_and_comments_are_removed() {
        let parts = [("outer", "-- of the part\nselect {{inner}}\n"), ("inner", "1")];
        assert_eq!(expand("-- a comment\n{{outer}}, '--'\n  -- another\n", &parts), "select 1, '--'");
    }

    #[test]
    fn a_name_without_a_part_stays() {
        assert_eq!(expand("{{campaign}}", &[("volume", "0")]), "{{campaign}}");
    }
}
