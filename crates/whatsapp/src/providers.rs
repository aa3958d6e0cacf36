//! The providers: for each the requests, the classification of answers, the table of errors, and the webhook.
//!
//! This folder uses `account`, `classification`, `request` and `webhook`. It makes no request. All functions are pure.
//!
//! To add a provider: add a variant to [`Provider`] in the crate `campaign`, a file `providers/NAME.rs` that implements
//! [`Adapter`] with `errors` and `webhook` in the folder of the same name, and an arm to [`adapter_of`].

pub(crate) mod adapter;
pub(crate) mod answers;
pub(crate) mod approved_template;
mod kaleyra;
mod lipachat;
mod meta;
mod one_msg;

use campaign::{Provider, Verdict};

use self::adapter::Adapter;
use crate::classification::answer::HttpAnswer;
use crate::classification::error_rule::Rule;
use crate::classification::overrides::Overrides;
use crate::webhook::reader::Reader;
use crate::webhook::{InvalidBody, ParsedWebhook, fields};

/// The adapter of a provider.
pub(crate) fn adapter_of(provider: Provider) -> &'static dyn Adapter {
    match provider {
        Provider::Kaleyra => &kaleyra::Kaleyra,
        Provider::LipaChat => &lipachat::LipaChat,
        Provider::OneMsg => &one_msg::OneMsg,
        Provider::Meta => &meta::Meta,
    }
}

/// Classifies a complete answer of a provider.
pub fn classify_answer(provider: Provider, answer: &HttpAnswer<'_>) -> Verdict {
    adapter_of(provider).classify(answer)
}

/// The provider's table of documented answers, to be shown to users.
pub fn error_map(provider: Provider) -> &'static [Rule] {
    adapter_of(provider).errors()
}

/// Parses the body of a provider's webhook request. `overrides` are the operator's classes for codes.
pub fn read_webhook(
    provider: Provider,
    body: &[u8],
    overrides: &Overrides,
) -> Result<ParsedWebhook, InvalidBody> {
    let body = fields::json(body).ok_or(InvalidBody::NotJson)?;
    let mut reader = Reader::new(provider, failure_rules(provider), overrides);
    adapter_of(provider).read_webhook(&body, &mut reader)?;
    Ok(reader.finish())
}

/// The tables that explain a failed delivery: the provider's own, then Meta's, whose codes all providers pass on.
pub(crate) fn failure_rules(provider: Provider) -> [&'static [Rule]; 2] {
    [error_map(provider), meta::errors::ERRORS]
}
