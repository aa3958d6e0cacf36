//! The result of parsing one webhook body while it is built.

use campaign::Provider;
use serde_json::Value;

use crate::classification::error_rule::Rule;
use crate::classification::overrides::Overrides;
use crate::webhook::delivery_failure;
use crate::webhook::event::{DeliveryFailure, Event, ParsedWebhook};

/// Collects the events of one body.
pub(crate) struct Reader<'a> {
    provider: Provider,
    failure_rules: [&'static [Rule]; 2],
    overrides: &'a Overrides,
    parsed: ParsedWebhook,
}

impl<'a> Reader<'a> {
    /// `failure_rules` are the tables that explain a failed delivery; the first matching rule applies.
    pub(crate) fn new(
        provider: Provider,
        failure_rules: [&'static [Rule]; 2],
        overrides: &'a Overrides,
    ) -> Self {
        Self { provider, failure_rules, overrides, parsed: ParsedWebhook::default() }
    }

    /// Adds an event.
    pub(crate) fn event(&mut self, event: Event) {
        self.parsed.events.push(event);
    }

    /// Counts a part of the body that was not understood.
    pub(crate) fn unknown(&mut self, kind: &'static str) {
        *self.parsed.unknown.entry(kind).or_default() += 1;
    }

    /// The cause of a failed delivery with this code and the provider's `text`.
    pub(crate) fn failure(&self, code: Option<&Value>, text: &str) -> DeliveryFailure {
        let operator_class = |code: &str| self.overrides.class(self.provider, code);
        delivery_failure::classify(self.failure_rules, operator_class, code, text)
    }

    /// The parsed body.
    pub(crate) fn finish(self) -> ParsedWebhook {
        self.parsed
    }
}
