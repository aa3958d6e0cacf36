//! The campaign file (TOML): what is sent, through which sender, and by what rules.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::compile::CompileError;
use crate::deadline::Deadline;
use crate::flow::FlowTemplate;
use crate::rate::Rate;
use crate::render::CompiledFlow;

/// A campaign as its author wrote it. It is frozen when the campaign starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Name in lists and reports; need not be unique.
    pub name: String,
    /// Name of the sender it goes through.
    pub sender: String,
    /// The flow message, allowed while the recipient's 24-hour window is open.
    pub flow: FlowTemplate,
    /// The rules of sending.
    #[serde(default)]
    pub policy: Policy,
}

/// The rules of sending of one campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// How many requests one recipient may cost, the first one included.
    pub max_attempts: u16,
    /// The first pause before another attempt where the provider names none; doubled each time, with jitter.
    #[serde(with = "humantime_serde")]
    pub retry_base: Duration,
    /// The longest such pause.
    #[serde(with = "humantime_serde")]
    pub retry_cap: Duration,
    /// What becomes of recipients the provider may or may not have taken.
    pub unknown: UnknownRule,
    /// What is taken for granted of the 24-hour window of recipients nobody heard from. A free-form flow needs it said.
    pub assume_window: Option<AssumedWindow>,
    /// How many refusals for good in a row stop the campaign: its message is probably wrong. Each worker counts its own.
    pub stop_after_refusals: u16,
    /// Share of the sender's rate among its running campaigns.
    pub weight: u16,
    /// The campaign's own rate, besides its sender's. Its requests leave in bunches of a tenth of a second.
    pub rate: Option<Rate>,
    /// When it ends at the latest.
    pub deadline: Option<Deadline>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_attempts: 4,
            retry_base: Duration::from_secs(30),
            retry_cap: Duration::from_mins(15),
            unknown: UnknownRule::Leave,
            assume_window: None,
            stop_after_refusals: 25,
            weight: 1,
            rate: None,
            deadline: None,
        }
    }
}

/// What becomes of an unknown recipient when no receipt settles it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownRule {
    /// It stays unknown until a person decides. The only rule that never sends twice.
    Leave,
}

/// What is assumed of a 24-hour window that nobody heard about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AssumedWindow {
    /// It is open: the provider will refuse those whose window is closed.
    Open,
}

/// Why a campaign file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// Not TOML, a key nobody knows, or a value of the wrong kind; the text names line and key.
    #[error("{0}")]
    Form(#[from] toml::de::Error),
    /// A value that makes no sense.
    #[error("{field}: {reason}")]
    Value {
        /// The key.
        field: &'static str,
        /// What is wrong and what to write.
        reason: &'static str,
    },
    /// The message is wrong.
    #[error(transparent)]
    Message(#[from] CompileError),
}

impl Definition {
    /// Reads a campaign file and checks all that can be checked without a list.
    pub fn parse(text: &str) -> Result<Self, DefinitionError> {
        let definition: Self = toml::from_str(text)?;
        definition.check()?;
        Ok(definition)
    }

    /// The message, ready to be filled in.
    pub fn compile(&self) -> Result<CompiledFlow, CompileError> {
        CompiledFlow::compile(&self.flow)
    }

    fn check(&self) -> Result<(), DefinitionError> {
        let wrong = |field, reason| Err(DefinitionError::Value { field, reason });
        if self.name.trim().is_empty() {
            return wrong("name", "is empty; give the campaign a name");
        }
        if self.policy.max_attempts == 0 {
            return wrong("policy.max_attempts", "is 0, nothing would be sent; write 1 or more");
        }
        if self.policy.stop_after_refusals == 0 {
            return wrong("policy.stop_after_refusals", "is 0, nothing would be sent; write 1 or more");
        }
        if self.policy.weight == 0 {
            return wrong("policy.weight", "is 0, nothing would be sent; write 1 or more");
        }
        if self.policy.retry_base > self.policy.retry_cap {
            return wrong("policy.retry_base", "is longer than policy.retry_cap");
        }
        if self.policy.assume_window.is_none() {
            return wrong(
                "policy.assume_window",
                "is missing; a free-form flow only reaches people whose 24-hour window is open: write \"open\" if it is",
            );
        }
        self.compile()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
name = "September survey"
sender = "ke-main"

[flow]
body = "Hello {{ first_name }}"
cta = "Open"
flow_id = "1"
screen = "WELCOME"

[flow.data]
first_name = "{{ first_name }}"

[policy]
assume_window = "open"
retry_base = "5s"
rate = "50/s"
deadline = "24h"
"#;

    #[test]
    fn a_campaign_file_is_read_with_its_defaults() {
        let definition = Definition::parse(FILE).unwrap();
        assert_eq!(definition.policy.retry_base, Duration::from_secs(5));
        assert_eq!(definition.policy.rate, "50/s".parse().ok());
        assert_eq!(definition.policy.deadline, "24h".parse().ok());
        assert_eq!(definition.policy.max_attempts, 4);
        assert_eq!(definition.policy.unknown, UnknownRule::Leave);
    }

    #[test]
    fn a_definition_survives_its_json_form() {
        let definition = Definition::parse(FILE).unwrap();
        let json = serde_json::to_string(&definition).unwrap();
        assert_eq!(serde_json::from_str::<Definition>(&json).unwrap(), definition);
    }

    #[test]
    fn a_wrong_file_is_refused_with_place_and_reason() {
        for (from, to, says) in [
            ("cta = ", "ctaa = ", "unknown field `ctaa`"),
            ("assume_window = \"open\"", "", "policy.assume_window: is missing"),
            ("retry_base = \"5s\"", "retry_base = \"5 parsecs\"", "expected a duration"),
            ("rate = \"50/s\"", "rate = \"20\"", "'20' is not a rate; write how many in how long"),
            ("deadline = \"24h\"", "deadline = \"soon\"", "'soon' is no deadline; write a time"),
            ("retry_base = \"5s\"", "weight = 0", "policy.weight: is 0"),
            ("name = \"September survey\"", "name = \" \"", "name: is empty"),
            ("screen = \"WELCOME\"", "", "[flow] screen: is missing"),
        ] {
            let error = Definition::parse(&FILE.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
