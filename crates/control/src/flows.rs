//! Known flows of senders: their Flow JSON, uploaded by people, for previews and for the labels of answers.

use campaign::FlowJson;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{FlowRow, Store};
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control, Done};
use crate::error::Error;
use crate::members::MemberFault;
use crate::page::{Page, PageRequest};
use crate::versions::{Versioned, check_version, version_of};

/// The most flows that a form offers.
const MOST_CHOICES: i64 = 1_000;

/// A known flow of a sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FlowView {
    /// Name of the sender.
    pub sender: String,
    /// The id at the provider.
    pub flow_id: String,
    /// The name that people gave it.
    pub name: String,
    /// Its screens, in the order of the Flow JSON.
    pub screens: Vec<ScreenView>,
    /// When it was added or replaced.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// The actor that added or replaced it.
    pub updated_by: String,
}

/// A screen of a flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScreenView {
    /// The id, such as `WELCOME`.
    pub id: String,
    /// The title; empty if it has none.
    pub title: String,
}

/// A known flow with its Flow JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FlowDetails {
    /// The flow.
    pub flow: FlowView,
    /// The Flow JSON as it was uploaded.
    pub flow_json: String,
}

/// A flow to add or replace.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFlow {
    /// A name for people, 1 to 200 characters; a campaign that names its flow by `flow_name` is found by it.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// The Flow JSON as a text, as the builder of the provider exports it; at most 512 KiB.
    pub flow_json: String,
}

impl From<FlowRow> for FlowView {
    fn from(row: FlowRow) -> Self {
        Self {
            sender: row.sender,
            flow_id: row.flow_id,
            name: row.name,
            screens: serde_json::from_value(row.screens).unwrap_or_default(),
            updated_at: row.updated_at,
            updated_by: row.updated_by,
        }
    }
}

impl Versioned for FlowDetails {
    fn version(&self) -> String {
        version_of(&(&self.flow.name, &self.flow_json))
    }
}

impl Control {
    /// The known flows of a sender, by id.
    pub async fn flows(
        &self,
        caller: &Caller,
        sender: &str,
        page: &PageRequest,
    ) -> Result<Page<FlowView>, Error> {
        let attempt = Attempt::new(caller, Action::View, Object::Sender(sender.into()));
        self.act(attempt, async {
            let limit = page.limit()?;
            let id = self.store.sender(sender).await?.id;
            let after = page.after.as_deref().unwrap_or_default();
            let rows = self.store.flows(id, after, i64::from(limit) + 1).await?;
            let views = rows.into_iter().map(FlowView::from).collect();
            Ok((Page::of(views, limit, |flow| flow.flow_id.clone()), Value::Null))
        })
        .await
    }

    /// The known flows of all senders that the caller may use, for a choice; at most 1,000.
    pub async fn all_flows(&self, caller: &Caller) -> Result<Vec<FlowView>, Error> {
        let attempt = Attempt::new(caller, Action::View, Object::Installation);
        self.act(attempt, async {
            let rows = self.store.all_flows(MOST_CHOICES).await?;
            let allowed = rows.into_iter().filter(|row| caller.may_use(&row.sender));
            Ok((allowed.map(FlowView::from).collect(), Value::Null))
        })
        .await
    }

    /// A known flow.
    pub async fn flow(&self, caller: &Caller, sender: &str, flow_id: &str) -> Result<FlowDetails, Error> {
        let attempt = Attempt::new(caller, Action::View, Object::Sender(sender.into()));
        self.act(attempt, async { Ok((present(&self.store, sender, flow_id).await?, Value::Null)) }).await
    }

    /// Adds a flow to a sender, or replaces the one with this id. Nothing is sent to the provider.
    pub async fn set_flow(
        &self,
        caller: &Caller,
        sender: &str,
        flow_id: &str,
        new: &NewFlow,
    ) -> Result<Done<FlowView>, Error> {
        let attempt = attempt(caller, Action::SetFlow, sender, flow_id);
        self.change(attempt, async |store: Store| {
            let id = store.sender(sender).await?.id;
            let (name, flow) = checked(flow_id, new)?;
            let before = async { Ok(store.flow(id, flow_id).await?.map(details)) };
            check_version(&store, caller, &Object::Sender(sender.into()), before).await?;
            let screens = flow.screens.iter().map(|screen| json!({ "id": screen.id, "title": screen.title }));
            let new = store::NewFlow {
                flow_id,
                name,
                flow_json: &new.flow_json,
                screens: screens.collect(),
                updated_by: caller.name(),
            };
            store.set_flow(id, &new).await?;
            let stored = present(&store, sender, flow_id).await?.flow;
            let details = json!({ "screens": stored.screens.len() });
            Ok((stored, details))
        })
        .await
    }

    /// Removes a known flow. Campaigns that use it go on.
    pub async fn remove_flow(
        &self,
        caller: &Caller,
        sender: &str,
        flow_id: &str,
    ) -> Result<Done<FlowView>, Error> {
        let attempt = attempt(caller, Action::RemoveFlow, sender, flow_id);
        self.change(attempt, async |store: Store| {
            let before = async { Ok(Some(present(&store, sender, flow_id).await?)) };
            check_version(&store, caller, &Object::Sender(sender.into()), before).await?;
            let removed = present(&store, sender, flow_id).await?;
            store.remove_flow(store.sender(sender).await?.id, flow_id).await?;
            Ok((removed.flow, Value::Null))
        })
        .await
    }
}

fn attempt<'a>(caller: &'a Caller, action: Action, sender: &str, flow_id: &str) -> Attempt<'a> {
    let shown: String = flow_id.chars().take(100).collect();
    Attempt::new(caller, action, Object::Sender(sender.into())).with("flow_id", shown.replace('\0', ""))
}

fn details((row, flow_json): (FlowRow, String)) -> FlowDetails {
    FlowDetails { flow: row.into(), flow_json }
}

async fn present(store: &Store, sender: &str, flow_id: &str) -> Result<FlowDetails, Error> {
    let id = store.sender(sender).await?.id;
    // PostgreSQL refuses a text with U+0000; such a flow does not exist.
    let found = if check_id(flow_id).is_ok() { store.flow(id, flow_id).await? } else { None };
    Ok(details(found.ok_or_else(|| store::Error::no_flow(sender, flow_id))?))
}

fn check_id(flow_id: &str) -> Result<(), MemberFault> {
    let is_valid = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_');
    if (1..=100).contains(&flow_id.len()) && flow_id.chars().all(is_valid) {
        return Ok(());
    }
    let text = "the flow id has 1 to 100 letters a-z, digits, '-' and '_'; copy it from WhatsApp Manager";
    Err(MemberFault::new("flow_id", text))
}

/// The name without spaces around it, and the content.
fn checked<'a>(flow_id: &str, new: &'a NewFlow) -> Result<(&'a str, FlowJson), MemberFault> {
    check_id(flow_id)?;
    let name = new.name.trim();
    if !(1..=200).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(MemberFault::new("name", "the name of the flow has 1 to 200 characters in one line"));
    }
    let flow = FlowJson::parse(&new.flow_json).map_err(|error| MemberFault::new("flow_json", error))?;
    Ok((name, flow))
}
