//! Names of providers.

use campaign::Provider;

/// The name of a provider; the word itself if this program does not know it.
pub(crate) fn name(word: &str) -> &str {
    match word.parse::<Provider>() {
        Ok(Provider::Kaleyra) => "Kaleyra",
        Ok(Provider::LipaChat) => "LipaChat",
        Ok(Provider::OneMsg) => "1msg",
        Ok(Provider::Meta) => "Meta",
        Err(_) => word,
    }
}
