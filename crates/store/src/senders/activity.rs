//! What is going on at a sender: workers, its feed, messages of the last minute, and what the provider said.

use std::collections::BTreeMap;

use campaign::SenderId;
use jiff::Timestamp;
use serde::Deserialize;
use tokio_postgres::types::Json;

use crate::db::connection::Store;
use crate::db::error::Error;

/// What is going on at a sender.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct SenderActivity {
    /// Workers that reported within ten seconds.
    pub workers: i64,
    /// Whether a producer feeds the queue of the sender.
    pub is_fed: bool,
    /// What keeps the producer from feeding: `queue_blocked`, `queue_away` or `feed_failed`.
    pub trouble: Option<String>,
    /// Requests in the last complete minute.
    pub sent_last_minute: i64,
    /// Names of the campaigns that are running or paused, by id.
    pub campaigns: BTreeMap<i64, String>,
    /// The latest notice about each template and flow, the newest first.
    pub notices: Vec<ProviderNotice>,
    /// Posts to the webhook address that could not be used, by kind.
    pub unusable_posts: Vec<UnusablePosts>,
}

/// What a provider said about a template, a flow or the account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ProviderNotice {
    /// `template`, `flow` or `account`.
    pub about: String,
    /// Name of the template, id of the flow, kind of the event of the account.
    pub name: String,
    /// The language of the template; empty: not named.
    #[serde(default)]
    pub language: String,
    /// The status, as the provider writes it.
    pub status: String,
    /// The time of the notice.
    pub noticed_at: Timestamp,
}

/// Posts of one kind that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct UnusablePosts {
    /// The kind.
    pub kind: String,
    /// Their number.
    pub n: i64,
    /// The time of the last one.
    pub last_at: Timestamp,
}

impl Store {
    /// What is going on at a sender, in one statement.
    pub async fn sender_activity(&self, sender: SenderId) -> Result<SenderActivity, Error> {
        let select = "
            select jsonb_build_object(
                'workers', (
                    select count(*) from worker where sender_id = $1 and seen_at > clock_timestamp() - interval '10 seconds'),
                'is_fed', f.producer is not null and f.lease_until > clock_timestamp(),
                'trouble', f.trouble,
                'sent_last_minute', (
                    select coalesce(sum(t.sent), 0)::bigint from campaign c cross join lateral (
                        select sum(sent) as sent from report.timeline
                        where campaign_id = c.id and minute = date_trunc('minute', clock_timestamp()) - interval '1 minute') t
                    where c.sender_id = $1 and c.state in ('running', 'paused')),
                'campaigns', (
                    select coalesce(jsonb_object_agg(id, name), '{}') from campaign
                    where sender_id = $1 and state in ('running', 'paused')),
                'notices', (
                    select coalesce(jsonb_agg(to_jsonb(n) order by noticed_at desc), '[]') from (
                        select distinct on (about, name, language) about, name, language, status, noticed_at from provider_notice
                        where sender_id = $1 order by about, name, language, noticed_at desc) n),
                'unusable_posts', (
                    select coalesce(jsonb_agg(jsonb_build_object('kind', kind, 'n', n, 'last_at', last_at) order by kind), '[]')
                    from webhook_count where sender_id = $1))
            from sender_feed f where f.sender_id = $1";
        let row = self.client().await?.query_opt(select, &[&sender.0]).await?;
        let activity = row.map(|row| row.try_get::<_, Json<SenderActivity>>(0)).transpose();
        Ok(activity.map_err(Error::unreadable)?.map(|activity| activity.0).unwrap_or_default())
    }
}
