//! A test message: one real message to one number, outside the counts of the campaign.
//!
//! Nothing of it is stored. Its reference has the usual form but identifies no recipient, so later receipts count for
//! no recipient. The message takes a slot of the sender's rate like every other request. A stopped sender grants no
//! slots; then the message leaves at once, because the operator wants to know whether the sender can be resumed. From a
//! database that is not the confirmed one no test message is sent either.

use std::collections::BTreeMap;
use std::time::Duration;

use campaign::{CampaignId, Msisdn, Variables, Verdict, Window};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{LeaseAnswer, LeaseRequest, SenderRow, TimedLease};
use utoipa::ToSchema;
use whatsapp::{Account, Channel, Client, Explanation, Outgoing};

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control, Done};
use crate::error::{Error, Problem};

/// The longest time that a test message of a program waits for a slot.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What a test message contains and where it goes.
#[derive(Clone, Debug)]
pub struct TestMessage {
    /// The campaign whose message is sent.
    pub campaign: CampaignId,
    /// The name of the sender; `None`: the sender of the campaign.
    pub sender: Option<String>,
    /// The number.
    pub to: Msisdn,
    /// Values of variables; every other variable has its name as value.
    pub variables: BTreeMap<String, String>,
}

/// The answer of the provider to a test message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TestResult {
    /// The provider.
    pub provider: String,
    /// `accepted`, `throttled`, `retry`, `unknown`, `rejected`, `stops_campaign` or `stops_sender`.
    pub verdict: String,
    /// The id that the provider gave the message, if it accepted it.
    #[schema(required)]
    pub provider_message_id: Option<String>,
    /// The code of the refusal.
    #[schema(required)]
    pub code: Option<String>,
    /// The explanation of the refusal.
    #[schema(required)]
    pub text: Option<String>,
    /// What the provider says about the refusal, without phone numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
    /// The id by which the support of Meta finds the request (`fbtrace_id`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Whether the provider accepted the message and holds it back for a check of the template's quality.
    #[serde(default)]
    pub is_held: bool,
    /// The HTTP status of the answer.
    #[schema(required)]
    pub http_status: Option<u16>,
    /// The time to the answer, in milliseconds.
    pub milliseconds: u64,
}

impl Control {
    /// Sends a test message.
    pub async fn send_test(&self, caller: &Caller, test: &TestMessage) -> Result<TestResult, Error> {
        let attempt = Attempt::new(caller, Action::TestCampaign, Object::Campaign(test.campaign));
        self.act(attempt, Box::pin(self.sent_test(caller, test, None))).await
    }

    /// Sends a test message at most once for the `Idempotency-Key` of the caller, also if the caller goes away meanwhile.
    pub async fn send_test_once(
        &self,
        caller: &Caller,
        test: &TestMessage,
    ) -> Result<Done<TestResult>, Error> {
        let (control, caller, test) = (self.clone(), caller.clone(), test.clone());
        let sending = tokio::spawn(async move {
            let attempt = Attempt::new(&caller, Action::TestCampaign, Object::Campaign(test.campaign));
            let send = control.sent_test(&caller, &test, Some(LONGEST_WAIT));
            control.act_once(attempt, Box::pin(send)).await
        });
        sending.await.map_err(|error| Error::refused(Problem::Internal, error.to_string()))?
    }

    /// Sends a message after a slot of the sender's rate. An error means that nothing was sent.
    async fn sent_test(
        &self,
        caller: &Caller,
        test: &TestMessage,
        longest_wait: Option<Duration>,
    ) -> Result<(TestResult, Value), Error> {
        let (sender, outgoing) = self.test_sender(caller, test).await?;
        let channel = self.channel(&sender, (self.keys)(&sender.api_key_ref))?;
        let message = outgoing.message(test)?;
        self.store.check_confirmed().await?;
        let slot = self.wait_for_slot(&sender, test.campaign);
        match longest_wait {
            None => slot.await?,
            Some(longest) => {
                tokio::time::timeout(longest, slot).await.map_err(|_| no_slot(&sender.name, longest))??;
            }
        }
        let (answer, explanation) = channel.send_and_explain(&outgoing.with(test, &message)).await;
        let result = TestResult::of(&sender, &answer, explanation);
        // The number is not in the audit.
        let details = json!({ "sender": sender.name, "verdict": result.verdict, "code": result.code });
        Ok((result, details))
    }

    /// The request of a test message with the API key masked; nothing is sent.
    pub async fn show_test(&self, caller: &Caller, test: &TestMessage) -> Result<String, Error> {
        self.allow(caller, Action::TestCampaign, &Object::Campaign(test.campaign)).await?;
        let (sender, outgoing) = self.test_sender(caller, test).await?;
        let channel = self.channel(&sender, Ok(SecretString::from("not-looked-at-here")))?;
        let message = outgoing.message(test)?;
        let shown = channel.dry_run(&outgoing.with(test, &message));
        shown.map_err(|refusal| Error::conflict(refusal.text.into_owned()))
    }

    async fn test_sender(&self, caller: &Caller, test: &TestMessage) -> Result<(SenderRow, Prepared), Error> {
        let definition = self.store.campaign(test.campaign).await?.definition;
        let name = test.sender.as_ref().unwrap_or(&definition.sender);
        if !caller.may_use(name) {
            return Err(store::Error::no_sender(name).into());
        }
        let sender = self.store.sender(name).await?;
        definition.check_for(sender.provider)?;
        let compiled = definition.compile().map_err(|error| Error::conflict(error.to_string()))?;
        let reference = self.store.reference_key().await?.seal_test(test.campaign, fastrand::u32(..));
        Ok((sender, Prepared { compiled, reference }))
    }

    pub(crate) fn channel(
        &self,
        sender: &SenderRow,
        key: Result<SecretString, String>,
    ) -> Result<Channel, Error> {
        let account = Account {
            provider: sender.provider,
            base_url: sender.base_url.parse().map_err(|error| {
                Error::conflict(format!("the address of sender {} is wrong: {error}", sender.name))
            })?,
            account: sender.account.clone(),
            number: sender.number.clone(),
            api_key: key.map_err(Error::conflict)?,
            plus_in_path: sender.plus_in_path,
            api_version: sender.api_version.clone(),
        };
        let client =
            Client::new(&self.http).map_err(|error| Error::refused(Problem::Internal, error.to_string()))?;
        Channel::new(client, &account).map_err(|error| Error::conflict(error.to_string()))
    }

    async fn wait_for_slot(&self, sender: &SenderRow, campaign: CampaignId) -> Result<(), Error> {
        loop {
            match self.store.lease(sender.id, campaign, LeaseRequest::of(1)).await? {
                LeaseAnswer::Granted(TimedLease { mut lease, at }) => {
                    tokio::time::sleep_until(at + lease.take_slot(Duration::ZERO).unwrap_or_default()).await;
                    return Ok(());
                }
                LeaseAnswer::Wait(time) => tokio::time::sleep(time).await,
                LeaseAnswer::TooMany(_) | LeaseAnswer::Held => return Ok(()),
            }
        }
    }
}

fn no_slot(sender: &str, longest: Duration) -> Error {
    let text = format!(
        "sender {sender} granted no slot within {} s, because campaigns use its rate; nothing was sent; try again",
        longest.as_secs()
    );
    Error::refused(Problem::Unavailable, text)
}

/// A message that is ready to be rendered.
struct Prepared {
    compiled: campaign::CompiledMessage,
    reference: campaign::Reference,
}

impl Prepared {
    fn message(&self, test: &TestMessage) -> Result<campaign::Message, Error> {
        let names = self.compiled.variables().iter().map(|name| (name.clone(), name.clone()));
        let given = test.variables.iter().map(|(name, value)| (name.clone(), value.clone()));
        let variables: Variables = names.chain(given).collect();
        self.compiled.render(&variables, Window::Unheard).map_err(|error| Error::conflict(error.to_string()))
    }

    fn with<'a>(&self, test: &TestMessage, message: &'a campaign::Message) -> Outgoing<'a> {
        Outgoing { to: test.to, message, reference: self.reference, campaign: test.campaign, attempt: 0 }
    }
}

impl TestResult {
    fn of(sender: &SenderRow, answer: &whatsapp::Answer, explanation: Explanation) -> Self {
        let (verdict, id, refusal) = match &answer.verdict {
            Verdict::Accepted { provider_message_id } => ("accepted", Some(provider_message_id), None),
            Verdict::Throttled { refusal, .. } => ("throttled", None, Some(refusal)),
            Verdict::Retry { refusal, .. } => ("retry", None, Some(refusal)),
            Verdict::Unknown { refusal } => ("unknown", None, Some(refusal)),
            Verdict::Rejected { refusal } | Verdict::WindowClosed { refusal } => {
                ("rejected", None, Some(refusal))
            }
            Verdict::StopCampaign { refusal, .. } => ("stops_campaign", None, Some(refusal)),
            Verdict::StopSender { refusal, .. } => ("stops_sender", None, Some(refusal)),
        };
        Self {
            provider: sender.provider.to_string(),
            verdict: verdict.to_owned(),
            provider_message_id: id.map(ToString::to_string),
            code: refusal.map(|refusal| refusal.code.to_string()),
            text: refusal.map(|refusal| refusal.text.to_string()),
            details: explanation.details,
            trace_id: explanation.trace_id,
            is_held: answer.is_held,
            http_status: answer.http_status,
            milliseconds: u64::try_from(answer.latency.as_millis()).unwrap_or(u64::MAX),
        }
    }
}
