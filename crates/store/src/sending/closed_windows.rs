//! Closed 24-hour windows that a provider reports. The next claim of such a person chooses the template.

use campaign::{CampaignId, Msisdn, SenderId};
use jiff::Timestamp;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::pool::Transaction;
use crate::lists::aliases::Linked;
use crate::lists::numbers::recipients;
use crate::sending::outcome_rows::ClosedWindow;

const WINDOW_CLOSED: &str = "
insert into conversation as c (sender_id, msisdn, window_closed_at)
select w.sender_id, w.msisdn, max(least(coalesce(w.at, now()), now()))
from unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) as w (sender_id, msisdn, at)
group by 1, 2 order by 1, 2
on conflict (sender_id, msisdn) do update set window_closed_at = greatest(c.window_closed_at, excluded.window_closed_at)
where c.window_closed_at is distinct from greatest(c.window_closed_at, excluded.window_closed_at)";

/// Stores that the windows of people were closed: sender, number, and the time at the provider.
pub(crate) async fn close_windows(
    tx: &Transaction<'_>,
    closed: impl IntoIterator<Item = (SenderId, Msisdn, Option<Timestamp>)>,
) -> Result<(), Error> {
    let (mut senders, mut numbers, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for (sender, number, at) in closed {
        senders.push(sender.0);
        numbers.push(i64::try_from(number.digits()).map_err(Error::unreadable)?);
        times.push(at);
    }
    if senders.is_empty() {
        return Ok(());
    }
    tx.execute(&tx.prepare_cached(WINDOW_CLOSED).await?, &[&senders, &numbers, &times]).await?;
    Ok(())
}

impl Store {
    /// Stores that the windows of recipients were closed when a request was answered, under all their numbers.
    pub(crate) async fn close_windows(
        &self,
        (sender, campaign): (SenderId, CampaignId),
        windows: &[ClosedWindow],
    ) -> Result<(), Error> {
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let numbers = recipients(&tx, campaign, windows.iter().map(|window| window.seq)).await?;
        let linked = Linked::of(&tx, numbers.values().copied()).await?;
        let each = windows.iter().filter_map(|window| Some((*numbers.get(&window.seq)?, window.at)));
        let closed = each.flat_map(|(number, at)| {
            linked.numbers(number).into_iter().map(move |number| (sender, number, Some(at)))
        });
        close_windows(&tx, closed).await?;
        tx.commit().await?;
        Ok(())
    }
}
