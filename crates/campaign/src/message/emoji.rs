//! Emoji, which WhatsApp allows in texts but not on buttons.

use unicode_properties::UnicodeEmoji;

/// Whether a character is shown as an emoji, or turns the character before it into one. Digits, `#` and `*` are emoji
/// only together with the keycap character.
pub(crate) fn is_emoji(character: char) -> bool {
    const OTHERS: [char; 2] = ['\u{fe0f}', '\u{20e3}'];
    const OF_TEXTS: [char; 3] = ['©', '®', '™'];
    OTHERS.contains(&character)
        || (!character.is_ascii() && !OF_TEXTS.contains(&character) && character.is_emoji_char())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emoji_are_distinguished_from_letters_and_symbols() {
        for emoji in ["🙏", "❤️", "👍🏽", "🇰🇪", "1️⃣", "⭐", "☎", "👩‍💻"] {
            assert!(emoji.chars().any(is_emoji), "{emoji}");
        }
        for text in ["Open survey #1*", "Umfrage öffnen!", "افتح", "खोलें", "打开", "Öffnen → hier ©™ “x”…", ""]
        {
            assert!(!text.chars().any(is_emoji), "{text}");
        }
    }
}
