//! Conversations: the 24-hour window, opt-out and opt-in, and the time for which a provider withholds messages.
//!
//! A window is open for a day after the last message of the person, and closed if a provider said so after that message. If no message
//! of the person is known, what the provider said counts for a day.
//!
//! Of an opt-out and an opt-in of one person the later one holds, in whatever order they arrive; within the same second the
//! opt-out holds. Only an operator removes a suppression by an operator.

use campaign::{Consent, Msisdn, SenderId};
use jiff::Timestamp;

use crate::db::error::Error;
use crate::db::pool::Transaction;

/// An inbound message, under one of the numbers of the person.
#[derive(Clone, Copy)]
pub(crate) struct InboundMessage {
    pub(crate) sender: SenderId,
    pub(crate) number: Msisdn,
    pub(crate) at: Option<Timestamp>,
}

/// An opt-out or opt-in, under one of the numbers of the person.
#[derive(Clone, Copy)]
pub(crate) struct ConsentChange {
    pub(crate) sender: SenderId,
    pub(crate) number: Msisdn,
    pub(crate) at: Option<Timestamp>,
    pub(crate) consent: Consent,
    pub(crate) is_by_provider: bool,
}

const HEARD: &str = "
insert into conversation as c (sender_id, msisdn, last_inbound_at)
select h.sender_id, h.msisdn, max(least(coalesce(h.at, now()), now()))
from unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) as h (sender_id, msisdn, at)
group by 1, 2 order by 1, 2
on conflict (sender_id, msisdn) do update
set last_inbound_at = greatest(c.last_inbound_at, excluded.last_inbound_at)
where c.last_inbound_at is distinct from greatest(c.last_inbound_at, excluded.last_inbound_at)";

const CONSENT: &str = "
with said as (
    select distinct on (sender_id, msisdn) sender_id, msisdn, at, is_out, reason
    from (
        select s.sender_id, s.msisdn, least(coalesce(s.at, now()), now()) as at, s.is_out, s.reason
        from unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::bool[], $5::text[])
            as s (sender_id, msisdn, at, is_out, reason)
    ) s
    order by sender_id, msisdn, at desc, is_out desc
), newest as (
    insert into conversation as c (sender_id, msisdn, consent_at, is_opted_out)
    select sender_id, msisdn, at, is_out from said order by 1, 2
    on conflict (sender_id, msisdn) do update set consent_at = excluded.consent_at, is_opted_out = excluded.is_opted_out
    where coalesce((excluded.consent_at, excluded.is_opted_out) > (c.consent_at, c.is_opted_out), true)
    returning sender_id, msisdn
), barred as (
    insert into suppression (msisdn, sender_id, reason)
    select said.msisdn, said.sender_id, said.reason from said join newest using (sender_id, msisdn) where said.is_out
    order by 1, 2
    on conflict (msisdn, sender_id) do nothing
)
delete from suppression s using said join newest using (sender_id, msisdn)
where not said.is_out and s.msisdn = said.msisdn and s.sender_id = said.sender_id and s.reason <> 'operator'";

/// Meta documents for error 131049 that messages to this person are withheld for 24 hours.
const QUIET: &str = "
insert into conversation as c (sender_id, msisdn, quiet_until)
select q.sender_id, q.msisdn, max(least(coalesce(q.at, now()), now())) + interval '24 hours'
from unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) as q (sender_id, msisdn, at)
group by 1, 2 order by 1, 2
on conflict (sender_id, msisdn) do update set quiet_until = greatest(c.quiet_until, excluded.quiet_until)
where c.quiet_until is distinct from greatest(c.quiet_until, excluded.quiet_until)";

/// Stores inbound messages, opt-outs and opt-ins, and people that had too many messages.
pub(crate) async fn store(
    tx: &Transaction<'_>,
    inbounds: &[InboundMessage],
    consents: &[ConsentChange],
    quiet: &[InboundMessage],
) -> Result<(), Error> {
    if !inbounds.is_empty() {
        let (senders, numbers, times) = columns(inbounds.iter().copied())?;
        tx.execute(&tx.prepare_cached(HEARD).await?, &[&senders, &numbers, &times]).await?;
    }
    if !consents.is_empty() {
        let (senders, numbers, times) = columns(consents.iter().map(|said| InboundMessage {
            sender: said.sender,
            number: said.number,
            at: said.at,
        }))?;
        let is_out: Vec<bool> = consents.iter().map(|consent| consent.consent == Consent::OptedOut).collect();
        let reasons: Vec<&str> = consents.iter().map(|consent| reason(consent.is_by_provider)).collect();
        tx.execute(&tx.prepare_cached(CONSENT).await?, &[&senders, &numbers, &times, &is_out, &reasons])
            .await?;
    }
    if !quiet.is_empty() {
        let (senders, numbers, times) = columns(quiet.iter().copied())?;
        tx.execute(&tx.prepare_cached(QUIET).await?, &[&senders, &numbers, &times]).await?;
    }
    Ok(())
}

fn reason(is_by_provider: bool) -> &'static str {
    if is_by_provider { "stopped_by_user" } else { "opted_out" }
}

type Columns = (Vec<i64>, Vec<i64>, Vec<Option<Timestamp>>);

fn columns(heard: impl Iterator<Item = InboundMessage>) -> Result<Columns, Error> {
    let (mut senders, mut numbers, mut times) = Columns::default();
    for InboundMessage { sender, number, at } in heard {
        senders.push(sender.0);
        numbers.push(i64::try_from(number.digits()).map_err(Error::unreadable)?);
        times.push(at);
    }
    Ok((senders, numbers, times))
}
