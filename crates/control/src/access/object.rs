//! The objects of actions.

use campaign::CampaignId;

/// The object of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// The installation, or all objects of a kind.
    Installation,
    /// A campaign.
    Campaign(CampaignId),
    /// A sender, by name.
    Sender(String),
    /// The suppression list: of one sender, or of all.
    Suppressions(Option<String>),
    /// An account, by name.
    Account(String),
    /// A session, by id.
    Session(i64),
    /// An API key, by id.
    Key(String),
    /// A webhook endpoint, by name.
    WebhookEndpoint(String),
}

impl Object {
    /// The kind of the object in the audit.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Installation => "installation",
            Self::Campaign(_) => "campaign",
            Self::Sender(_) => "sender",
            Self::Suppressions(_) => "suppressions",
            Self::Account(_) => "account",
            Self::Session(_) => "session",
            Self::Key(_) => "api_key",
            Self::WebhookEndpoint(_) => "webhook_endpoint",
        }
    }

    /// The id or name of the object in the audit.
    pub fn id(&self) -> Option<String> {
        match self {
            Self::Installation => None,
            Self::Campaign(id) => Some(id.to_string()),
            Self::Suppressions(sender) => sender.clone(),
            Self::Session(id) => Some(id.to_string()),
            Self::Sender(name) | Self::Account(name) | Self::Key(name) | Self::WebhookEndpoint(name) => {
                Some(name.clone())
            }
        }
    }
}
