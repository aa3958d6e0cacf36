//! Whitespace that Meta refuses in variables of templates: line breaks, tabs and more than four spaces in a row ("Param
//! text cannot have new-line/tab characters or more than 4 consecutive spaces").

/// The most spaces in a row.
const MOST_SPACES: usize = 4;

/// Whether Meta accepts this text as a variable of a template.
pub(crate) fn is_one_line(text: &str) -> bool {
    let mut spaces = 0;
    text.chars().all(|c| {
        spaces = if c == ' ' { spaces + 1 } else { 0 };
        !breaks(c) && spaces <= MOST_SPACES
    })
}

/// The text with one space for each run of whitespace that Meta refuses; other spaces are unchanged.
pub(crate) fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_space) {
        let (before, from) = rest.split_at(start);
        let (run, behind) = from.split_at(from.find(|c| !is_space(c)).unwrap_or(from.len()));
        folded.push_str(before);
        folded.push_str(if is_one_line(run) { run } else { " " });
        rest = behind;
    }
    folded.push_str(rest);
    folded
}

fn breaks(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_space(c: char) -> bool {
    c == ' ' || breaks(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whitespace_that_meta_refuses_is_found_and_folded() {
        for (text, one) in [
            ("Line one\nLine two", "Line one Line two"),
            ("Cy\tTab", "Cy Tab"),
            ("Five     spaces", "Five spaces"),
            ("a \r\n b\u{2028}c", "a b c"),
            ("\n", " "),
        ] {
            assert!(!is_one_line(text), "{text:?}");
            assert_eq!(folded(text), one);
            assert!(is_one_line(one));
        }
        for text in ["", "Plain", "Four    spaces", "a\u{a0}b", "a  b"] {
            assert!(is_one_line(text), "{text:?}");
            assert_eq!(folded(text), text);
        }
    }
}
