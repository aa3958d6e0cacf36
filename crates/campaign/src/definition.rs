//! The campaign file (TOML): the messages, the sender and the rules of one campaign.

pub(crate) mod error;
pub(crate) mod policy;
pub(crate) mod provider_limits;
pub(crate) mod unknown;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::definition::error::DefinitionError;
use crate::definition::policy::Policy;
use crate::message::CompiledMessage;
use crate::message::error::CompileError;
use crate::message::flow::{FlowMode, FlowTemplate};
use crate::message::template::TemplateUse;
use crate::provider::Provider;
use crate::time::schedule::Schedule;

/// A campaign as its author wrote it. The definition is frozen when the campaign starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Name in lists and reports; need not be unique.
    pub name: String,
    /// Name of the sender.
    pub sender: String,
    /// The free-form flow message, allowed while the recipient's 24-hour window is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<FlowTemplate>,
    /// The template message, allowed at any time. At least one of the two messages is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<TemplateUse>,
    /// Values for variables whose cell is empty, or whose column the list does not have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub defaults: BTreeMap<String, String>,
    /// The rules of sending.
    #[serde(default)]
    pub policy: Policy,
    /// Start time and sending hours.
    #[serde(default)]
    pub schedule: Schedule,
}

impl Definition {
    /// Parses a campaign file and checks everything that can be checked without a list.
    pub fn parse(text: &str) -> Result<Self, DefinitionError> {
        let definition: Self = toml::from_str(text)?;
        definition.check()?;
        Ok(definition)
    }

    /// Compiles the messages, so that they can be rendered.
    pub fn compile(&self) -> Result<CompiledMessage, CompileError> {
        CompiledMessage::compile(self.flow.as_ref(), self.template.as_ref(), self.policy.assume_window)
    }

    /// Refuses messages that this provider cannot send. `provider` is the provider of the campaign's sender.
    pub fn check_for(&self, provider: Provider) -> Result<(), DefinitionError> {
        if let Some(flow) = &self.flow {
            provider_limits::check_flow(provider, flow)?;
        }
        self.template.as_ref().map_or(Ok(()), |template| provider_limits::check_template(provider, template))
    }

    /// Warnings for the author about a valid campaign.
    pub fn warnings(&self, now: Timestamp) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.flow.as_ref().is_some_and(|flow| flow.mode == FlowMode::Draft) {
            warnings.push(
                "[flow] mode is \"draft\": only testers of the flow can open it; write \"published\" to let all recipients open it".into(),
            );
        }
        if let Some(start_at) = self.schedule.start_at.filter(|start_at| *start_at <= now) {
            let minute = start_at.strftime("%Y-%m-%d %H:%M UTC");
            warnings.push(format!(
                "schedule.start_at is past ({minute}): the campaign sends as soon as it is started"
            ));
        }
        warnings
    }

    /// Checks everything that can be checked without a list and a sender.
    pub fn check(&self) -> Result<(), DefinitionError> {
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
        if self.flow.is_none() && self.template.is_none() {
            return wrong("[flow]", "is missing; write a [flow], a [template], or both");
        }
        if self.template.is_none() && self.policy.assume_window.is_none() {
            return wrong(
                "policy.assume_window",
                "is missing; a free-form flow only reaches people whose 24-hour window is open: write \"open\" if it is, or add a [template]",
            );
        }
        self.schedule.check()?;
        let message = self.compile()?;
        let needed = message.variables();
        match self.defaults.keys().find(|name| !needed.contains(*name)) {
            Some(name) => Err(DefinitionError::Default {
                name: name.clone(),
                needed: needed.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
            }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::UnknownRule;

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
        assert_eq!(definition.policy.unknown_after, Duration::from_hours(24));
    }

    #[test]
    fn a_definition_survives_its_json_form() {
        let definition = Definition::parse(FILE).unwrap();
        let json = serde_json::to_string(&definition).unwrap();
        assert_eq!(serde_json::from_str::<Definition>(&json).unwrap(), definition);
    }

    #[test]
    fn an_invalid_file_is_refused_with_key_and_reason() {
        for (from, to, expected) in [
            ("cta = ", "ctaa = ", "unknown field `ctaa`"),
            ("assume_window = \"open\"", "", "policy.assume_window: is missing"),
            ("retry_base = \"5s\"", "retry_base = \"5 parsecs\"", "expected a duration"),
            ("rate = \"50/s\"", "rate = \"20\"", "'20' is not a rate; write how many in how long"),
            ("deadline = \"24h\"", "deadline = \"soon\"", "'soon' is not a deadline; write a time"),
            ("retry_base = \"5s\"", "weight = 0", "policy.weight: is 0"),
            ("retry_base = \"5s\"", "unknown = \"retry\"", "expected one of `leave`, `resend`, `give-up`"),
            ("name = \"September survey\"", "name = \" \"", "name: is empty"),
            (
                "[policy]",
                "[defaults]\nfrist_name = \"x\"\n[policy]",
                "defaults.frist_name: the message needs no such",
            ),
            (
                "body = \"Hello {{ first_name }}\"",
                "body = \"{{ first_name | unknown_filter }}\"",
                "there is no filter unknown_filter",
            ),
            ("screen = \"WELCOME\"", "", "[flow] screen: is missing"),
            (
                "screen = \"WELCOME\"",
                "screen = \"WELCOME SCREEN\"",
                "[flow] screen: is not the id of a screen",
            ),
            ("flow_id = \"1\"", "flow_id = \"https://wa.me/flow/1\"", "[flow] flow_id: is a web address"),
            ("flow_id = \"1\"", "flow_id = \"1 2\"", "[flow] flow_id: is not the id of a flow"),
            ("flow_id = \"1\"", "flow_name = \"https://wa.me/1\"", "[flow] flow_name: is a web address"),
            ("cta = \"Open\"", "cta = \"Open 🙏\"", "[flow] cta: WhatsApp allows no emoji on the button"),
            (
                "cta = \"Open\"",
                "cta = \"{{ first_name }} ❤️\"",
                "[flow] cta: WhatsApp allows no emoji on the button",
            ),
            (
                "[policy]",
                "[schedule]\nstart_at = \"2026-12-01T09:00:00\"\n[policy]",
                "has no time zone; write date",
            ),
            ("[policy]", "[template]\nname = \"t\"\n[policy]", "missing field `language`"),
            (
                "[policy]",
                "[template]\nname = \"t\"\nlanguage = \"en\"\nbdy = []\n[policy]",
                "unknown field `bdy`",
            ),
        ] {
            let error = Definition::parse(&FILE.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_draft_flow_and_a_past_start_time_give_warnings() {
        let now: Timestamp = "2026-11-29T12:00:00Z".parse().unwrap();
        let warnings =
            |from: &str, to: &str| Definition::parse(&FILE.replace(from, to)).unwrap().warnings(now);
        assert_eq!(warnings("", ""), Vec::<String>::new());
        let draft = warnings("cta = ", "mode = \"draft\"\ncta = ");
        assert!(draft[0].starts_with("[flow] mode is \"draft\": only testers"), "{draft:?}");
        let start =
            |time: &str| warnings("[policy]", &format!("[schedule]\nstart_at = \"{time}\"\n[policy]"));
        assert_eq!(
            start("2026-11-29T14:59:00+03:00"),
            ["schedule.start_at is past (2026-11-29 11:59 UTC): the campaign sends as soon as it is started"]
        );
        assert_eq!(start("2026-11-29T15:01:00+03:00"), Vec::<String>::new());
    }

    const TEMPLATE: &str = "[template]\nname = \"t\"\nlanguage = \"en\"\nbody = [\"{{ first_name }}\"]\n";

    #[test]
    fn a_campaign_with_only_a_template_needs_no_assumed_window() {
        let head = "name = \"x\"\nsender = \"s\"\n";
        let definition = Definition::parse(&format!("{head}{TEMPLATE}[template.button]\n")).unwrap();
        assert!(definition.flow.is_none() && definition.template.unwrap().button.is_some());
        let error = Definition::parse(head).unwrap_err().to_string();
        assert_eq!(error, "[flow]: is missing; write a [flow], a [template], or both");
    }

    #[test]
    fn an_unsupported_field_is_refused_with_the_name_of_the_provider() {
        let plain = FILE.to_owned();
        let of_template = format!("name = \"x\"\nsender = \"s\"\n{TEMPLATE}");
        let with = |from: &str, to: &str| FILE.replacen(from, to, 1);
        let by_name = with("flow_id = ", "flow_name = ");
        let exchange = with("screen = \"WELCOME\"", "action = \"data_exchange\"")
            .replace("[flow.data]\nfirst_name = \"{{ first_name }}\"", "");
        for (file, provider, expected) in [
            (&plain, Provider::LipaChat, None),
            (&with("cta", "header = \"h\"\ncta"), Provider::LipaChat, Some("[flow] header cannot")),
            (&with("cta", "footer = \"f\"\ncta"), Provider::LipaChat, Some("[flow] footer cannot")),
            (&with("cta", "mode = \"draft\"\ncta"), Provider::LipaChat, Some("[flow] mode cannot")),
            (
                &with("first_name =", "flowcast_ref ="),
                Provider::LipaChat,
                Some("[flow] data holds flowcast_ref"),
            ),
            (&exchange, Provider::LipaChat, Some("[flow] action cannot")),
            (&exchange, Provider::OneMsg, None),
            (&with("cta", "reference = false\ncta"), Provider::LipaChat, None),
            (
                &with("cta", "reference = false\ncta"),
                Provider::Meta,
                Some("[flow] reference cannot be false"),
            ),
            (&by_name, Provider::LipaChat, Some("[flow] flow_name cannot")),
            (&by_name, Provider::OneMsg, Some("[flow] flow_name cannot")),
            (&by_name, Provider::Meta, None),
            (&by_name, Provider::Kaleyra, None),
            (&of_template, Provider::LipaChat, None),
            (&format!("{of_template}header = \"h\""), Provider::LipaChat, Some("[template] header cannot")),
            (
                &format!("{of_template}[template.button]"),
                Provider::LipaChat,
                Some("[template] button cannot"),
            ),
            (&format!("{of_template}[template.button]"), Provider::OneMsg, None),
        ] {
            let checked =
                Definition::parse(file).unwrap().check_for(provider).map_err(|error| error.to_string());
            match expected {
                None => assert_eq!(checked, Ok(()), "{provider} {file}"),
                Some(expected) => {
                    let error = checked.unwrap_err();
                    assert!(error.starts_with(&format!("{provider}: {expected}")), "{error}");
                }
            }
        }
    }

    #[test]
    fn parts_of_templates_that_lipachat_does_not_document_are_refused() {
        let of_template = format!("name = \"x\"\nsender = \"s\"\n{TEMPLATE}");
        let image = "[template.media]\nkind = \"image\"\n";
        let document = "[template.media]\nkind = \"document\"\nlink = \"https://x.example/1\"\n";
        for (parts, expected) in [
            (format!("{image}link = \"https://x.example/1\""), None),
            (format!("{image}id = \"1\""), Some("[template] media.id cannot")),
            (format!("{document}filename = \"x.pdf\""), Some("[template] media.filename cannot")),
            (
                "[[template.buttons]]\nindex = 0\nkind = \"url\"\nvalue = \"x\"".to_owned(),
                Some("[template] buttons cannot"),
            ),
        ] {
            let definition = Definition::parse(&format!("{of_template}{parts}")).unwrap();
            let error = definition.check_for(Provider::LipaChat).err().map(|error| error.to_string());
            let is_expected = match (&error, expected) {
                (Some(error), Some(expected)) => error.contains(expected),
                (None, None) => true,
                _ => false,
            };
            assert!(is_expected, "{parts}: {error:?}");
            assert!(definition.check_for(Provider::Meta).is_ok());
        }
    }

    #[test]
    fn the_examples_are_valid_for_every_provider_except_fields_that_lipachat_does_not_support() {
        let flow = include_str!("../../../examples/campaign.toml");
        let template = include_str!("../../../examples/template-campaign.toml");
        for text in [flow, template] {
            let definition = Definition::parse(text).unwrap();
            for provider in Provider::ALL {
                let is_taken = definition.check_for(provider).is_ok();
                assert_eq!(is_taken, provider != Provider::LipaChat, "{provider}");
            }
        }
    }
}
