//! What is known of the flow and the template of a message.

use campaign::{Definition, FlowJson};
use serde_json::Value;
use store::MessageNames;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::Error;
use crate::templates::TemplateView;

/// What is known of the flow and the template of a message.
#[derive(Clone, Debug, Default)]
pub struct KnownTexts {
    /// Id and content of the flow of the message, else of the flow that a button of the template opens.
    pub flow: Option<(String, FlowJson)>,
    /// The template with its text.
    pub template: Option<TemplateView>,
}

impl Control {
    /// What is known of the flow and the template of a message.
    pub async fn known_texts(&self, caller: &Caller, definition: &Definition) -> Result<KnownTexts, Error> {
        let object = Object::Sender(definition.sender.clone());
        let attempt = Attempt::new(caller, Action::View, object);
        self.act(attempt, async {
            let flow = definition.flow.as_ref();
            let names = MessageNames {
                sender: &definition.sender,
                flow_id: flow.and_then(|flow| flow.flow_id.as_deref()),
                flow_name: flow.and_then(|flow| flow.flow_name.as_deref()),
                template: definition.template.as_ref().map(|one| (one.name.as_str(), one.language.as_str())),
            };
            let known = self.store.known_texts(names).await?;
            // A Flow JSON that an earlier version accepted and this one does not is not known.
            let flow = known.flow.and_then(|(id, text)| Some((id, FlowJson::parse(&text).ok()?)));
            Ok((KnownTexts { flow, template: known.template.map(TemplateView::from) }, Value::Null))
        })
        .await
    }
}
