//! The words of a text in one normal form, however they were typed.

use unicode_normalization::UnicodeNormalization;

/// The words in lower case, without accents, in the usual width, and without punctuation. Single letters with spaces
/// between them (`S T O P`) form one word.
pub(crate) fn plain_words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for letter in text.nfkd().filter(|letter| !is_invisible(*letter)) {
        if letter.is_alphanumeric() || is_mark(letter) {
            if let Some(word) = words.last_mut() {
                word.extend(letter.to_lowercase().filter(|letter| !is_accent(*letter)).map(usual));
            }
        } else if !is_accent(letter) && !is_apostrophe(letter) {
            words.push(String::new());
        }
    }
    let words: Vec<String> =
        words.into_iter().map(|word| word.replace('ß', "ss")).filter(|word| !word.is_empty()).collect();
    let is_spelled_out = words.len() > 2 && words.iter().all(|word| word.chars().count() == 1);
    if is_spelled_out { vec![words.concat()] } else { words }
}

/// Invisible characters: they belong to no word and do not separate words.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// Accents of Latin letters, and the vowel signs and the hamza of Arabic letters, which many people leave out.
fn is_accent(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}' | '\u{640}' | '\u{64b}'..='\u{65f}' | '\u{670}')
}

/// Marks that belong to the letter before them, as in Devanagari and Bengali.
fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{900}'..='\u{903}' | '\u{93a}'..='\u{94f}' | '\u{955}'..='\u{957}' | '\u{962}' | '\u{963}'
        | '\u{981}'..='\u{983}' | '\u{9bc}'..='\u{9cd}')
}

fn is_apostrophe(letter: char) -> bool {
    matches!(letter, '\'' | '`' | '\u{2b9}'..='\u{2bf}' | '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{b4}')
}

/// The usual letter for several letters that people use interchangeably.
fn usual(letter: char) -> char {
    match letter {
        'ı' => 'i',
        'ى' => 'ي',
        'ة' => 'ه',
        'ø' => 'o',
        'ł' => 'l',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_same_however_they_are_typed() {
        for (text, words) in [
            ("Stop. Thank you!", &["stop", "thank", "you"][..]),
            ("Ｓｔｏｐ", &["stop"]),
            ("don't", &["dont"]),
            ("s’il vous plaît", &["sil", "vous", "plait"]),
            ("إلغاء", &["الغاء"]),
            ("İPTAL", &["iptal"]),
            ("Straße", &["strasse"]),
            ("रोकें", &["रोकें"]),
            ("S.T.O.P", &["stop"]),
            ("🙏", &[]),
            ("", &[]),
        ] {
            assert_eq!(plain_words(text), words, "{text}");
        }
    }
}
