//! Errors of creating a client or a channel. Sending has no error; its result is a verdict.

use campaign::Provider;

/// An invalid setting or sender; nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting of the HTTP client is invalid: correct the configuration.
    #[error("http.{key}: {reason}")]
    Config {
        /// The key of the setting.
        key: &'static str,
        /// What is wrong, and what a correct value looks like.
        reason: &'static str,
    },
    /// A file of certificates or a key cannot be used: correct the file or the setting.
    #[error(transparent)]
    Certificates(#[from] certificates::Unusable),
    /// A part of the sender is missing or invalid: correct the sender.
    #[error("sender's {field}: {reason}")]
    Account {
        /// The part of the sender.
        field: &'static str,
        /// What is wrong, and what a correct value looks like.
        reason: &'static str,
    },
    /// The HTTP client cannot be built on this machine.
    #[error("cannot build the http client; check that the ca-certificates package is installed")]
    Client(#[source] reqwest::Error),
}

/// Why the templates of an account cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TemplateListError {
    /// The provider documents no list.
    #[error("{0} documents no list of templates; enter the template with 'flowcast template set'")]
    NotOffered(Provider),
    /// Meta lists templates by account.
    #[error(
        "the id of the WhatsApp Business account is missing or has other characters than digits; give it with --business-account"
    )]
    NoBusinessAccount,
    /// The provider refuses the request, or cannot be reached.
    #[error("the provider does not list its templates: {code}: {text}")]
    Refused {
        /// The code of the refusal.
        code: String,
        /// Its meaning.
        text: String,
    },
    /// The answer is not a list of templates.
    #[error("the answer of the provider is not a list of templates; check the base URL of the sender")]
    NotAList,
}
