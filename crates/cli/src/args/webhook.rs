//! Command line options of a sender's webhook. The comments of the fields are `--help` texts.

use clap::Args as ClapArgs;
use control::WebhookSettings;

/// How posts of the provider are authenticated, and the words that opt out and in.
#[derive(ClapArgs)]
pub(crate) struct WebhookArgs {
    /// Environment variable with Meta's app secret, or user:password for Basic authentication of other providers, in the
    /// environment of the servers
    #[arg(long, value_name = "VAR", conflicts_with = "webhook_secret_file")]
    pub(crate) webhook_secret_env: Option<String>,
    /// File with the same secret, on the machines of the servers
    #[arg(long, value_name = "FILE")]
    pub(crate) webhook_secret_file: Option<String>,
    /// Networks that the provider posts from, such as 203.0.113.0/24,198.51.100.7, or any
    #[arg(long, value_name = "LIST")]
    pub(crate) webhook_sources: Option<String>,
    /// Words that opt out, such as STOP,ACHA, or default
    #[arg(long, value_name = "LIST")]
    pub(crate) opt_out_words: Option<String>,
    /// Words that opt in again, such as START,ANZA, or default
    #[arg(long, value_name = "LIST")]
    pub(crate) opt_in_words: Option<String>,
}

impl WebhookArgs {
    /// The requested settings.
    pub(crate) fn settings(&self) -> WebhookSettings {
        let env = self.webhook_secret_env.as_ref().map(|name| format!("env:{name}"));
        let file = self.webhook_secret_file.as_ref().map(|path| format!("file:{path}"));
        WebhookSettings {
            secret_ref: env.or(file).map(Some),
            sources: list(self.webhook_sources.as_deref(), "any"),
            opt_out_words: list(self.opt_out_words.as_deref(), "default"),
            opt_in_words: list(self.opt_in_words.as_deref(), "default"),
        }
    }
}

/// The items of a comma-separated list; the word `none` removes the setting.
#[expect(clippy::option_option, reason = "not given, removed, given")]
fn list(text: Option<&str>, none: &str) -> Option<Option<Vec<String>>> {
    let text = text?;
    if text == none {
        return Some(None);
    }
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    Some(Some(items.map(str::to_owned).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_parsed_and_the_word_for_none_removes_it() {
        assert_eq!(list(None, "any"), None);
        assert_eq!(list(Some("any"), "any"), Some(None));
        assert_eq!(list(Some(" a, b,"), "any"), Some(Some(vec!["a".into(), "b".into()])));
    }
}
