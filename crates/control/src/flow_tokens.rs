//! The recipient of a flow token.

use campaign::Reference;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::{Error, Problem};

/// The recipient of a flow token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecipient {
    /// The campaign.
    pub campaign_id: i64,
    /// The name of the campaign.
    pub campaign: String,
    /// The place of the recipient in the campaign, as in reports.
    pub seq: i32,
    /// The phone number, if it was asked for and is not erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
}

impl Control {
    /// The recipient of a flow token of this installation, with the number if it is asked for.
    pub async fn decode_flow_token(
        &self,
        caller: &Caller,
        token: &str,
        with_number: bool,
    ) -> Result<TokenRecipient, Error> {
        let none = || {
            let text = "the token belongs to no recipient of this installation; give the flow_token as the endpoint of the flow got it \
                        (test messages have tokens of no recipient)";
            Error::refused(Problem::NotFound, text.to_owned())
        };
        let key = self.store.reference_key().await?;
        let found = Reference::parse(token.trim()).and_then(|reference| key.open(reference));
        let (id, seq) = found.ok_or_else(none)?;
        let number = if with_number { self.reveal_number(caller, id, seq).await?.number } else { None };
        let attempt = Attempt::new(caller, Action::ViewRecipients, Object::Campaign(id));
        self.act(attempt, async {
            let campaign = self.store.campaign(id).await?;
            self.store.recipient(id, seq).await?;
            Ok((TokenRecipient { campaign_id: id.0, campaign: campaign.name, seq: seq.0, number }, json!({})))
        })
        .await
    }
}
