//! What a person typed into the form of the message, and the definition that it means.

use std::collections::BTreeMap;

use campaign::{
    AssumedWindow, Definition, FlowActionKind, FlowButtonUse, FlowMode, FlowTemplate, TemplateUse,
};

use crate::wizard::data;
use crate::wizard::faults::{Fault, of_definition};

/// The prefix of the names of the fields with values for empty cells.
pub(crate) const DEFAULT: &str = "default.";

/// The values of the form by the names of its fields. A check box that is not checked has no value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(BTreeMap<String, String>);

impl Fields {
    /// The values of a form that was sent. Browsers send line breaks as CR LF.
    pub(crate) fn sent(pairs: Vec<(String, String)>) -> Self {
        let plain = |value: String| value.replace("\r\n", "\n").trim_end().to_owned();
        Self(pairs.into_iter().map(|(name, value)| (name, plain(value))).collect())
    }

    /// The form of a new campaign.
    pub(crate) fn new_campaign(sender: &str) -> Self {
        let values = [("sender", sender), ("kind", "flow"), ("action", "navigate"), ("mode", "published")];
        Self(values.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
    }

    /// The form that shows a definition.
    pub(crate) fn of(definition: &Definition) -> Self {
        let mut fields = Self::new_campaign(&definition.sender);
        fields.set("name", &definition.name);
        let kind = match (&definition.flow, &definition.template) {
            (Some(_), Some(_)) => "both",
            (None, Some(_)) => "template",
            (_, None) => "flow",
        };
        fields.set("kind", kind);
        if let Some(flow) = &definition.flow {
            fields.set_flow(flow);
        }
        if let Some(template) = &definition.template {
            fields.set_template(template);
        }
        if definition.policy.assume_window.is_some() {
            fields.set("assume_window", "open");
        }
        for (name, value) in &definition.defaults {
            fields.set(&format!("{DEFAULT}{name}"), value);
        }
        fields
    }

    /// The value of a field; empty if it has none.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Whether a check box is checked.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// All values: name, value.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The definition for a preview: what is needed to send, but not to draw, is made up if it is missing.
    pub(crate) fn for_preview(&self, base: Option<&Definition>) -> Result<Definition, Vec<Fault>> {
        let mut filled = self.clone();
        filled.0.entry("assume_window".into()).or_insert_with(|| "open".into());
        let made_up = [
            ("name", "preview"),
            ("body", "Your text"),
            ("cta", "Button"),
            ("flow_id", if self.get("flow_name").is_empty() { "0" } else { "" }),
            ("screen", if self.get("action") == "data_exchange" { "" } else { "FIRST" }),
            ("template", "…"),
            ("language", "…"),
        ];
        for (name, value) in made_up {
            if self.get(name).trim().is_empty() && !value.is_empty() {
                filled.set(name, value);
            }
        }
        filled.definition(base)
    }

    /// Removes a field; its value.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    fn set_flow(&mut self, flow: &FlowTemplate) {
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        self.set("header", &optional(&flow.header));
        self.set("body", &flow.body);
        self.set("footer", &optional(&flow.footer));
        self.set("cta", &flow.cta);
        self.set("flow_id", &optional(&flow.flow_id));
        self.set("flow_name", &optional(&flow.flow_name));
        self.set("screen", &optional(&flow.screen));
        self.set("data", &data::text(&flow.data));
        let action = match flow.action {
            FlowActionKind::Navigate => "navigate",
            FlowActionKind::DataExchange => "data_exchange",
        };
        self.set("action", action);
        self.set("mode", flow.mode.word());
    }

    fn set_template(&mut self, template: &TemplateUse) {
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        self.set("template", &template.name);
        self.set("language", &template.language);
        self.set("namespace", &optional(&template.namespace));
        self.set("template_header", &optional(&template.header));
        let lines: Vec<String> = template.body.iter().map(|line| line.replace('\n', " ")).collect();
        self.set("template_body", &lines.join("\n"));
        if template.fold_spaces {
            self.set("fold_spaces", "yes");
        }
        if let Some(button) = &template.button {
            self.set("button", "yes");
            self.set("button_index", &button.index.to_string());
            self.set("button_data", &data::text(&button.data));
        }
    }

    /// The definition that the form means, or what is wrong with the form. What the form does not show is taken from `base`.
    pub(crate) fn definition(&self, base: Option<&Definition>) -> Result<Definition, Vec<Fault>> {
        let mut faults = self.missing();
        let mut read = |field: &str| {
            data::read(self.get(field)).unwrap_or_else(|text| {
                faults.push(Fault::new(field, text));
                serde_json::Map::new()
            })
        };
        let (of_flow, of_button) = (read("data"), read("button_data"));
        let (has_flow, has_template) = (self.has_flow(), self.has_template());
        let reference = base.and_then(|base| base.flow.as_ref()).is_none_or(|flow| flow.reference);
        let flow = has_flow.then(|| FlowTemplate { reference, ..self.flow(of_flow) });
        let known = base.and_then(|base| base.template.as_ref());
        let template = has_template.then(|| self.template(of_button, known, &mut faults));
        if !faults.is_empty() {
            return Err(faults);
        }
        let policy = base.map(|base| base.policy.clone()).unwrap_or_default();
        let assume_window = (has_flow && self.has("assume_window")).then_some(AssumedWindow::Open);
        let mut definition = Definition {
            name: self.get("name").trim().to_owned(),
            sender: self.get("sender").to_owned(),
            flow,
            template,
            defaults: self.defaults(),
            policy: campaign::Policy { assume_window, ..policy },
            schedule: base.map(|base| base.schedule.clone()).unwrap_or_default(),
        };
        let message = definition.compile().map_err(|error| vec![of_definition(&error.into())])?;
        // The form shows the needed variables only; a value for another one is of an earlier text.
        definition.defaults.retain(|name, _| message.variables().contains(name));
        definition.check().map_err(|error| vec![of_definition(&error)])?;
        Ok(definition)
    }

    fn has_flow(&self) -> bool {
        self.get("kind") != "template"
    }

    fn has_template(&self) -> bool {
        matches!(self.get("kind"), "template" | "both")
    }

    /// The fields that are empty and must not be.
    fn missing(&self) -> Vec<Fault> {
        let mut needed = vec![("name", "Give the campaign a name"), ("sender", "Choose a sender")];
        if self.has_flow() {
            needed.push(("body", "Write the text of the message"));
            needed.push(("cta", "Write the text of the button"));
            if self.get("flow_name").is_empty() {
                needed.push((
                    "flow_id",
                    "Write the id of the flow, the digits that WhatsApp Manager shows beside its name",
                ));
            }
            if self.get("action") != "data_exchange" {
                needed.push(("screen", "Write the id of the screen that the button opens"));
            }
        }
        if self.has_template() {
            needed.push(("template", "Write the name of the template"));
            needed.push(("language", "Write the language of the template, such as en or en_US"));
        }
        let mut faults: Vec<Fault> = needed
            .into_iter()
            .filter(|(field, _)| self.get(field).trim().is_empty())
            .map(|(field, text)| Fault::new(field, text))
            .collect();
        if self.get("kind") == "flow" && !self.has("assume_window") {
            let text = "Confirm that the recipients wrote to you within the last 24 hours, or add a template";
            faults.push(Fault::new("assume_window", text));
        }
        faults
    }

    fn optional(&self, field: &str) -> Option<String> {
        Some(self.get(field)).filter(|text| !text.trim().is_empty()).map(str::to_owned)
    }

    fn flow(&self, data: serde_json::Map<String, serde_json::Value>) -> FlowTemplate {
        let asks_endpoint = self.get("action") == "data_exchange";
        FlowTemplate {
            header: self.optional("header"),
            body: self.get("body").to_owned(),
            footer: self.optional("footer"),
            cta: self.get("cta").trim().to_owned(),
            flow_id: self.optional("flow_id").map(|id| id.trim().to_owned()),
            flow_name: self.optional("flow_name"),
            action: if asks_endpoint { FlowActionKind::DataExchange } else { FlowActionKind::Navigate },
            screen: self.optional("screen").map(|screen| screen.trim().to_owned()),
            data,
            mode: if self.get("mode") == "draft" { FlowMode::Draft } else { FlowMode::Published },
            reference: true,
        }
    }

    fn template(
        &self,
        data: serde_json::Map<String, serde_json::Value>,
        base: Option<&TemplateUse>,
        faults: &mut Vec<Fault>,
    ) -> TemplateUse {
        let index = match self.get("button_index").trim() {
            "" => 0,
            digits => digits.parse().ok().filter(|index| *index <= 9).unwrap_or_else(|| {
                faults.push(Fault::new("button_index", "Write the position of the button, 0 to 9"));
                0
            }),
        };
        let name = self.get("template").trim().to_owned();
        // Media, names and further buttons are not in the form. They belong to the template, so another template has none of them.
        let base = base.filter(|base| base.name == name);
        TemplateUse {
            name,
            header_name: base.and_then(|base| base.header_name.clone()),
            media: base.and_then(|base| base.media.clone()),
            parameters: base.map(|base| base.parameters.clone()).unwrap_or_default(),
            buttons: base.map(|base| base.buttons.clone()).unwrap_or_default(),
            language: self.get("language").trim().to_owned(),
            namespace: self.optional("namespace"),
            header: self.optional("template_header"),
            body: self
                .get("template_body")
                .lines()
                .map(str::to_owned)
                .filter(|line| !line.trim().is_empty())
                .collect(),
            fold_spaces: self.has("fold_spaces"),
            button: self.has("button").then_some(FlowButtonUse { index, data }),
        }
    }

    fn defaults(&self) -> BTreeMap<String, String> {
        let given = self.0.iter().filter_map(|(name, value)| Some((name.strip_prefix(DEFAULT)?, value)));
        let given = given.filter(|(_, value)| !value.trim().is_empty());
        given.map(|(name, value)| (name.to_owned(), value.clone())).collect()
    }
}

#[cfg(test)]
mod tests;
