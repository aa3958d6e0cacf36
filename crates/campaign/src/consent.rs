//! Words by which people opt out, and in again.
//!
//! A message counts when it is nothing but such a word: "stop" does, "I cannot stop laughing" does not. Case, accents that a
//! keyboard left out, and signs around the words do not matter.

use std::collections::BTreeSet;

/// What a person said about being written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// No more messages.
    OptedOut,
    /// Messages again.
    OptedIn,
}

/// Opt-out words where a sender has none of its own: English, Swahili, French, Spanish, Portuguese, German, Italian, Dutch,
/// Arabic, Hindi, Indonesian, Turkish and Russian.
pub const OPT_OUT_WORDS: &[&str] = &[
    "stop",
    "stop all",
    "stopall",
    "unsubscribe",
    "opt out",
    "opt-out",
    "optout",
    "stop promotions",
    "acha",
    "simamisha",
    "sitaki",
    "arret",
    "arreter",
    "desabonner",
    "baja",
    "parar",
    "alto",
    "sair",
    "descadastrar",
    "stopp",
    "abmelden",
    "cancellami",
    "afmelden",
    "توقف",
    "إيقاف",
    "الغاء الاشتراك",
    "रोकें",
    "बंद करो",
    "band karo",
    "berhenti",
    "dur",
    "стоп",
    "отписаться",
];

/// Opt-in words where a sender has none of its own, in the same languages.
pub const OPT_IN_WORDS: &[&str] = &[
    "start",
    "unstop",
    "subscribe",
    "opt in",
    "opt-in",
    "optin",
    "anza",
    "abonner",
    "alta",
    "iniciar",
    "anmelden",
    "iscrivimi",
    "aanmelden",
    "ابدأ",
    "शुरू",
    "shuru karo",
    "mulai",
    "basla",
    "старт",
];

/// The words of one sender.
#[derive(Clone, Debug)]
pub struct ConsentWords {
    opt_out: BTreeSet<String>,
    opt_in: BTreeSet<String>,
}

impl ConsentWords {
    /// These words, or the program's own where there are none.
    pub fn new(opt_out: Option<&[String]>, opt_in: Option<&[String]>) -> Self {
        let set = |own: Option<&[String]>, default: &[&str]| match own {
            Some(own) => own.iter().map(|word| plain(word)).collect(),
            None => default.iter().map(|word| plain(word)).collect(),
        };
        Self { opt_out: set(opt_out, OPT_OUT_WORDS), opt_in: set(opt_in, OPT_IN_WORDS) }
    }

    /// What this message says of consent, if it is one of the words. A word of both lists opts out.
    pub fn said(&self, text: &str) -> Option<Consent> {
        // The longest word has some dozen letters; a letter of thousands need not be looked through.
        if text.len() > 200 {
            return None;
        }
        let text = plain(text);
        if self.opt_out.contains(&text) {
            return Some(Consent::OptedOut);
        }
        self.opt_in.contains(&text).then_some(Consent::OptedIn)
    }
}

/// Lower case, without accents of Latin letters, with single spaces and no signs around it.
fn plain(text: &str) -> String {
    let is_word = |c: &char| c.is_alphanumeric() || is_mark(*c);
    let trimmed = text.trim_matches(|c: char| !is_word(&c));
    let letters: String = trimmed.to_lowercase().chars().map(bare).collect();
    letters.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Marks that belong to the letter before them, as in Devanagari and Arabic.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{0900}'..='\u{0903}' | '\u{093a}'..='\u{094f}' | '\u{064b}'..='\u{065f}')
}

fn bare(c: char) -> char {
    match c {
        'à' | 'á' | 'â' | 'ã' | 'ä' => 'a',
        'ç' => 'c',
        'è' | 'é' | 'ê' | 'ë' => 'e',
        'ì' | 'í' | 'î' | 'ï' => 'i',
        'ñ' => 'n',
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' => 'o',
        'ş' => 's',
        'ù' | 'ú' | 'û' | 'ü' => 'u',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_word_counts_in_any_dress_and_only_alone() {
        let words = ConsentWords::new(None, None);
        for text in
            ["STOP", " stop. ", "Stop!", "Arrêter", "STOP  ALL", "*stop*", "Opt-Out", "बंद करो", "СТОП"]
        {
            assert_eq!(words.said(text), Some(Consent::OptedOut), "{text}");
        }
        for text in ["start", "Unstop", "ALTA", "ابدأ"] {
            assert_eq!(words.said(text), Some(Consent::OptedIn), "{text}");
        }
        for text in ["", "please stop calling, I said start", "I cannot stop laughing", "Yes", "🙏"] {
            assert_eq!(words.said(text), None, "{text}");
        }
    }

    #[test]
    fn the_words_of_a_sender_replace_the_programs_own() {
        let own = ["Genug".to_owned()];
        let words = ConsentWords::new(Some(&own), None);
        assert_eq!(words.said("genug"), Some(Consent::OptedOut));
        assert_eq!(words.said("stop"), None);
        assert_eq!(words.said("start"), Some(Consent::OptedIn));
    }

    #[test]
    fn no_word_both_opts_out_and_in() {
        let words = ConsentWords::new(None, None);
        assert!(words.opt_out.is_disjoint(&words.opt_in));
        assert_eq!(words.opt_out.len() + words.opt_in.len(), OPT_OUT_WORDS.len() + OPT_IN_WORDS.len());
    }

    proptest! {
        #[test]
        fn any_text_is_looked_at_without_a_panic(text: String) {
            let _ = ConsentWords::new(None, None).said(&text);
        }
    }
}
