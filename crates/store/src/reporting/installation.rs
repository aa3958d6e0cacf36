//! Sums over the installation, for its metrics. A producer reads those of the senders that it feeds every few seconds, so each statement
//! reads few rows: running campaigns, counters, and short lists. No statement reads recipients.

use std::sync::LazyLock;

use campaign::{RecipientState, SenderId};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::metrics;
use crate::db::pool::Client;
use crate::reporting::standbys::wanted_standbys;

/// One value of a metric of the installation.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// The name of the metric, without `flowcast_`.
    pub name: String,
    /// The values of its labels.
    pub labels: Vec<String>,
    /// The value.
    pub value: f64,
}

/// Recipients by state of running and paused campaigns, `sending` recipients without a claim, and the difference of the counts.
/// A claim keeps the recipients that are already recorded, so `sending_without_claim` is a lower bound.
pub(crate) static CAMPAIGNS: LazyLock<String> =
    LazyLock::new(|| include_str!("measure_campaigns.sql").trim_end().to_owned());

/// Lists are counted up to 10,000 due recipients for each sender.
const SENDERS: &str = "
    select s.name as sender, (g.permits * 1000000.0 / g.per_us)::float8 as rate_allowed,
        pace_now(g.pace, g.slowed_at)::float8 as rate_pace,
        (case when g.day = day_now(g.day_zone) then g.day_used else 0 end)::float8 as daily_used,
        g.daily_cap::float8 as daily_cap, coalesce(w.n, 0)::float8 as workers, coalesce(c.n, 0)::float8 as claims_open,
        d.n::float8 as due_recipients, extract(epoch from d.oldest)::float8 as due_overdue_seconds
    from sender s join sender_gate g on g.sender_id = s.id
    left join (
        select sender_id, count(*) as n from worker where seen_at > clock_timestamp() - interval '10 seconds' group by sender_id
    ) w on w.sender_id = s.id
    left join (select sender_id, count(*) as n from claim group by sender_id) c on c.sender_id = s.id
    cross join lateral (
        select count(*) as n, coalesce(clock_timestamp() - min(publish_at), interval '0') as oldest from (
            select publish_at from due where sender_id = s.id and publish_at <= clock_timestamp()
            order by publish_at limit 10000
        ) now_due
    ) d
    where s.id = any($1)";

const CAMPAIGN_STATES: &str = "
    select s.name as sender, k.state, count(c.id)::float8 as campaigns
    from sender s cross join unnest(array['draft', 'running', 'paused', 'finished', 'cancelled']) k (state)
    left join campaign c on c.sender_id = s.id and c.state = k.state and c.archived_at is null
    where s.id = any($1) group by s.name, k.state";

const WAITING: &str = "
    select sender, reason, sum(recipients)::float8 as waiting_recipients,
        extract(epoch from clock_timestamp() - min(since))::float8 as waiting_seconds
    from report.waiting where sender in (select name from sender where id = any($1)) group by sender, reason";

/// Two queries, because each kind of hold has an index of its open ones.
const HOLDS: &str = "
    select s.name as sender, h.scope, h.reason, max(extract(epoch from clock_timestamp() - h.since))::float8 as hold_seconds
    from (
        select sender_id, 'sender' as scope, reason, since from hold
        where campaign_id is null and ended_at is null and sender_id = any($1)
        union all
        select sender_id, 'campaign', reason, since from hold
        where campaign_id is not null and ended_at is null and sender_id = any($1)
    ) h join sender s on s.id = h.sender_id
    group by s.name, h.scope, h.reason";

const UNKNOWN: &str = "
    select s.name as sender, coalesce(sum(u.n), 0)::float8 as unknown_recipients,
        coalesce(extract(epoch from clock_timestamp() - min(u.oldest)), 0)::float8 as unknown_oldest_seconds
    from sender s
    left join (
        select c.sender_id, u.n, u.oldest
        from (select campaign_id, count(*) as n, min(since) as oldest from unknown_recipient group by campaign_id) u
        join campaign c on c.id = u.campaign_id
    ) u on u.sender_id = s.id
    where s.id = any($1) group by s.name";

/// The rate is that of the last five complete minutes.
const EACH_CAMPAIGN: &str = "
    select c.id::text as campaign,
        (select coalesce(sum(n), 0) from counter_now where campaign_id = c.id and kind in ('pending', 'retry'))::float8
            as campaign_waiting_recipients,
        (select coalesce(sum(n), 0) / 300.0 from counter_by_minute_now
            where campaign_id = c.id and kind like 'attempt\\_%' and minute >= minute_of(clock_timestamp()) - interval '5 minutes'
                and minute < minute_of(clock_timestamp()))::float8 as campaign_rate,
        extract(epoch from c.deadline_at)::float8 as campaign_deadline_timestamp_seconds
    from (
        select id, deadline_at from campaign where state in ('running', 'paused') and sender_id = any($1)
        order by id desc limit $2
    ) c";

/// Long lists are counted up to 100,000.
const DATABASE: &str = "
    select (select count(*) from (select from unmatched_status limit 100000) few)::float8 as unmatched_statuses,
        (select count(*) from (select from counter_delta limit 100000) few)::float8 as counter_deltas,
        (select count(*) from volume where dropped_at is null)::float8 as volumes,
        (select count(*) from campaign where archived_at is null)::float8 as unarchived_campaigns,
        is_confirmed()::int::float8 as database_confirmed, current_setting('max_connections')::float8 as database_max_connections,
        (select sum(numbackends) from pg_stat_database)::float8 as database_connections";

/// Without the role `pg_read_all_stats` the state of a standby is not visible.
const STANDBYS: &str = "
    select current_setting('synchronous_standby_names') as wanted,
        (select count(*) from pg_stat_replication where sync_state in ('sync', 'quorum'))::float8 as connected
    where pg_has_role(current_user, 'pg_read_all_stats', 'usage')";

const SIZE: &str = "select pg_database_size(current_database())::float8 as database_bytes";

impl Store {
    /// The measures of these senders, and of at most `campaigns` of their running campaigns.
    pub async fn measure_senders(&self, senders: &[SenderId], campaigns: i64) -> Result<Vec<Measure>, Error> {
        let client = self.client().await?;
        let ids: Vec<i64> = senders.iter().map(|sender| sender.0).collect();
        let mut measures = Vec::new();
        for (statement, labels) in
            [(SENDERS, 1), (CAMPAIGN_STATES, 2), (WAITING, 2), (HOLDS, 3), (UNKNOWN, 1)]
        {
            for row in rows(&client, statement, &[&ids]).await? {
                measures.extend(columns(&row, labels));
            }
        }
        for row in rows(&client, EACH_CAMPAIGN, &[&ids, &campaigns]).await? {
            measures.extend(columns(&row, 1));
        }
        for row in rows(&client, &CAMPAIGNS, &[&ids]).await? {
            measures.extend(columns(&row, 1).map(by_state));
        }
        Ok(measures)
    }

    /// The measures of what sends these senders, and of their unconfirmed recipients.
    pub async fn measure_sending(&self, senders: &[SenderId]) -> Result<Vec<Measure>, Error> {
        let client = self.client().await?;
        let ids: Vec<i64> = senders.iter().map(|sender| sender.0).collect();
        let mut measures = Vec::new();
        for statement in [SENDERS, UNKNOWN] {
            for row in rows(&client, statement, &[&ids]).await? {
                measures.extend(columns(&row, 1));
            }
        }
        Ok(measures)
    }

    /// The measures of the database as a whole. Its size takes longer to read than all others together.
    pub async fn measure_database(&self, with_size: bool) -> Result<Vec<Measure>, Error> {
        let client = self.client().await?;
        let mut measures = Vec::new();
        for statement in [DATABASE, SIZE].into_iter().take(1 + usize::from(with_size)) {
            for row in rows(&client, statement, &[]).await? {
                measures.extend(columns(&row, 0));
            }
        }
        measures.extend(standbys(&client).await?);
        Ok(measures)
    }

    /// The measures of the synchronous standbys, which are part of those of the database.
    pub async fn measure_standbys(&self) -> Result<Vec<Measure>, Error> {
        let client = self.client().await?;
        standbys(&client).await
    }

    /// The sender whose producer shows the measures of the database.
    pub async fn first_sender(&self) -> Result<Option<SenderId>, Error> {
        let client = self.client().await?;
        let row = client.query_one("select min(id) from sender", &[]).await?;
        Ok(row.get::<_, Option<i64>>(0).map(SenderId))
    }
}

async fn standbys(client: &Client) -> Result<Vec<Measure>, Error> {
    let mut measures = Vec::new();
    for row in rows(client, STANDBYS, &[]).await? {
        let wanted = f64::from(wanted_standbys(row.get("wanted")));
        for (name, value) in
            [("database_sync_standbys", row.get("connected")), ("database_sync_standbys_wanted", wanted)]
        {
            measures.push(Measure { name: name.to_owned(), labels: Vec::new(), value });
        }
    }
    Ok(measures)
}

async fn rows(
    client: &Client,
    statement: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Error> {
    let prepared = client.prepare_cached(statement).await?;
    Ok(metrics::INSTALLATION.time(client.query(&prepared, parameters)).await?)
}

/// One measure for each column after the labels that is not null.
fn columns(row: &Row, labels: usize) -> impl Iterator<Item = Measure> + '_ {
    let texts: Vec<String> = (0..labels).map(|n| row.get(n)).collect();
    row.columns().iter().enumerate().skip(labels).filter_map(move |(n, column)| {
        let value = row.get::<_, Option<f64>>(n)?;
        Some(Measure { name: column.name().to_owned(), labels: texts.clone(), value })
    })
}

/// A column that is named like a state of recipients is the value of a label of `recipients`.
fn by_state(measure: Measure) -> Measure {
    if measure.name.parse::<RecipientState>().is_err() {
        return measure;
    }
    let Measure { name, mut labels, value } = measure;
    labels.push(name);
    Measure { name: "recipients".to_owned(), labels, value }
}
