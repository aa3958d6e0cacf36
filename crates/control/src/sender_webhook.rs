//! Webhook settings of senders.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::WebhookChange;
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::Error;
use crate::members::given;

/// How posts of the provider are authenticated, and the words that opt out and in. A member that is left out keeps its value;
/// `null` removes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookSettings {
    /// Where servers find Meta's app secret, or `user:password` of other providers: `env:NAME` or `file:PATH`.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub secret_ref: Option<Option<String>>,
    /// Networks that the provider posts from, such as `203.0.113.0/24`; `null`: all networks.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub sources: Option<Option<Vec<String>>>,
    /// Words that opt out; `null`: the built-in list.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub opt_out_words: Option<Option<Vec<String>>>,
    /// Words that opt in again; `null`: the built-in list.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub opt_in_words: Option<Option<Vec<String>>>,
}

/// The webhook of a sender. `path` and `verify_token` are secrets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookView {
    /// Name of the sender.
    pub sender: String,
    /// The provider that posts.
    pub provider: String,
    /// Path of the address to enter at the provider, such as `/webhook/1f0c…`. Secret.
    pub path: String,
    /// The token that Meta sends back when the webhook is set up. Secret.
    pub verify_token: String,
    /// Where servers find the secret; `null`: none.
    #[schema(required)]
    pub secret_ref: Option<String>,
    /// The networks from which posts are accepted; `null`: all networks.
    #[schema(required)]
    pub sources: Option<Vec<String>>,
    /// Opt-out words; `null`: the built-in list.
    #[schema(required)]
    pub opt_out_words: Option<Vec<String>>,
    /// Opt-in words; `null`: the built-in list.
    #[schema(required)]
    pub opt_in_words: Option<Vec<String>>,
}

impl WebhookSettings {
    /// The change of the webhook; `None` without any member.
    pub(crate) fn change(&self, renews_path: bool) -> Option<WebhookChange> {
        let Self { secret_ref, sources, opt_out_words, opt_in_words } = self.clone();
        (renews_path || *self != Self::default()).then_some(WebhookChange {
            secret_ref,
            sources,
            opt_out_words,
            opt_in_words,
            renews_path,
        })
    }

    /// The names of the settings that are changed, for the audit.
    pub(crate) fn changed(&self, renews_path: bool) -> Vec<Value> {
        let members = [
            ("secret_ref", self.secret_ref.is_some()),
            ("sources", self.sources.is_some()),
            ("opt_out_words", self.opt_out_words.is_some()),
            ("opt_in_words", self.opt_in_words.is_some()),
            ("path", renews_path),
        ];
        members.into_iter().filter(|(_, is_changed)| *is_changed).map(|(name, _)| name.into()).collect()
    }
}

impl Control {
    /// The webhook of a sender, with its secret address.
    pub async fn sender_webhook(&self, caller: &Caller, name: &str) -> Result<WebhookView, Error> {
        let attempt = Attempt::new(caller, Action::ViewWebhook, Object::Sender(name.into()));
        self.act(attempt, async {
            let sender = self.store.sender(name).await?;
            let webhook = self.store.webhook(sender.id).await?;
            let view = WebhookView {
                sender: sender.name,
                provider: sender.provider.word().to_owned(),
                path: format!("/webhook/{}", webhook.path),
                verify_token: webhook.verify_token.to_string(),
                secret_ref: webhook.secret_ref,
                sources: webhook.sources,
                opt_out_words: webhook.opt_out_words,
                opt_in_words: webhook.opt_in_words,
            };
            Ok((view, Value::Null))
        })
        .await
    }
}
