//! Which passwords are accepted (OWASP ASVS 5, 6.2): long ones that are not among the first guesses. There are no rules of
//! composition.

use crate::common::is_common;

/// Which passwords are accepted.
#[derive(Clone, Debug, Default)]
pub struct PasswordRules {
    /// Words of the installation and of the account, in lower case. A password that contains one of them is refused.
    words: Vec<String>,
}

/// Why a password is refused. No text contains the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It is too short.
    #[error("the password has fewer than 12 characters; use a longer one, such as four words")]
    TooShort,
    /// It is too long.
    #[error("the password has more than 128 characters; use a shorter one")]
    TooLong,
    /// It is on the list of common passwords.
    #[error(
        "the password is one of the most common ones, or repeats a few characters; use another one, such as four words"
    )]
    Common,
    /// It contains the name of the account or a word of the installation.
    #[error("the password contains the name of the account or of this program; use one without it")]
    ContainsName,
}

impl PasswordRules {
    /// The minimum length, in characters.
    pub const LEAST: usize = 12;
    /// The maximum length, in characters.
    pub const MOST: usize = 128;
    /// Shorter words may be in a password by chance.
    const SHORTEST_WORD: usize = 4;

    /// The rules of an account. The names are split into words.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let lower: Vec<String> = names.into_iter().map(str::to_lowercase).collect();
        let parts = lower.iter().flat_map(|name| name.split(|sign: char| !sign.is_alphanumeric()));
        let words = parts.filter(|word| word.chars().count() >= Self::SHORTEST_WORD);
        Self { words: words.chain(["flowcast"]).map(str::to_owned).collect() }
    }

    /// Checks a new password. The password is stored as it is: not trimmed, not normalized.
    pub fn check(&self, password: &str) -> Result<(), PasswordError> {
        let length = password.chars().count();
        if length < Self::LEAST {
            return Err(PasswordError::TooShort);
        }
        if length > Self::MOST {
            return Err(PasswordError::TooLong);
        }
        let lower = password.to_lowercase();
        if is_common(&lower) {
            return Err(PasswordError::Common);
        }
        if self.words.iter().any(|word| lower.contains(word)) {
            return Err(PasswordError::ContainsName);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_length_counts_not_the_kinds_of_characters() {
        let rules = PasswordRules::of(["anna"]);
        for good in ["wvkqpzjmtrxb", "four plain words here", "ключ от квартиры", " leading and trailing "]
        {
            assert_eq!(rules.check(good), Ok(()), "{good}");
        }
        assert_eq!(rules.check("wvkqpzjmtrx"), Err(PasswordError::TooShort));
        assert_eq!(rules.check("ключ от ква"), Err(PasswordError::TooShort), "characters count, not bytes");
        let words = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor ";
        let long: String = words.chars().cycle().take(128).collect();
        assert_eq!(rules.check(&long), Ok(()));
        assert_eq!(rules.check(&format!("{long}x")), Err(PasswordError::TooLong));
    }

    #[test]
    fn common_passwords_are_refused_in_any_case_and_with_digits_around_them() {
        let rules = PasswordRules::of(["anna"]);
        let common = [
            "Password1234",
            "password2026!",
            "PASSWORDPASSWORD",
            "qwertyuiop12",
            "123456789012",
            "aaaaaaaaaaaa",
            "abcabcabcabc",
            "iloveyou2026!!",
            "1q2w3e4r5t6y",
            "letmeinletmein",
        ];
        for common in common {
            assert_eq!(rules.check(common), Err(PasswordError::Common), "{common}");
        }
    }

    #[test]
    fn words_of_the_account_and_of_the_program_are_refused() {
        let rules = PasswordRules::of(["Anna.Wanjiru", "campaigns.example.org"]);
        for named in ["mypass-wanjiru-1x", "FlowCast is great", "i run campaigns daily", "ANNA loves bananas"]
        {
            assert_eq!(rules.check(named), Err(PasswordError::ContainsName), "{named}");
        }
        assert_eq!(rules.check("an organ is playing"), Ok(()), "a word of three characters is ignored");
    }
}
