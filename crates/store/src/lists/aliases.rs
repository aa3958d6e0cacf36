//! Aliases: different numbers of the same person, apart from spellings of one number (`campaign/src/number/spelling.rs`). Aliases are
//! learned from answers to requests, and from replies to our messages.
//!
//! **Invariants.** `number_alias` contains numbers in the form of [`Msisdn::person`]. Data about a person is stored under all
//! their numbers. So when a pair is learned later, the data of each number is copied to the other. The copy is a transaction
//! after the one that learned the pair; the server repeats it until it succeeds.

use std::collections::{BTreeMap, BTreeSet};

use campaign::{CampaignId, Msisdn, Seq};

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::pool::Transaction;
use crate::lists::numbers::{read, recipients, stored};

/// All numbers that are linked to each of some numbers by pairs of `number_alias`, directly or over other numbers.
pub(crate) const LINKED: &str = "
with recursive linked (root, n) as (
    select n, n from unnest($1::bigint[]) n
    union
    select l.root, other.n from linked l cross join lateral (
        select alias from number_alias where msisdn = l.n
        union all
        select msisdn from number_alias where alias = l.n
    ) other (n)
)
select root, n from linked where n <> root";

const LEARN: &str = "
insert into number_alias as a (alias, msisdn)
select n.alias, n.msisdn from unnest($1::bigint[], $2::bigint[]) as n (alias, msisdn) order by 1, 2
on conflict (alias, msisdn) do update set seen_on = excluded.seen_on where a.seen_on < excluded.seen_on - 7";

/// Copies the data of some numbers of one person to each of them.
const SPREAD_CONVERSATIONS: &str = "
insert into conversation as c (sender_id, msisdn, last_inbound_at, consent_at, is_opted_out, quiet_until, window_closed_at)
select h.sender_id, n, max(h.last_inbound_at), (array_agg(h.consent_at order by h.consent_at desc nulls last, h.is_opted_out desc))[1],
    (array_agg(h.is_opted_out order by h.consent_at desc nulls last, h.is_opted_out desc))[1], max(h.quiet_until),
    max(h.window_closed_at)
from sender s join conversation h on h.sender_id = s.id and h.msisdn = any($1::bigint[]) cross join unnest($1) n
group by 1, 2 order by 1, 2
on conflict (sender_id, msisdn) do update
set last_inbound_at = excluded.last_inbound_at, consent_at = excluded.consent_at, is_opted_out = excluded.is_opted_out,
    quiet_until = excluded.quiet_until, window_closed_at = excluded.window_closed_at";
const SPREAD_SUPPRESSIONS: &str = "
insert into suppression (msisdn, sender_id, reason)
select distinct on (n, s.sender_id) n, s.sender_id, s.reason
from suppression s cross join unnest($1::bigint[]) n where s.msisdn = any($1) order by n, s.sender_id, s.reason
on conflict do nothing";

/// Maximum number of pairs of one call of [`Store::spread_aliases`].
const MOST: i64 = 500;

/// Numbers of the same person.
#[derive(Debug, Default)]
pub(crate) struct Linked(BTreeMap<Msisdn, BTreeSet<Msisdn>>);

impl Linked {
    /// Looks up the other numbers of these people.
    pub(crate) async fn of(
        tx: &Transaction<'_>,
        numbers: impl Iterator<Item = Msisdn>,
    ) -> Result<Self, Error> {
        let people: BTreeSet<i64> = numbers.filter_map(|number| stored(number.person())).collect();
        if people.is_empty() {
            return Ok(Self::default());
        }
        let people: Vec<i64> = people.into_iter().collect();
        Ok(Self::read(&tx.query(&tx.prepare_cached(LINKED).await?, &[&people]).await?))
    }

    /// Reads the rows of [`LINKED`].
    pub(crate) fn read(rows: &[tokio_postgres::Row]) -> Self {
        let mut linked: BTreeMap<Msisdn, BTreeSet<Msisdn>> = BTreeMap::new();
        for row in rows {
            if let (Some(root), Some(other)) = (read(row.get(0)), read(row.get(1))) {
                linked.entry(root).or_default().insert(other);
            }
        }
        Self(linked)
    }

    /// All numbers of this person, in every spelling.
    pub(crate) fn numbers(&self, number: Msisdn) -> BTreeSet<Msisdn> {
        let others = self.0.get(&number.person()).into_iter().flatten();
        others.flat_map(|other| other.spellings()).chain(number.spellings()).collect()
    }
}

/// Stores pairs of numbers that belong to one person each. Pairs that differ only in spelling are left out. Returns whether
/// there was another pair.
pub(crate) async fn learn(
    tx: &Transaction<'_>,
    pairs: impl Iterator<Item = (Msisdn, Msisdn)>,
) -> Result<bool, Error> {
    let distinct: BTreeSet<(i64, i64)> = pairs
        .filter(|(alias, number)| alias.person() != number.person())
        .filter_map(|(alias, number)| Some((stored(alias.person())?, stored(number.person())?)))
        .collect();
    if distinct.is_empty() {
        return Ok(false);
    }
    let (aliases, numbers): (Vec<i64>, Vec<i64>) = distinct.into_iter().unzip();
    tx.execute(&tx.prepare_cached(LEARN).await?, &[&aliases, &numbers]).await?;
    Ok(true)
}

impl Store {
    /// Stores the other numbers under which WhatsApp knows some recipients of a campaign, from its answers to requests.
    pub(crate) async fn learn_from_answers(
        &self,
        campaign: CampaignId,
        answers: &[(Seq, Msisdn)],
    ) -> Result<(), Error> {
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let numbers = recipients(&tx, campaign, answers.iter().map(|(seq, _)| *seq)).await?;
        let pairs = answers.iter().filter_map(|(seq, alias)| Some((*alias, *numbers.get(seq)?)));
        let has_new = learn(&tx, pairs).await?;
        tx.commit().await?;
        if has_new { self.spread_aliases().await } else { Ok(()) }
    }

    /// Copies the data of one number of each new pair to the other number.
    pub async fn spread_aliases(&self) -> Result<(), Error> {
        let select = "
            select alias, msisdn from number_alias where not is_spread order by 1, 2 limit $1 for update skip locked";
        let done = "
            update number_alias a set is_spread = true from unnest($1::bigint[], $2::bigint[]) as d (alias, msisdn)
            where a.alias = d.alias and a.msisdn = d.msisdn";
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let rows = tx.query(&tx.prepare_cached(select).await?, &[&MOST]).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let (aliases, numbers): (Vec<i64>, Vec<i64>) =
            rows.iter().map(|row| (row.get::<_, i64>(0), row.get::<_, i64>(1))).unzip();
        let linked = Linked::of(&tx, aliases.iter().copied().filter_map(read)).await?;
        // Two pairs of one person give the same group, which is copied once.
        let groups: BTreeSet<BTreeSet<Msisdn>> =
            aliases.iter().copied().filter_map(read).map(|number| linked.numbers(number)).collect();
        for group in groups {
            let group: Vec<i64> = group.into_iter().filter_map(stored).collect();
            tx.execute(&tx.prepare_cached(SPREAD_CONVERSATIONS).await?, &[&group]).await?;
            tx.execute(&tx.prepare_cached(SPREAD_SUPPRESSIONS).await?, &[&group]).await?;
        }
        tx.execute(&tx.prepare_cached(done).await?, &[&aliases, &numbers]).await?;
        tx.commit().await?;
        Ok(())
    }
}
