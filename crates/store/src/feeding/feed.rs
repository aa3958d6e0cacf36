//! Feeds: how far the producer has published each campaign, and from which place on recipients may be pending.

use campaign::{CampaignId, Rate, SenderId, Seq};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::metrics;
use crate::senders::rate::rate_of;

/// A sender with its running campaigns.
#[derive(Clone, Debug)]
pub struct SenderFeed {
    /// The sender.
    pub sender: SenderId,
    /// Its name.
    pub name: String,
    /// Whether its gate is open.
    pub is_open: bool,
    /// Its rate; `None`: no limit.
    pub rate: Option<Rate>,
    /// Its running campaigns.
    pub campaigns: Vec<FeedState>,
}

/// The progress of the feed of a running campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedState {
    /// The campaign.
    pub campaign: CampaignId,
    /// Its share of the sender's rate among its running campaigns.
    pub weight: u16,
    /// Number of recipients.
    pub recipients: i32,
    /// All recipients up to this place were published since the last rewind.
    pub cursor: i32,
    /// All recipients up to this place were published at least once.
    pub published: i32,
    /// No recipient below this place is pending, except recipients that are listed as due.
    pub low_water: i32,
    /// Whether it is within its sending hours.
    pub may_send: bool,
}

/// Why a producer cannot publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedTrouble {
    /// RabbitMQ has a resource alarm (memory or disk) and takes no messages.
    QueueBlocked,
    /// RabbitMQ cannot be reached or does not answer.
    QueueAway,
    /// The feed of this sender failed; the log of the producer has the reason. The producer tries again.
    FeedFailed,
}

/// Pending recipients in a range of places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingRange {
    /// Their places, in order.
    pub seqs: Vec<Seq>,
    /// The last place that was read: no other recipient up to this place is pending.
    pub looked_to: i32,
}

/// Maximum number of places that one statement reads. A long list with few pending recipients is read in steps, each well within
/// the time limit of a statement.
const LOOK: i32 = 200_000;

impl FeedTrouble {
    fn word(self) -> &'static str {
        match self {
            Self::QueueBlocked => "queue_blocked",
            Self::QueueAway => "queue_away",
            Self::FeedFailed => "feed_failed",
        }
    }
}

impl Store {
    /// Reads the progress of the running campaigns of this producer. First, a campaign or sender that was opened again is set
    /// back to the low-water mark.
    pub async fn read_feeds(&self, producer: Uuid) -> Result<Vec<SenderFeed>, Error> {
        let rewind = "
            with reopened as (
                update campaign_feed f
                set cursor = f.low_water - 1, campaign_epoch = c.epoch, gate_epoch = g.epoch
                from campaign c join sender_gate g on g.sender_id = c.sender_id
                    join sender_feed s on s.sender_id = c.sender_id
                where f.campaign_id = c.id and c.state = 'running' and g.is_open and s.producer = $1
                    and (f.campaign_epoch, f.gate_epoch) is distinct from (c.epoch, g.epoch)
                returning f.campaign_id
            )
            update due set publish_at = due_at from reopened where due.campaign_id = reopened.campaign_id";
        let read = "
            select s.sender_id, sender.name, g.is_open, g.permits, g.per_us, g.burst, c.id, c.recipients, f.cursor, f.published,
                f.low_water, may_send(c.state, c.deadline_at, c.opens_at, c.closes_at) as may_send,
                coalesce((c.definition #>> '{policy,weight}')::int, 1) as weight
            from sender_feed s join sender_gate g using (sender_id) join sender on sender.id = s.sender_id
            left join (campaign c join campaign_feed f on f.campaign_id = c.id)
                on c.sender_id = s.sender_id and c.state = 'running'
                    and coalesce(c.deadline_at > clock_timestamp(), true)
            where s.producer = $1 order by s.sender_id, c.id";
        let client = self.client().await?;
        client.execute(&client.prepare_cached(rewind).await?, &[&producer]).await?;
        let mut feeds: Vec<SenderFeed> = Vec::new();
        let read = client.prepare_cached(read).await?;
        for row in metrics::READ_FEEDS.time(client.query(&read, &[&producer])).await? {
            let sender = SenderId(row.get("sender_id"));
            if feeds.last().is_none_or(|feed| feed.sender != sender) {
                let rate = rate_of(row.get("permits"), row.get("per_us"), row.get("burst"));
                feeds.push(SenderFeed {
                    sender,
                    name: row.get("name"),
                    is_open: row.get("is_open"),
                    rate,
                    campaigns: Vec::new(),
                });
            }
            if let (Some(id), Some(feed)) = (row.get::<_, Option<i64>>("id"), feeds.last_mut()) {
                feed.campaigns.push(FeedState {
                    campaign: CampaignId(id),
                    weight: u16::try_from(row.get::<_, i32>("weight")).unwrap_or(1),
                    recipients: row.get("recipients"),
                    cursor: row.get("cursor"),
                    published: row.get("published"),
                    low_water: row.get("low_water"),
                    may_send: row.get("may_send"),
                });
            }
        }
        Ok(feeds)
    }

    /// Sets or clears the reason why this producer cannot publish for any of its senders.
    pub async fn note_feed_trouble(&self, producer: Uuid, trouble: Option<FeedTrouble>) -> Result<(), Error> {
        self.note_trouble(producer, None, trouble).await
    }

    /// Sets or clears the reason why this producer cannot publish for one sender.
    pub async fn note_sender_trouble(
        &self,
        producer: Uuid,
        sender: SenderId,
        trouble: Option<FeedTrouble>,
    ) -> Result<(), Error> {
        self.note_trouble(producer, Some(sender.0), trouble).await
    }

    async fn note_trouble(
        &self,
        producer: Uuid,
        sender: Option<i64>,
        trouble: Option<FeedTrouble>,
    ) -> Result<(), Error> {
        let note = "
            update sender_feed
            set trouble = $2, trouble_since = case when $2 is not null then coalesce(trouble_since, clock_timestamp()) end
            where producer = $1 and trouble is distinct from $2 and ($3::bigint is null or sender_id = $3)";
        let word = trouble.map(FeedTrouble::word);
        let client = self.client().await?;
        client.execute(&client.prepare_cached(note).await?, &[&producer, &word, &sender]).await?;
        Ok(())
    }

    /// Pending recipients after `after` and up to `until`, at most `limit`. One call reads only the next places.
    pub async fn pending_between(
        &self,
        campaign: CampaignId,
        (after, until): (i32, i32),
        limit: usize,
    ) -> Result<PendingRange, Error> {
        let select = "
            select seq from recipient where campaign_id = $1 and seq > $2 and seq <= $3 and state = 'pending'
            order by seq limit $4";
        let until = until.min(after.saturating_add(LOOK));
        let client = self.client().await?;
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let select = client.prepare_cached(select).await?;
        let of_range: [&(dyn ToSql + Sync); 4] = [&campaign.0, &after, &until, &most];
        let rows = metrics::PENDING_BETWEEN.time(client.query(&select, &of_range)).await?;
        let seqs: Vec<Seq> = rows.iter().map(|row| Seq(row.get(0))).collect();
        let looked_to = seqs.last().filter(|_| seqs.len() == limit).map_or(until, |last| last.0);
        Ok(PendingRange { seqs, looked_to })
    }

    /// Moves the cursor to `to`: all recipients up to there are published. Does nothing if the cursor is not at `from` any more,
    /// so that a rewind in between is kept.
    pub async fn advance_cursor(&self, campaign: CampaignId, from: i32, to: i32) -> Result<(), Error> {
        let update = "
            update campaign_feed set cursor = $3, published = greatest(published, $3)
            where campaign_id = $1 and cursor = $2";
        let client = self.client().await?;
        let update = client.prepare_cached(update).await?;
        metrics::ADVANCE_CURSOR.time(client.execute(&update, &[&campaign.0, &from, &to])).await?;
        Ok(())
    }

    /// Sets the feed back to the low-water mark, because messages were lost.
    pub async fn rewind(&self, campaign: CampaignId) -> Result<(), Error> {
        let update = "update campaign_feed set cursor = low_water - 1 where campaign_id = $1";
        self.client().await?.execute(update, &[&campaign.0]).await?;
        Ok(())
    }

    /// Moves the low-water mark to the first pending recipient and returns it; after the last recipient if none is pending. A
    /// long way takes several calls.
    pub async fn advance_low_water(&self, campaign: CampaignId) -> Result<i32, Error> {
        let update = "
            update campaign_feed f
            set low_water = coalesce(
                (select r.seq from recipient r
                 where r.campaign_id = $1 and r.seq >= f.low_water and r.seq < f.low_water + $2
                    and r.seq <= c.recipients and r.state = 'pending'
                 order by r.seq limit 1),
                least(c.recipients + 1, f.low_water + $2))
            from campaign c where c.id = f.campaign_id and f.campaign_id = $1
            returning f.low_water";
        let client = self.client().await?;
        let update = client.prepare_cached(update).await?;
        let row = metrics::ADVANCE_LOW_WATER.time(client.query_opt(&update, &[&campaign.0, &LOOK])).await?;
        row.map(|row| row.get(0)).ok_or_else(|| Error::no_campaign(campaign))
    }

    /// Recipients of running campaigns of this sender that are due again, at most `limit`. They are not returned again for a
    /// minute, unless their campaign or sender is opened again.
    pub async fn take_due(&self, sender: SenderId, limit: usize) -> Result<Vec<(CampaignId, Seq)>, Error> {
        let update = "
            update due set publish_at = clock_timestamp() + interval '1 minute'
            from (
                select d.campaign_id, d.seq from due d join campaign c on c.id = d.campaign_id
                where d.sender_id = $1 and d.publish_at <= clock_timestamp()
                    and may_send(c.state, c.deadline_at, c.opens_at, c.closes_at)
                order by d.publish_at limit $2 for update of d skip locked
            ) now_due
            where due.campaign_id = now_due.campaign_id and due.seq = now_due.seq
            returning due.campaign_id, due.seq";
        let client = self.client().await?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let update = client.prepare_cached(update).await?;
        let rows = metrics::TAKE_DUE.time(client.query(&update, &[&sender.0, &limit])).await?;
        Ok(rows.iter().map(|row| (CampaignId(row.get(0)), Seq(row.get(1)))).collect())
    }
}
