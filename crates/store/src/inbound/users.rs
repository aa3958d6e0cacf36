//! User ids of WhatsApp (`known_user`): the number of each, and consents that arrived before the number was known.
//!
//! A user id is valid for a business, which may have several senders here: a number that one sender learns is used for all.

use std::collections::{BTreeMap, BTreeSet};

use campaign::{Consent, Msisdn, SenderId, UserId};
use jiff::Timestamp;

use crate::db::error::Error;
use crate::db::pool::Transaction;
use crate::inbound::conversations::ConsentChange;
use crate::lists::numbers::{read, stored};

/// An id is stored again if it was not seen for this many days.
const FRESH: &str = "current_date - 7";

const LEARN: &str = "
insert into known_user (sender_id, user_id, msisdn)
select n.sender_id, n.user_id, n.msisdn from unnest($1::bigint[], $2::text[], $3::bigint[]) as n (sender_id, user_id, msisdn)
order by 2, 1
on conflict (user_id, sender_id) do update set msisdn = excluded.msisdn, seen_on = excluded.seen_on";

const WAIT: &str = "
insert into known_user as k (sender_id, user_id, consent_at, is_opted_out, is_by_provider)
select distinct on (n.user_id, n.sender_id) n.sender_id, n.user_id, least(coalesce(n.at, now()), now()) as at, n.is_out, n.is_by_provider
from unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::bool[], $5::bool[])
    as n (sender_id, user_id, at, is_out, is_by_provider)
order by n.user_id, n.sender_id, at desc, n.is_out desc
on conflict (user_id, sender_id) do update
set consent_at = excluded.consent_at, is_opted_out = excluded.is_opted_out, is_by_provider = excluded.is_by_provider
where coalesce((excluded.consent_at, excluded.is_opted_out) > (k.consent_at, k.is_opted_out), true)";

/// Removes and returns consents of people whose number is known now.
const KNOWN_NOW: &str = "
with waiting as (
    select k.user_id, k.sender_id, k.consent_at, k.is_opted_out, k.is_by_provider, (
            select n.msisdn from known_user n where n.user_id = k.user_id and n.msisdn is not null
            order by n.sender_id = k.sender_id desc, n.sender_id limit 1) as msisdn
    from known_user k
    where k.user_id = any($1) and k.consent_at is not null order by 1, 2 for update
), done as (
    update known_user k set consent_at = null, is_opted_out = null, is_by_provider = null
    from waiting w where k.user_id = w.user_id and k.sender_id = w.sender_id and w.msisdn is not null
)
select sender_id, msisdn, consent_at, is_opted_out, is_by_provider from waiting where msisdn is not null";

/// The known numbers of user ids.
#[derive(Debug, Default)]
pub(crate) struct Users {
    numbers: BTreeMap<UserId, (Option<SenderId>, Msisdn)>,
    /// Ids that are stored for a sender and were seen recently.
    fresh: BTreeSet<(SenderId, UserId)>,
}

/// A consent of a person of whom only the user id is known.
pub(crate) struct UnmatchedConsent<'a> {
    pub(crate) sender: SenderId,
    pub(crate) user: &'a UserId,
    pub(crate) at: Option<Timestamp>,
    pub(crate) consent: Consent,
    pub(crate) is_by_provider: bool,
}

impl Users {
    /// Looks up ids, each with the sender that got it.
    pub(crate) async fn of(
        tx: &Transaction<'_>,
        seen: impl Iterator<Item = (SenderId, &UserId)>,
    ) -> Result<Self, Error> {
        let seen: BTreeSet<(SenderId, &UserId)> = seen.collect();
        let mut users = Self::default();
        if seen.is_empty() {
            return Ok(users);
        }
        let select = format!(
            "select user_id, sender_id, msisdn, seen_on > {FRESH} from known_user
            where user_id = any($1) and msisdn is not null order by user_id, sender_id"
        );
        let ids: BTreeSet<&str> = seen.iter().map(|(_, user)| user.as_str()).collect();
        let ids: Vec<&str> = ids.into_iter().collect();
        for row in tx.query(&tx.prepare_cached(&select).await?, &[&ids]).await? {
            let (Some(user), Some(number)) = (UserId::new(row.get(0)), read(row.get(2))) else { continue };
            let sender = SenderId(row.get(1));
            if row.get(3) {
                users.fresh.insert((sender, user.clone()));
            }
            users.numbers.entry(user).or_insert((Some(sender), number));
        }
        Ok(users)
    }

    /// The number of an id.
    pub(crate) fn number(&self, user: &UserId) -> Option<Msisdn> {
        self.numbers.get(user).map(|(_, number)| *number)
    }

    /// Whether an id is stored for this sender and was seen recently.
    pub(crate) fn is_fresh(&self, sender: SenderId, user: &UserId) -> bool {
        self.fresh.contains(&(sender, user.clone()))
    }

    /// Stores the numbers of ids.
    pub(crate) async fn learn(
        &mut self,
        tx: &Transaction<'_>,
        learned: BTreeMap<(SenderId, &UserId), Msisdn>,
    ) -> Result<(), Error> {
        if learned.is_empty() {
            return Ok(());
        }
        let senders: Vec<i64> = learned.keys().map(|(sender, _)| sender.0).collect();
        let ids: Vec<&str> = learned.keys().map(|(_, user)| user.as_str()).collect();
        let numbers: Vec<Option<i64>> = learned.values().map(|number| stored(*number)).collect();
        tx.execute(&tx.prepare_cached(LEARN).await?, &[&senders, &ids, &numbers]).await?;
        for ((sender, user), number) in learned {
            self.numbers.insert(user.clone(), (Some(sender), number));
        }
        Ok(())
    }
}

/// Keeps consents of people of whom only the user id is known.
pub(crate) async fn wait(tx: &Transaction<'_>, words: &[UnmatchedConsent<'_>]) -> Result<(), Error> {
    if words.is_empty() {
        return Ok(());
    }
    let senders: Vec<i64> = words.iter().map(|word| word.sender.0).collect();
    let ids: Vec<&str> = words.iter().map(|word| word.user.as_str()).collect();
    let times: Vec<Option<Timestamp>> = words.iter().map(|word| word.at).collect();
    let is_out: Vec<bool> = words.iter().map(|word| word.consent == Consent::OptedOut).collect();
    let by_provider: Vec<bool> = words.iter().map(|word| word.is_by_provider).collect();
    let wait = tx.prepare_cached(WAIT).await?;
    tx.execute(&wait, &[&senders, &ids, &times, &is_out, &by_provider]).await?;
    Ok(())
}

/// Earlier consents of people among these ids whose number is known now.
pub(crate) async fn known_now(
    tx: &Transaction<'_>,
    ids: &BTreeSet<&UserId>,
) -> Result<Vec<ConsentChange>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<&str> = ids.iter().map(|user| user.as_str()).collect();
    let rows = tx.query(&tx.prepare_cached(KNOWN_NOW).await?, &[&ids]).await?;
    Ok(rows
        .iter()
        .filter_map(|row| {
            let consent = if row.get(3) { Consent::OptedOut } else { Consent::OptedIn };
            Some(ConsentChange {
                sender: SenderId(row.get(0)),
                number: read(row.get(1))?,
                at: row.get(2),
                consent,
                is_by_provider: row.get(4),
            })
        })
        .collect())
}
