//! How an action is performed: rights, transaction, audit, and the result for a repeated request.

use std::future::Future;
use std::sync::Arc;

use failpoint::Place;
use identity::Hasher;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use store::{Admission, AuditEntry, Store};

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::access::log_in_rules::LogInRules;
use crate::access::right::Right;
use crate::company::CompanyLogIns;
use crate::error::{Error, Problem};
use crate::repeated::{read, request, reused, running, unwritable};
use crate::running_jobs::RunningJobs;
use crate::second_factors::SecondFactors;
use crate::webhooks::Webhooks;

/// The audit keeps this many characters of the name of an object.
const MOST_CHARACTERS: usize = 200;

/// What the control plane is built from.
#[derive(Clone)]
pub struct Setup {
    /// The database.
    pub store: Store,
    /// The settings of the files that hold lists during imports and exports.
    pub lists: producer::ListsConfig,
    /// The settings of requests to providers, for test messages.
    pub http: whatsapp::Config,
    /// Reads the API key of a sender by its reference, for test messages.
    pub keys: Arc<Keys>,
}

/// Reads a key by its reference; the error says why it cannot be read.
pub type Keys = dyn Fn(&str) -> Result<SecretString, String> + Send + Sync;

/// The control plane. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    pub(crate) store: Store,
    pub(crate) lists: producer::ListsConfig,
    pub(crate) http: Arc<whatsapp::Config>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) jobs: Arc<RunningJobs>,
    pub(crate) hasher: Hasher,
    pub(crate) log_ins: LogInRules,
    pub(crate) webhooks: Arc<Webhooks>,
    pub(crate) second_factors: SecondFactors,
    /// Log-ins with the account of a company; `None`: only passwords.
    pub(crate) company: Option<Arc<CompanyLogIns>>,
    /// A start of more recipients than this needs a second person; `None`: no start does.
    pub(crate) approval_above: Option<i32>,
}

/// The result of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done<T> {
    /// The result.
    pub result: T,
    /// Whether the request was executed before, and this is the result of that time.
    pub is_replayed: bool,
}

/// An action that a caller asks for.
pub(crate) struct Attempt<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) action: Action,
    pub(crate) object: Object,
    /// What the audit says besides the object; a JSON object without personal data.
    pub(crate) details: Value,
    object_id: Option<String>,
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(caller: &'a Caller, action: Action, object: Object) -> Self {
        Self { caller, action, object_id: object.id().map(|id| printable(&id)), object, details: json!({}) }
    }

    /// Adds a detail for the audit.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details[name] = value.into();
        self
    }
}

impl Control {
    /// The control plane of an installation.
    pub fn new(setup: Setup) -> Self {
        let Setup { store, lists, http, keys } = setup;
        Self {
            store,
            lists,
            http: Arc::new(http),
            keys,
            jobs: RunningJobs::new(),
            hasher: Hasher::default(),
            log_ins: LogInRules::default(),
            webhooks: Arc::default(),
            second_factors: SecondFactors::default(),
            company: None,
            approval_above: None,
        }
    }

    /// The same with other rules for log-ins.
    #[must_use]
    pub fn with_log_in_rules(self, log_ins: LogInRules) -> Self {
        Self { log_ins, ..self }
    }

    /// Executes an action in one transaction, with its row in the audit. `work` gets a store that is bound to the transaction, and
    /// returns the result and further details for the audit.
    pub(crate) async fn change<T, Work>(
        &self,
        attempt: Attempt<'_>,
        work: impl FnOnce(Store) -> Work,
    ) -> Result<Done<T>, Error>
    where
        T: Serialize + DeserializeOwned,
        Work: Future<Output = Result<(T, Value), Error>>,
    {
        let done = self.try_change(&attempt, work).await;
        self.audit_failure(&attempt, done.as_ref().err()).await;
        done
    }

    async fn try_change<T, Work>(
        &self,
        attempt: &Attempt<'_>,
        work: impl FnOnce(Store) -> Work,
    ) -> Result<Done<T>, Error>
    where
        T: Serialize + DeserializeOwned,
        Work: Future<Output = Result<(T, Value), Error>>,
    {
        self.allow(attempt.caller, attempt.action, &attempt.object).await?;
        let mut change = self.store.begin_change().await?;
        if let Some(request) = request(attempt.caller) {
            let answer = match change.admit(request).await? {
                Admission::New => None,
                Admission::Executed(result) => {
                    Some(read(result).map(|result| Done { result, is_replayed: true }))
                }
                Admission::OtherRequest => Some(Err(reused())),
                Admission::Running => Some(Err(running())),
            };
            if let Some(answer) = answer {
                change.roll_back().await;
                return answer;
            }
        }
        let (result, more) = match work(change.store()).await {
            Ok(done) => done,
            Err(error) => {
                change.roll_back().await;
                return Err(error);
            }
        };
        let details = merged(&attempt.details, more);
        let value = serde_json::to_value(&result).map_err(|error| unwritable(&error))?;
        let entry = attempt.action.is_audited().then(|| entry(attempt, "done", &details));
        change.commit(entry.as_ref(), &value).await?;
        failpoint::pass(Place::AfterChange);
        Ok(Done { result, is_replayed: false })
    }

    /// Executes an action that is no transaction: it reads, or it takes many transactions. `work` returns the result and further
    /// details for the audit.
    pub(crate) async fn act<T, Work>(&self, attempt: Attempt<'_>, work: Work) -> Result<T, Error>
    where
        Work: Future<Output = Result<(T, Value), Error>>,
    {
        let done = self.try_act(&attempt, work).await;
        self.audit_failure(&attempt, done.as_ref().err()).await;
        done
    }

    async fn try_act<T, Work>(&self, attempt: &Attempt<'_>, work: Work) -> Result<T, Error>
    where
        Work: Future<Output = Result<(T, Value), Error>>,
    {
        self.allow(attempt.caller, attempt.action, &attempt.object).await?;
        let (result, more) = work.await?;
        if attempt.action.is_audited() {
            let details = merged(&attempt.details, more);
            self.store.append_audit(&entry(attempt, "done", &details)).await?;
        }
        Ok(result)
    }

    /// Executes an action that adds its own row to the audit in its transaction; a failed one is added here.
    pub(crate) async fn act_recorded<T>(
        &self,
        attempt: Attempt<'_>,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let done = match self.allow(attempt.caller, attempt.action, &attempt.object).await {
            Ok(()) => work.await,
            Err(error) => Err(error),
        };
        self.audit_failure(&attempt, done.as_ref().err()).await;
        done
    }

    /// Refuses an action without its right, and objects of senders that the caller may not see.
    pub(crate) async fn allow(&self, caller: &Caller, action: Action, object: &Object) -> Result<(), Error> {
        if caller.session.is_some_and(|session| session.pending.is_some()) && !action.is_of_log_in() {
            return Err(incomplete());
        }
        if let Some(right) = action.right().filter(|right| !caller.rights.has(*right)) {
            return Err(forbidden(right));
        }
        if action.needs_fresh_log_in() && !caller.is_fresh() {
            return Err(stale());
        }
        match (&caller.senders, object) {
            // To a caller who may not see it, a hidden object looks like an object that does not exist.
            (Some(_), Object::Campaign(id)) => {
                let sender = self.store.campaign(*id).await?.definition.sender;
                if caller.may_use(&sender) { Ok(()) } else { Err(store::Error::no_campaign(*id).into()) }
            }
            (Some(_), Object::Sender(name) | Object::Suppressions(Some(name))) => {
                if caller.may_use(name) {
                    Ok(())
                } else {
                    Err(store::Error::no_sender(name).into())
                }
            }
            (Some(_), Object::Suppressions(None)) => Err(Error::refused(
                Problem::Forbidden,
                "your account is limited to some senders, so it may not change the list of every sender; name a sender",
            )),
            (Some(_), Object::Installation | Object::WebhookEndpoint(_)) if action.is_of_every_sender() => {
                Err(Error::refused(
                    Problem::Forbidden,
                    "your account is limited to some senders, and this concerns every sender; ask an admin",
                ))
            }
            (None, _)
            | (
                Some(_),
                Object::Installation
                | Object::Account(_)
                | Object::Session(_)
                | Object::Key(_)
                | Object::WebhookEndpoint(_),
            ) => Ok(()),
        }
    }

    /// Adds a failed or refused action to the audit.
    pub(crate) async fn audit_failure(&self, attempt: &Attempt<'_>, error: Option<&Error>) {
        let Some(error) = error.filter(|_| attempt.action.is_audited()) else { return };
        // The row of the request that is being executed says what was done.
        if error.problem() == Problem::IdempotencyRunning {
            return;
        }
        let details = merged(&attempt.details, json!({ "problem": error.problem().word() }));
        if let Err(error) = self.store.append_audit(&entry(attempt, error.outcome(), &details)).await {
            tracing::warn!(
                action = attempt.action.word(),
                "cannot add a refused action to the audit: {error}"
            );
        }
    }
}

/// A name that a caller gave, as the audit keeps it: PostgreSQL refuses NUL, and a name of an object that does not exist may be
/// long.
fn printable(name: &str) -> String {
    name.chars().filter(|sign| !sign.is_control()).take(MOST_CHARACTERS).collect()
}

/// The caller lacks a right.
pub(crate) fn forbidden(right: Right) -> Error {
    let text = format!("you may not {}; ask an admin for the right", right.sentence());
    Error::refused(Problem::Forbidden, text)
}

/// The log-in of the caller is too old for the action.
fn incomplete() -> Error {
    let text = "your log-in is not complete; enter the code of your authenticator app, or set one up";
    Error::refused(Problem::LogInAgain, text)
}

fn stale() -> Error {
    let text = "enter your password again: this action needs a log-in within the last 10 minutes";
    Error::refused(Problem::LogInAgain, text)
}

/// The details with more members.
pub(crate) fn merged(details: &Value, more: Value) -> Value {
    let mut merged = details.clone();
    if let (Some(members), Value::Object(more)) = (merged.as_object_mut(), more) {
        members.extend(more);
    }
    merged
}

pub(crate) fn entry<'a>(attempt: &'a Attempt<'_>, outcome: &'a str, details: &'a Value) -> AuditEntry<'a> {
    let Caller { actor, client, .. } = attempt.caller;
    AuditEntry {
        actor_kind: actor.kind.word(),
        actor: &actor.name,
        action: attempt.action.word(),
        object_kind: attempt.object.kind(),
        object: attempt.object_id.as_deref(),
        outcome,
        details,
        address: client.address,
        user_agent: client.user_agent.as_deref(),
        request_id: client.request_id,
    }
}
