//! People with a new number or a new user id: opt-outs and suppressions follow them.
//!
//! **Invariants.** What is known of the old number is copied to the new number, and stays with the old number too. The two numbers do not
//! become aliases: the old number may belong to another person later, who must not change what holds for the first one. Nothing is
//! copied back. An open 24-hour window is not copied.

use std::collections::BTreeSet;

use campaign::{Msisdn, UserId};

use crate::db::error::Error;
use crate::db::pool::Transaction;
use crate::inbound::rows::NumberChangeRow;
use crate::lists::aliases::Linked;
use crate::lists::numbers::{read, stored};

/// The number of a user id, as any sender knows it.
const OF_USER: &str = "
select msisdn from known_user where user_id = $1 and msisdn is not null order by sender_id = $2 desc, sender_id limit 1";

/// Copies opt-outs and pauses of the old numbers $1 to the new numbers $2; a later word of the person at the new number stays.
const COPY_CONVERSATIONS: &str = "
insert into conversation as c (sender_id, msisdn, consent_at, is_opted_out, quiet_until)
select h.sender_id, n, max(h.consent_at) filter (where h.is_opted_out), case when bool_or(h.is_opted_out) then true end, max(h.quiet_until)
from conversation h cross join unnest($2::bigint[]) n
where h.msisdn = any($1) and (h.is_opted_out or h.quiet_until > now())
group by 1, 2 order by 1, 2
on conflict (sender_id, msisdn) do update
set consent_at = case when coalesce(excluded.consent_at > c.consent_at, excluded.consent_at is not null) then excluded.consent_at
        else c.consent_at end,
    is_opted_out = case when coalesce(excluded.consent_at > c.consent_at, excluded.consent_at is not null) then true
        else c.is_opted_out end,
    quiet_until = greatest(c.quiet_until, excluded.quiet_until)";

/// Copies suppressions, except those of a sender to which the person opted in later at the new number.
const COPY_SUPPRESSIONS: &str = "
insert into suppression (msisdn, sender_id, reason)
select distinct on (n, s.sender_id) n, s.sender_id, s.reason
from suppression s cross join unnest($2::bigint[]) n
where s.msisdn = any($1) and (s.reason = 'operator' or not exists (
    select from conversation c where c.sender_id = s.sender_id and c.msisdn = n and not c.is_opted_out))
order by n, s.sender_id, s.reason
on conflict do nothing";

/// The new user id $3 of the person with the id $2: its number is $4 if it is known, and a word that waits for a number waits on.
const COPY_USER: &str = "
insert into known_user as k (sender_id, user_id, msisdn, consent_at, is_opted_out, is_by_provider)
select $1::bigint, $3::text, $4::bigint, p.consent_at, p.is_opted_out, p.is_by_provider
from (select) one left join known_user p on p.sender_id = $1::bigint and p.user_id = $2::text and $4::bigint is null
where $4::bigint is not null or p.consent_at is not null
on conflict (user_id, sender_id) do update
set msisdn = coalesce(excluded.msisdn, k.msisdn), seen_on = excluded.seen_on, consent_at = coalesce(k.consent_at, excluded.consent_at),
    is_opted_out = coalesce(k.is_opted_out, excluded.is_opted_out), is_by_provider = coalesce(k.is_by_provider, excluded.is_by_provider)";

/// An opt-out of a person whose number was not known until now, for the new numbers $3, the first of which is the number of the ids $2.
const CARRY_OUT: &str = "
with waiting as (
    select consent_at, is_by_provider from known_user
    where sender_id = $1 and user_id = any($2) and consent_at is not null and is_opted_out and msisdn is null
    order by consent_at desc limit 1
), noted as (
    insert into conversation as c (sender_id, msisdn, consent_at, is_opted_out)
    select $1::bigint, n, w.consent_at, true from waiting w cross join unnest($3::bigint[]) n order by 2
    on conflict (sender_id, msisdn) do update set consent_at = excluded.consent_at, is_opted_out = true
    where coalesce(excluded.consent_at > c.consent_at, true)
    returning msisdn
), done as (
    update known_user set msisdn = ($3::bigint[])[1], consent_at = null, is_opted_out = null, is_by_provider = null
    where sender_id = $1 and user_id = any($2) and consent_at is not null and is_opted_out and msisdn is null
)
insert into suppression (msisdn, sender_id, reason)
select n.msisdn, $1::bigint, case when w.is_by_provider then 'stopped_by_user' else 'opted_out' end
from noted n cross join waiting w order by 1
on conflict do nothing";

/// Carries out changes of numbers and user ids, in the order of the post.
pub(crate) async fn store(tx: &Transaction<'_>, changes: &[NumberChangeRow]) -> Result<(), Error> {
    for change in changes {
        let known = match &change.previous_user {
            Some(user) => number_of(tx, change, user).await?,
            None => None,
        };
        let old: BTreeSet<Msisdn> = change.from.into_iter().chain(known).collect();
        let new = change.to.map(Msisdn::spellings);
        let new: Vec<i64> = new.into_iter().flatten().filter_map(stored).collect();
        if !new.is_empty() {
            let linked = Linked::of(tx, old.iter().copied()).await?;
            let all: BTreeSet<Msisdn> = old.iter().flat_map(|number| linked.numbers(*number)).collect();
            let all: Vec<i64> =
                all.into_iter().filter_map(stored).filter(|number| !new.contains(number)).collect();
            tx.execute(&tx.prepare_cached(COPY_CONVERSATIONS).await?, &[&all, &new]).await?;
            tx.execute(&tx.prepare_cached(COPY_SUPPRESSIONS).await?, &[&all, &new]).await?;
            let users: Vec<&str> =
                change.previous_user.iter().chain(&change.user).map(UserId::as_str).collect();
            tx.execute(&tx.prepare_cached(CARRY_OUT).await?, &[&change.sender.0, &users, &new]).await?;
        }
        if let Some(user) = &change.user {
            let number = change.to.or(known).or(change.from).and_then(stored);
            let previous = change.previous_user.as_ref().map(UserId::as_str);
            let values: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
                [&change.sender.0, &previous, &user.as_str(), &number];
            tx.execute(&tx.prepare_cached(COPY_USER).await?, &values).await?;
        }
    }
    Ok(())
}

async fn number_of(
    tx: &Transaction<'_>,
    change: &NumberChangeRow,
    user: &UserId,
) -> Result<Option<Msisdn>, Error> {
    let row = tx.query_opt(&tx.prepare_cached(OF_USER).await?, &[&user.as_str(), &change.sender.0]).await?;
    Ok(row.and_then(|row| read(row.get(0))))
}
