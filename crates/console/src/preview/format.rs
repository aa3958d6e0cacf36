//! The formatting of WhatsApp: `*bold*`, `_italic_`, `~strikethrough~`, ```` ```monospace``` ````.

use maud::{Markup, html};

/// A mark and the element that it makes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Mono,
    Bold,
    Italic,
    Strike,
}

const STYLES: [(&str, Style); 4] =
    [("```", Style::Mono), ("*", Style::Bold), ("_", Style::Italic), ("~", Style::Strike)];

/// A text with its formatting. Addresses are not links, and line breaks stay.
pub(crate) fn formatted(text: &str) -> Markup {
    let Some((before, style, inside, after)) = first_span(text) else { return html! { (text) } };
    html! {
        (before)
        @match style {
            Style::Mono => { code class="mono" { (inside) } }
            Style::Bold => { strong { (formatted(inside)) } }
            Style::Italic => { em { (formatted(inside)) } }
            Style::Strike => { s { (formatted(inside)) } }
        }
        (formatted(after))
    }
}

/// The first formatted part: what is before it, its style, its content, what is after it.
fn first_span(text: &str) -> Option<(&str, Style, &str, &str)> {
    let at = |(begin, _): (usize, char)| {
        STYLES.iter().find_map(|(mark, style)| {
            span(text, begin, mark).map(|(inside, after)| (begin, *style, inside, after))
        })
    };
    let (begin, style, inside, after) = text.char_indices().find_map(at)?;
    Some((text.split_at(begin).0, style, inside, after))
}

/// The part that a mark at this place begins. A mark counts at the edges of words only, and its content neither begins nor ends
/// with a space; except for monospace it ends in its line.
fn span<'a>(text: &'a str, begin: usize, mark: &str) -> Option<(&'a str, &'a str)> {
    let (before, rest) = text.split_at(begin);
    let rest = rest.strip_prefix(mark)?;
    let is_word = |sign: Option<char>| sign.is_some_and(char::is_alphanumeric);
    if is_word(before.chars().next_back()) {
        return None;
    }
    let line = if mark == "```" { rest } else { rest.split('\n').next().unwrap_or_default() };
    line.match_indices(mark).find_map(|(end, _)| {
        let (inside, after) = (rest.split_at(end).0, rest.split_at(end + mark.len()).1);
        let is_content = !inside.is_empty() && inside.trim() == inside;
        (is_content && !is_word(after.chars().next())).then_some((inside, after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_at_the_edges_of_words_are_formatting() {
        for (text, drawn) in [
            ("plain", "plain"),
            ("*bold* and _italic_", "<strong>bold</strong> and <em>italic</em>"),
            ("~old~ *_both_*", "<s>old</s> <strong><em>both</em></strong>"),
            ("```a * b```", "<code class=\"mono\">a * b</code>"),
            ("snake_case_name", "snake_case_name"),
            ("2*3*4", "2*3*4"),
            ("* no *", "* no *"),
            ("*one\ntwo*", "*one\ntwo*"),
            ("**", "**"),
            ("<b>*x*</b>", "&lt;b&gt;<strong>x</strong>&lt;/b&gt;"),
            ("Grüße *Åse*!", "Grüße <strong>Åse</strong>!"),
        ] {
            assert_eq!(formatted(text).into_string(), drawn);
        }
    }

    #[test]
    fn every_text_of_marks_letters_and_spaces_is_shown_without_its_marks_only() {
        let signs = ['*', '_', '~', '`', ' ', 'a', '<', 'é', '\n'];
        let seed = 7;
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..2_000 {
            let text: String =
                (0..random.usize(0..24)).map(|_| signs[random.usize(0..signs.len())]).collect();
            let drawn = formatted(&text).into_string();
            let mut shown = String::new();
            let mut is_tag = false;
            for sign in drawn.chars() {
                match sign {
                    '<' => is_tag = true,
                    '>' => is_tag = false,
                    _ if is_tag => {}
                    sign => shown.push(sign),
                }
            }
            let kept = |text: &str| text.replace(['*', '_', '~', '`'], "");
            assert_eq!(kept(&shown.replace("&lt;", "<")), kept(&text), "seed {seed}: {text:?} {drawn}");
        }
    }
}
