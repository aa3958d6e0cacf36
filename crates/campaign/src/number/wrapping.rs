//! Removes what surrounds a phone number in a cell: a link, a chat address, a label, quotation marks, a spreadsheet
//! formula.
//!
//! Only unambiguous text is removed. Otherwise the cell is unchanged, and it is refused.

use std::borrow::Cow;

/// Words before or after a number that describe it.
const LABELS: [&str; 24] = [
    "tel",
    "telephone",
    "phone",
    "mobile",
    "mob",
    "cell",
    "cellphone",
    "gsm",
    "number",
    "msisdn",
    "whatsapp",
    "wa",
    "sms",
    "callto",
    "home",
    "work",
    "personal",
    "main",
    "handy",
    "celular",
    "movil",
    "móvil",
    "portable",
    "telefon",
];

/// Quotation marks and apostrophes.
const QUOTES: [char; 12] = [
    '"', '\'', '`', '\u{b4}', '\u{2018}', '\u{2019}', '\u{201a}', '\u{201c}', '\u{201d}', '\u{201e}',
    '\u{ab}', '\u{bb}',
];

/// The texts before the number in a chat link.
const LINKS: [&str; 4] =
    ["wa.me/", "api.whatsapp.com/send?phone=", "web.whatsapp.com/send?phone=", "send?phone="];

/// What WhatsApp and its libraries append to the number of a person. Groups (`@g.us`) and hidden numbers (`@lid`) have
/// none.
const CHAT_SERVERS: [&str; 2] = ["@c.us", "@s.whatsapp.net"];

/// Removes what surrounds a number.
pub(crate) fn unwrapped(text: &str) -> Cow<'_, str> {
    let text = text.trim_matches(is_around);
    if let Some(digits) = from_link(text).or_else(|| from_chat_address(text)) {
        return digits.into();
    }
    let text = text
        .strip_prefix('=')
        .map(|formula| formula.trim_matches(is_around))
        .filter(|text| is_bare(text))
        .unwrap_or(text);
    let text = without_label(text);
    if let Some(digits) = text.strip_suffix('+').filter(|rest| is_bare(rest) && !rest.starts_with('+')) {
        return format!("+{digits}").into();
    }
    if is_grouped(text) {
        return text.chars().filter(char::is_ascii_digit).collect::<String>().into();
    }
    text.into()
}

/// An invisible character, such as a mark of the writing direction.
pub(crate) fn is_invisible(sign: char) -> bool {
    matches!(
        sign,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{20e3}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e01ef}'
    )
}

fn is_around(sign: char) -> bool {
    sign.is_whitespace() || QUOTES.contains(&sign) || is_invisible(sign)
}

/// Whether a text has digits, perhaps with a leading plus, and separators that are not part of a formula.
fn is_bare(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    !digits.is_empty() && digits.chars().all(|sign| sign.is_numeric() || sign == ' ' || is_invisible(sign))
}

/// The number of a chat link, which always has its country code.
fn from_link(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let rest = LINKS.iter().find_map(|link| {
        let at = lower.find(link)?;
        // `xwa.me/` is another site.
        let is_whole =
            lower.get(..at)?.chars().next_back().is_none_or(|sign| matches!(sign, '/' | '.' | '@'));
        lower.get(at + link.len()..).filter(|_| is_whole)
    })?;
    let end = rest.find(['?', '&', '/', '#']).unwrap_or(rest.len());
    international(&rest.get(..end)?.replace("%2b", "+").replace("%20", " "))
}

/// The number of a chat address, without the device number.
fn from_chat_address(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let name = CHAT_SERVERS.iter().find_map(|server| lower.strip_suffix(server))?;
    international(name.split_once([':', '_']).map_or(name, |(number, _)| number))
}

fn international(number: &str) -> Option<String> {
    let number = number.trim();
    let digits = number.strip_prefix('+').unwrap_or(number).trim_end();
    let is_number =
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || b" -".contains(&byte));
    is_number.then(|| format!("+{digits}"))
}

/// `Mobile: +254 712 000 001` and `+254 712 000 001 (WhatsApp)` without the label.
fn without_label(text: &str) -> &str {
    let is_label = |word: &str| {
        let word =
            word.trim_matches(|sign: char| sign.is_whitespace() || ".:-()[]".contains(sign)).to_lowercase();
        LABELS.contains(&word.as_str())
    };
    let starts = text.find(|sign: char| sign.is_numeric() || "+\u{ff0b}".contains(sign));
    // An opening bracket before the digits belongs to the number, as in `Tel (0712) 000 001`.
    let starts =
        starts.map(|at| text.get(..at).and_then(|before| before.strip_suffix('(')).map_or(at, str::len));
    let text = match starts.and_then(|at| text.split_at_checked(at)) {
        Some((label, number)) if is_label(label) => number,
        _ => text,
    };
    let Some((last, sign)) = text.char_indices().rfind(|(_, sign)| sign.is_numeric()) else { return text };
    match text.split_at_checked(last + sign.len_utf8()) {
        Some((number, label)) if is_label(label) => number,
        _ => text,
    }
}

/// `254,712,000,001` and `254'712'000'001`, as spreadsheets write thousands separators.
fn is_grouped(text: &str) -> bool {
    let Some(mark) = text.chars().find(|sign| !sign.is_ascii_digit()) else { return false };
    let mut groups = text.split(mark);
    let is_digits = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    matches!(mark, ',' | '\'' | '\u{2019}')
        && groups.next().is_some_and(|first| (1..=3).contains(&first.len()) && is_digits(first))
        && groups.all(|group| group.len() == 3 && is_digits(group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unambiguous_text_around_a_number_is_removed() {
        for (text, number) in [
            ("tel:+254-712-000-006", "+254-712-000-006"),
            ("WhatsApp: +254712000007", "+254712000007"),
            ("Tel. (0712) 000 001", "(0712) 000 001"),
            ("https://wa.me/254712000008", "+254712000008"),
            ("wa.me/+254712000008?text=Hi%201", "+254712000008"),
            ("https://api.whatsapp.com/send?phone=254712000008&text=5", "+254712000008"),
            ("whatsapp://send?phone=%2B254712000008", "+254712000008"),
            ("254712000009@c.us", "+254712000009"),
            ("254712000010:12@s.whatsapp.net", "+254712000010"),
            ("+254712000012 (WhatsApp)", "+254712000012"),
            ("254,712,000,017", "254712000017"),
            ("\u{2019}+254712000021", "+254712000021"),
            ("=\"+254712000023\"", "+254712000023"),
            ("=254712000024", "254712000024"),
            ("\u{201c}254712000028\u{201d}", "254712000028"),
            ("254712000050+", "+254712000050"),
        ] {
            assert_eq!(unwrapped(text), number, "{text}");
        }
    }

    #[test]
    fn ambiguous_text_is_not_removed() {
        for text in [
            "=254712000024-1",
            "=A1+5",
            "https://xwa.me/254712000008",
            "https://wa.me/message/ABC123",
            "123-456@g.us",
            "254712000009@lid",
            "John 0712000070",
            "+254712000069 ext 5",
            "Fax: +254712000069",
            "25,4712,000",
            "2547+12",
        ] {
            assert_eq!(unwrapped(text), text);
        }
    }
}
