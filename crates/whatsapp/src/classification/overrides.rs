//! The operator's classes for providers' codes, which take precedence over the tables.
//!
//! An override changes the handling of a refusal, never of an accepting answer, which needs the provider's message id. It does
//! not apply to a request without an answer either, because such a request has no provider's code.

use std::collections::BTreeMap;

use campaign::{Provider, Refusal, Verdict};
use serde::{Deserialize, Deserializer};

use crate::classification::error_rule::Class;

/// Classes by provider and code, as in `[providers.kaleyra.errors]` of `flowcast.toml`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides(Vec<(Provider, BTreeMap<String, Class>)>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    #[serde(default)]
    errors: BTreeMap<String, String>,
}

impl<'de> Deserialize<'de> for Overrides {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let sections: BTreeMap<String, Section> = BTreeMap::deserialize(deserializer)?;
        let mut overrides = Vec::with_capacity(sections.len());
        for (name, section) in sections {
            let provider: Provider = name.parse().map_err(D::Error::custom)?;
            let mut classes = BTreeMap::new();
            for (code, class) in section.errors {
                let class = class
                    .parse()
                    .map_err(|error| D::Error::custom(format!("{name}.errors.{code}: {error}")))?;
                classes.insert(code, class);
            }
            overrides.push((provider, classes));
        }
        Ok(Self(overrides))
    }
}

impl Overrides {
    /// The class of this code, if the operator set one.
    pub fn class(&self, provider: Provider, code: &str) -> Option<Class> {
        let (_, classes) = self.0.iter().find(|(known, _)| *known == provider)?;
        classes.get(code).copied()
    }

    /// The codes with a class of the operator, to be shown to users.
    pub fn codes(&self, provider: Provider) -> impl Iterator<Item = (&str, Class)> {
        let of_provider = self.0.iter().filter(move |(known, _)| *known == provider);
        of_provider.flat_map(|(_, classes)| classes).map(|(code, class)| (code.as_str(), *class))
    }

    /// The verdict after the override, if there is one for its code.
    pub(crate) fn apply(&self, provider: Provider, verdict: Verdict) -> Verdict {
        let (refusal, retry_after) = match &verdict {
            Verdict::Accepted { .. } => return verdict,
            Verdict::Throttled { refusal, retry_after } => (refusal, *retry_after),
            Verdict::Retry { refusal, .. }
            | Verdict::Unknown { refusal }
            | Verdict::Rejected { refusal }
            | Verdict::WindowClosed { refusal }
            | Verdict::StopCampaign { refusal, .. }
            | Verdict::StopSender { refusal, .. } => (refusal, None),
        };
        match self.class(provider, &refusal.code) {
            Some(class) => class.verdict(Refusal::clone(refusal), retry_after),
            None => verdict,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use campaign::StopReason;

    fn read(text: &str) -> Result<Overrides, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
    }

    fn rejected(code: &'static str) -> Verdict {
        Verdict::Rejected { refusal: Refusal::new(code, "x") }
    }

    #[test]
    fn an_override_applies_to_its_provider_only() {
        let overrides = read(
            "[kaleyra.errors]\nE999 = \"stop sender: low_balance\"\nWA400 = \"retry\"\n[meta.errors]\n131049 = \"unknown\"",
        );
        let overrides = overrides.unwrap();
        let kaleyra = |verdict| overrides.apply(Provider::Kaleyra, verdict);
        let stopped =
            Verdict::StopSender { refusal: Refusal::new("E999", "x"), reason: StopReason::LowBalance };
        assert_eq!(kaleyra(rejected("E999")), stopped);
        assert_eq!(
            kaleyra(rejected("WA400")),
            Verdict::Retry { refusal: Refusal::new("WA400", "x"), schedule: &[] }
        );
        assert_eq!(kaleyra(rejected("131049")), rejected("131049"));
        assert_eq!(overrides.apply(Provider::OneMsg, rejected("E999")), rejected("E999"));
        let accepted = Verdict::Accepted { provider_message_id: "E999".into() };
        assert_eq!(kaleyra(accepted.clone()), accepted);
    }

    #[test]
    fn an_invalid_override_is_reported_with_its_key() {
        for (text, says) in [
            ("[pigeon.errors]\nx = \"retry\"", "unknown provider 'pigeon'"),
            ("[kaleyra.errors]\nE110 = \"ignore\"", "kaleyra.errors.E110: 'ignore' is not a class; use"),
            ("[kaleyra.errors]\nE110 = \"accepted\"", "kaleyra.errors.E110: 'accepted' is not a class; use"),
            ("[kaleyra.errors]\nE110 = \"stop sender: rain\"", "kaleyra.errors.E110:"),
            ("[kaleyra]\nerror = 1", "unknown field"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
