//! Words by which people opt out and opt in again.
//!
//! A message counts only if it consists of such a word: "stop" does, "I can't stop laughing" does not. Case, width,
//! accents, punctuation and emoji are ignored, as are letters that WhatsApp users write in several ways (`إلغاء`,
//! `الغاء`). An opt-out may be polite or repeated ("Stop. Thank you", "STOP STOP"). An opt-in must be the word alone:
//! to send to a person who did not ask for messages is the worse fault.

pub(crate) mod plain_words;
pub(crate) mod words;

use std::collections::BTreeSet;

use crate::consent::plain_words::plain_words;
use crate::consent::words::{COURTESIES, OPT_IN_WORDS, OPT_OUT_PAYLOAD, OPT_OUT_WORDS};

/// Longest text that is parsed, in bytes. Opt-out and opt-in words are much shorter.
const LONGEST: usize = 200;

/// A person's decision about receiving messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// The person wants no more messages.
    OptedOut,
    /// The person wants messages again.
    OptedIn,
}

/// The opt-out and opt-in words of one sender.
#[derive(Clone, Debug)]
pub struct ConsentWords {
    opt_out: BTreeSet<Vec<String>>,
    opt_in: BTreeSet<Vec<String>>,
    courtesies: Vec<Vec<String>>,
}

impl ConsentWords {
    /// The given words, or the built-in words for a list that is `None`.
    pub fn new(opt_out: Option<&[String]>, opt_in: Option<&[String]>) -> Self {
        let set = |own: Option<&[String]>, default: &[&str]| match own {
            Some(own) => own.iter().map(|word| plain_words(word)).collect(),
            None => default.iter().map(|word| plain_words(word)).collect(),
        };
        let courtesies = COURTESIES.iter().map(|phrase| plain_words(phrase)).collect();
        Self { opt_out: set(opt_out, OPT_OUT_WORDS), opt_in: set(opt_in, OPT_IN_WORDS), courtesies }
    }

    /// The consent that this message expresses, if it is one of the words. A word of both lists opts out.
    pub fn said(&self, text: &str) -> Option<Consent> {
        if text.len() > LONGEST {
            return None;
        }
        let words = plain_words(text);
        if self.opts_out(&words) {
            return Some(Consent::OptedOut);
        }
        self.opt_in.contains(&words).then_some(Consent::OptedIn)
    }

    /// The consent that a chosen button expresses, by its text, which may be translated, or by its payload. If either
    /// opts out, the person opts out. The payload of Meta's own opt-out button counts whatever words the sender has.
    pub fn said_by_button(&self, text: Option<&str>, payload: Option<&str>) -> Option<Consent> {
        let is_metas = |payload: &str| plain_words(payload) == plain_words(OPT_OUT_PAYLOAD);
        if payload.is_some_and(|payload| payload.len() <= LONGEST && is_metas(payload)) {
            return Some(Consent::OptedOut);
        }
        let said = [text, payload].map(|words| words.and_then(|words| self.said(words)));
        said.into_iter().flatten().max_by_key(|consent| *consent == Consent::OptedOut)
    }

    fn opts_out(&self, words: &[String]) -> bool {
        if self.opt_out.contains(words) {
            return true;
        }
        let words = self.without_courtesies(words);
        let is_repeated = words.iter().all(|word| Some(word) == words.first());
        self.opt_out.contains(words)
            || (is_repeated && words.get(..1).is_some_and(|word| self.opt_out.contains(word)))
    }

    /// The words without courtesies such as "please" and "thank you" at the beginning and end.
    fn without_courtesies<'a>(&self, mut words: &'a [String]) -> &'a [String] {
        loop {
            let shorter = self.courtesies.iter().find_map(|phrase| {
                words.strip_prefix(phrase.as_slice()).or_else(|| words.strip_suffix(phrase.as_slice()))
            });
            match shorter {
                Some(shorter) => words = shorter,
                None => return words,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn said(text: &str) -> Option<Consent> {
        ConsentWords::new(None, None).said(text)
    }

    #[test]
    fn a_word_opts_out_however_it_is_written() {
        for text in [
            "STOP",
            " stop. ",
            "Stop!",
            "Arrêter",
            "STOP  ALL",
            "*stop*",
            "Opt-Out",
            "बंद करो",
            "СТОП",
            "END",
            "Quit",
            "cancel",
            "REVOKE",
            "remove",
            "PARE",
            "إلغاء الاشتراك",
            "الغاء الإشتراك",
            "Stop. Thank you",
            "Please stop",
            "stop pls 🙏",
            "STOP STOP STOP",
            "Ｓｔｏｐ",
            "ＳＴＯＰ！",
            "st\u{200b}op",
            "🛑 Stop 🛑",
            "stop\n\nthanks",
            "S T O P",
            "S.T.O.P.",
            "Bitte abmelden, danke",
            "İptal",
            "IPTAL",
            "iptal",
            "ＥＮＤ",
            "\u{feff}stop",
            "Désabonner",
            "désabonner",
            "de\u{301}sabonner",
            "Opt out please.",
            "thanks. STOP.",
        ] {
            assert_eq!(said(text), Some(Consent::OptedOut), "{text}");
        }
    }

    #[test]
    fn a_sentence_that_contains_a_word_does_not_opt_out() {
        for text in [
            "",
            "Yes",
            "🙏",
            "please don't stop",
            "I can't stop laughing",
            "end of month?",
            "please stop calling, I said start",
            "weekend",
            "the end",
            "cancel my order",
            "Thank you",
            "please",
            "non-stop",
            "bus stop",
            "don't cancel",
            "quit smoking",
            "remove the blue one",
            "stop by tomorrow",
            "when does it end",
            "no stop",
            "stop start",
            "pare de enviar amanhã",
            "Is this the end of the survey?",
        ] {
            assert_eq!(said(text), None, "{text}");
        }
    }

    #[test]
    fn an_opt_in_must_be_the_word_alone() {
        for text in ["start", "Unstop", "ALTA", "ابدأ", "Ｓｔａｒｔ", "Start!"] {
            assert_eq!(said(text), Some(Consent::OptedIn), "{text}");
        }
        for text in ["please start", "start start", "start, thanks"] {
            assert_eq!(said(text), None, "{text}");
        }
    }

    #[test]
    fn a_button_opts_out_by_its_text_or_its_payload() {
        let words = ConsentWords::new(None, None);
        let button = |text, payload| words.said_by_button(text, payload);
        assert_eq!(button(Some("Werbung beenden"), Some("Stop promotions")), Some(Consent::OptedOut));
        assert_eq!(button(Some("Stop promotions"), Some("btn_2")), Some(Consent::OptedOut));
        assert_eq!(button(Some("Start"), Some("STOP")), Some(Consent::OptedOut));
        assert_eq!(button(Some("Yes"), Some("order_stop_7")), None);
        assert_eq!(button(None, None), None);
        let own = ConsentWords::new(Some(&["Genug".to_owned()]), None);
        assert_eq!(own.said_by_button(Some("x"), Some("Stop promotions")), Some(Consent::OptedOut));
        assert_eq!(own.said_by_button(Some("x"), Some("stop")), None);
    }

    #[test]
    fn the_words_of_a_sender_replace_the_built_in_words() {
        let own = ["Genug".to_owned()];
        let words = ConsentWords::new(Some(&own), None);
        assert_eq!(words.said("genug, danke"), Some(Consent::OptedOut));
        assert_eq!(words.said("stop"), None);
        assert_eq!(words.said("start"), Some(Consent::OptedIn));
    }

    #[test]
    fn the_word_lists_have_no_duplicates_and_do_not_overlap() {
        let words = ConsentWords::new(None, None);
        assert!(words.opt_out.is_disjoint(&words.opt_in));
        assert_eq!(words.opt_out.len() + words.opt_in.len(), OPT_OUT_WORDS.len() + OPT_IN_WORDS.len());
        assert!(words.courtesies.iter().all(|phrase| !words.opt_out.contains(phrase) && !phrase.is_empty()));
    }

    proptest! {
        #[test]
        fn no_text_causes_a_panic(text: String) {
            let _ = said(&text);
        }
    }
}
