//! The suppression list: numbers that must not get messages.

use campaign::{Msisdn, MsisdnError, SenderId};
use jiff::Timestamp;
use producer::{ImportOptions, List};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Store, SuppressionReason};
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::access::right::Right;
use crate::control::{Attempt, Control, Done};
use crate::error::{Error, Problem};
use crate::imported::ImportedNumbers;
use crate::page::{Page, PageRequest};

const EVERY_SENDER: &str = "every sender";

/// An entry of the suppression list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SuppressionView {
    /// Number of the entry.
    pub suppression_id: i64,
    /// The phone number, digits only; masked like `2547••••••34` without the right `numbers`.
    pub number: String,
    /// Name of the sender; `null`: every sender.
    #[schema(required)]
    pub sender: Option<String>,
    /// `opted_out`: the person wrote an opt-out word; `stopped_by_user`: the provider reported it; `operator`: a person decided.
    pub reason: String,
    /// Time of the suppression.
    #[schema(value_type = String, format = DateTime)]
    pub added_at: Timestamp,
}

/// The newest entries of the list.
#[derive(Clone, Debug)]
pub struct NewestSuppressions {
    /// The entries.
    pub items: Vec<SuppressionView>,
    /// The length of the list.
    pub total: i64,
}

/// The result of adding a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SuppressedNumber {
    /// Name of the sender; `null`: every sender.
    #[schema(required)]
    pub sender: Option<String>,
    /// Whether the number was not on the list before.
    pub is_new: bool,
}

/// The entries of a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NumberLookup {
    /// The entries: for single senders, and for every sender. Empty: the number gets messages.
    pub entries: Vec<LookupEntry>,
}

/// An entry of a number that was looked up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LookupEntry {
    /// Number of the entry.
    pub suppression_id: i64,
    /// Name of the sender; `null`: every sender.
    #[schema(required)]
    pub sender: Option<String>,
    /// `opted_out`, `stopped_by_user` or `operator`.
    pub reason: String,
    /// Time of the suppression.
    #[schema(value_type = String, format = DateTime)]
    pub added_at: Timestamp,
}

impl LookupEntry {
    pub(crate) fn of(entry: store::Suppressed) -> Self {
        let store::Suppressed { id: suppression_id, sender, reason, added_at, .. } = entry;
        Self { suppression_id, sender, reason, added_at }
    }
}

/// The length of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CountedSuppressions {
    /// The number of entries that the caller may see.
    pub total: i64,
}

impl Control {
    /// Adds a number to the list of a sender, or to the list for every sender.
    pub async fn suppress(
        &self,
        caller: &Caller,
        number: &str,
        sender: Option<&str>,
    ) -> Result<Done<SuppressedNumber>, Error> {
        self.change(of_list(caller, Action::Suppress, sender), async |store| {
            let (msisdn, id) = (parse(number)?, sender_id(&store, sender).await?);
            let is_new = store.suppress_number(msisdn, id, SuppressionReason::Operator).await?;
            Ok((SuppressedNumber { sender: sender.map(str::to_owned), is_new }, json!({ "is_new": is_new })))
        })
        .await
    }

    /// Removes a number from the list of a sender, or from the list for every sender.
    pub async fn unsuppress(
        &self,
        caller: &Caller,
        number: &str,
        sender: Option<&str>,
    ) -> Result<Done<()>, Error> {
        self.change(of_list(caller, Action::Unsuppress, sender), async |store| {
            let (msisdn, id) = (parse(number)?, sender_id(&store, sender).await?);
            let whom = sender.unwrap_or(EVERY_SENDER);
            if !store.unsuppress(msisdn, id).await? {
                return Err(Error::conflict(format!(
                    "the number is not on the suppression list for {whom}; 'flowcast suppression list' shows its senders"
                )));
            }
            Ok(((), Value::Null))
        })
        .await
    }

    /// Removes the person of an entry from the list of its sender, or from the list for every sender.
    pub async fn remove_suppression(&self, caller: &Caller, id: i64) -> Result<Done<()>, Error> {
        let found = self.store.suppression(id).await?.ok_or_else(|| no_entry(id));
        let sender = found.as_ref().ok().and_then(|entry| entry.sender.clone());
        self.change(of_list(caller, Action::Unsuppress, sender.as_deref()), async |store| {
            let entry = found?;
            let sender = sender_id(&store, sender.as_deref()).await?;
            if !store.unsuppress(entry.msisdn, sender).await? {
                return Err(no_entry(id));
            }
            Ok(((), json!({ "suppression_id": id })))
        })
        .await
    }

    /// The entries of a number.
    pub async fn look_up_number(&self, caller: &Caller, number: &str) -> Result<NumberLookup, Error> {
        let attempt = Attempt::new(caller, Action::LookUpNumber, Object::Installation);
        self.act(attempt, async {
            let entries = self.store.suppressions_of(parse(number)?).await?;
            let seen = entries.into_iter().filter(|entry| is_seen(caller, entry.sender.as_deref()));
            let entries: Vec<LookupEntry> = seen.map(LookupEntry::of).collect();
            let details = json!({ "entries": entries.len() });
            Ok((NumberLookup { entries }, details))
        })
        .await
    }

    /// The newest entries of the list, at most `most`, and the length of the list. A caller that is limited to some senders uses
    /// [`Control::suppressions`].
    pub async fn newest_suppressions(&self, caller: &Caller, most: u32) -> Result<NewestSuppressions, Error> {
        self.act(of_list(caller, reading(caller), None), async {
            let (entries, total) = self.store.suppressed(most).await?;
            let items: Vec<_> = entries.into_iter().map(|entry| shown(caller, entry)).collect();
            let details = json!({ "entries": items.len() });
            Ok((NewestSuppressions { items, total }, details))
        })
        .await
    }

    /// The entries that the caller may see, the newest first.
    pub async fn suppressions(
        &self,
        caller: &Caller,
        page: &PageRequest,
    ) -> Result<Page<SuppressionView>, Error> {
        self.act(Attempt::new(caller, reading(caller), Object::Installation), async {
            let (limit, before) = (page.limit()?, page.after_id()?);
            let senders: Option<Vec<String>> =
                caller.senders.as_ref().map(|senders| senders.iter().cloned().collect());
            let entries = self.store.suppression_page(before, limit + 1, senders.as_deref()).await?;
            let entries = entries.into_iter().map(|entry| shown(caller, entry)).collect();
            let page = Page::of(entries, limit, |entry: &SuppressionView| entry.suppression_id.to_string());
            let details = json!({ "entries": page.items.len() });
            Ok((page, details))
        })
        .await
    }

    /// The number of entries that the caller may see.
    pub async fn count_suppressions(&self, caller: &Caller) -> Result<CountedSuppressions, Error> {
        self.act(Attempt::new(caller, Action::ViewSuppressions, Object::Installation), async {
            let senders: Option<Vec<String>> =
                caller.senders.as_ref().map(|senders| senders.iter().cloned().collect());
            let total = self.store.suppression_count(senders.as_deref()).await?;
            Ok((CountedSuppressions { total }, Value::Null))
        })
        .await
    }

    /// Refuses an import that would be refused after the upload of the list.
    pub async fn may_suppress(&self, caller: &Caller, sender: Option<&str>) -> Result<(), Error> {
        let attempt = of_list(caller, Action::ImportSuppressions, sender);
        self.act_recorded(attempt, async { sender_id(&self.store, sender).await.map(drop) }).await
    }

    /// Adds all numbers of a list to the list of a sender, or to the list for every sender.
    pub async fn import_suppressions(
        &self,
        caller: &Caller,
        list: List,
        options: ImportOptions,
        sender: Option<&str>,
    ) -> Result<ImportedNumbers, Error> {
        let name = list.name().to_owned();
        self.act(of_list(caller, Action::ImportSuppressions, sender), async {
            let sender = sender_id(&self.store, sender).await?;
            let reading = tokio::task::spawn_blocking(move || producer::read_numbers(&list, &options));
            let numbers = reading
                .await
                .map_err(|error| {
                    Error::refused(Problem::Internal, format!("reading {name} failed: {error}"))
                })?
                .map_err(|source| Error::of_list(name, source))?;
            let added = self.store.suppress(numbers.iter(), sender, SuppressionReason::Operator).await?;
            Ok((ImportedNumbers::of(&numbers, added, caller), json!({ "added": added })))
        })
        .await
    }
}

pub(crate) fn of_list<'a>(caller: &'a Caller, action: Action, sender: Option<&str>) -> Attempt<'a> {
    Attempt::new(caller, action, Object::Suppressions(sender.map(str::to_owned)))
}

/// Reading whole numbers is in the audit.
fn reading(caller: &Caller) -> Action {
    if caller.rights.has(Right::Numbers) { Action::ReadSuppressedNumbers } else { Action::ViewSuppressions }
}

/// An entry for every sender concerns every caller.
pub(crate) fn is_seen(caller: &Caller, sender: Option<&str>) -> bool {
    sender.is_none_or(|sender| caller.may_use(sender))
}

fn shown(caller: &Caller, entry: store::Suppressed) -> SuppressionView {
    let number =
        if caller.rights.has(Right::Numbers) { entry.msisdn.to_string() } else { entry.msisdn.masked() };
    SuppressionView {
        suppression_id: entry.id,
        number,
        sender: entry.sender,
        reason: entry.reason,
        added_at: entry.added_at,
    }
}

pub(crate) fn parse(number: &str) -> Result<Msisdn, Error> {
    Msisdn::parse(number, None).map_err(|error| match error {
        MsisdnError::NoCountryCode => {
            Error::invalid("the number has no country code; write the number with its country code")
        }
        other => Error::invalid(format!("{other}; write the number with its country code")),
    })
}

pub(crate) async fn sender_id(store: &Store, name: Option<&str>) -> Result<Option<SenderId>, Error> {
    match name {
        Some(name) => Ok(Some(store.sender(name).await?.id)),
        None => Ok(None),
    }
}

fn no_entry(id: i64) -> Error {
    store::Error::NotFound(format!("entry {id} of the suppression list")).into()
}
