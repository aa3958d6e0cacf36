//! The message of a campaign, filled in for the first recipients of its list.

use campaign::{
    CampaignId, CompiledMessage, Definition, FlowAction, Message, RenderError, Seq, Variables, Window,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::{Error, Problem};
use crate::launch::sample::{Sample, sentence};

/// The most recipients of a preview.
const MOST: u32 = 20;
/// The recipients of a preview if the caller does not say it.
const USUAL: u32 = 3;

/// What is previewed.
#[derive(Clone, Debug, Default)]
pub struct PreviewRequest {
    /// An edited definition that is not stored yet; `None`: the definition of the campaign.
    pub definition: Option<Definition>,
    /// Recipients after this place of the list.
    pub after: i32,
    /// The number of recipients, 1 to 20; `None`: 3.
    pub limit: Option<u32>,
}

/// Messages of a campaign as their recipients would see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Preview {
    /// The campaign.
    pub campaign_id: i64,
    /// Recipients of the campaign.
    pub recipients: i32,
    /// The messages. Without recipients: one message whose variables have their names as values.
    pub items: Vec<PreviewItem>,
}

/// One message, or why it cannot be filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewItem {
    /// The place of the recipient in the list; `null`: no recipient.
    #[schema(required)]
    pub seq: Option<i32>,
    /// The header.
    #[schema(required)]
    pub header: Option<String>,
    /// The body, or the name and the variables of a template; `null`: see `problem`.
    #[schema(required)]
    pub body: Option<String>,
    /// The footer.
    #[schema(required)]
    pub footer: Option<String>,
    /// The text of the button.
    #[schema(required)]
    pub button: Option<String>,
    /// The values of the variables of a template's body, `{{1}}` first; empty for a flow message.
    pub values: Vec<String>,
    /// The names of these variables, in the same order; empty if they have numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub value_names: Vec<String>,
    /// The data of the first screen of the flow.
    #[schema(value_type = Object)]
    pub data: Map<String, Value>,
    /// Why the message cannot be sent to this recipient.
    #[schema(required)]
    pub problem: Option<String>,
}

impl Control {
    /// Fills in the message of a campaign for the first recipients. Nothing is stored.
    pub async fn preview_campaign(
        &self,
        caller: &Caller,
        id: CampaignId,
        request: PreviewRequest,
    ) -> Result<Preview, Error> {
        let attempt = Attempt::new(caller, Action::CheckCampaign, Object::Campaign(id));
        self.act(
            attempt,
            Box::pin(async {
                // The messages contain what the lists say of recipients.
                self.allow(caller, Action::ViewRecipients, &Object::Campaign(id)).await?;
                let campaign = self.store.campaign(id).await?;
                let limit = limit(request.limit)?;
                let definition = request.definition.unwrap_or(campaign.definition);
                if !caller.may_use(&definition.sender) {
                    return Err(store::Error::no_sender(&definition.sender).into());
                }
                definition.check()?;
                definition.check_for(self.store.sender(&definition.sender).await?.provider)?;
                let message = definition.compile().map_err(|error| Error::conflict(error.to_string()))?;
                let rows = self.store.variables_after(id, (Seq(request.after), limit)).await?;
                let filled =
                    |(seq, variables): &(Seq, Variables)| PreviewItem::fill(&message, Some(*seq), variables);
                let mut items: Vec<PreviewItem> = rows.iter().map(filled).collect();
                if campaign.recipients == 0 {
                    items.push(PreviewItem::with_names(&message));
                }
                Ok((Preview { campaign_id: id.0, recipients: campaign.recipients, items }, Value::Null))
            }),
        )
        .await
    }

    /// Fills in the message of a definition that belongs to no campaign yet; the variables have their names as values. Nothing is
    /// stored.
    pub async fn preview_definition(
        &self,
        caller: &Caller,
        definition: &Definition,
    ) -> Result<PreviewItem, Error> {
        let object = Object::Sender(definition.sender.clone());
        let attempt = Attempt::new(caller, Action::CheckCampaign, object);
        self.act(attempt, async {
            definition.check()?;
            definition.check_for(self.store.sender(&definition.sender).await?.provider)?;
            let message = definition.compile().map_err(|error| Error::conflict(error.to_string()))?;
            Ok((PreviewItem::with_names(&message), Value::Null))
        })
        .await
    }
}

fn limit(limit: Option<u32>) -> Result<u32, Error> {
    match limit.unwrap_or(USUAL) {
        limit @ 1..=MOST => Ok(limit),
        limit => Err(Error::refused(Problem::InvalidBody, format!("limit is {limit}; give 1 to {MOST}"))),
    }
}

impl PreviewItem {
    /// The message for a recipient with these variables.
    fn fill(message: &CompiledMessage, seq: Option<Seq>, variables: &Variables) -> Self {
        let seq = seq.map(|seq| seq.0);
        match message.render(variables, Window::Unheard) {
            Ok(message) => Self { seq, ..Self::of(message) },
            Err(fault) => Self { seq, problem: Some(sentence(&fault)), ..Self::default() },
        }
    }

    /// The message for nobody: each variable has its name as value.
    fn with_names(message: &CompiledMessage) -> Self {
        let names = message.variables().iter().map(|name| (name.clone(), name.clone()));
        let names = names.collect();
        match message.render(&names, Window::Unheard) {
            // The name of a variable is no web address.
            Err(RenderError::Link { .. }) => {
                let links = message.variables().iter().map(|name| (name.clone(), format!("https://{name}")));
                Self::fill(message, None, &links.collect())
            }
            _ => Self::fill(message, None, &names),
        }
    }

    fn of(message: Message) -> Self {
        let (values, data) = match &message {
            Message::Flow(flow) => match &flow.action {
                FlowAction::Navigate { data, .. } => (Vec::new(), data.clone()),
                FlowAction::DataExchange => (Vec::new(), None),
            },
            Message::Template(template) => {
                let data = template.button.as_ref().and_then(|button| button.data.clone());
                (template.body.clone(), data)
            }
        };
        let value_names = values.iter().filter_map(|variable| variable.name.clone()).collect();
        let values = values.into_iter().map(|variable| variable.text).collect();
        let Sample { header, body, footer, button, .. } = Sample::of(0, message);
        let data = data.unwrap_or_default();
        Self { header, body: Some(body), footer, button, values, value_names, data, ..Self::default() }
    }
}
