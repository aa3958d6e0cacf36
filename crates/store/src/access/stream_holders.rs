//! Sessions and API keys with open streams: whether they are still valid.

use std::time::Duration;

use crate::db::connection::Store;
use crate::db::error::Error;

/// The sessions and API keys that have open streams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamHolders {
    /// Ids of sessions.
    pub sessions: Vec<i64>,
    /// Ids of API keys.
    pub keys: Vec<String>,
}

/// Sessions and API keys that are valid, each with a text that changes with its rights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidHolders {
    /// Ids of sessions.
    pub sessions: Vec<(i64, String)>,
    /// Ids of API keys.
    pub keys: Vec<(String, String)>,
}

impl Store {
    /// Which of these sessions and API keys are valid, in one statement. Nothing is noted as activity.
    pub async fn valid_holders(
        &self,
        holders: &StreamHolders,
        idle: Duration,
    ) -> Result<ValidHolders, Error> {
        let select = "
            select s.id as session, null as key, row(a.role, a.has_numbers, a.senders, s.pending)::text as rights
            from session s join account a on a.id = s.account_id
            where s.id = any($1) and s.ended_at is null and a.disabled_at is null and s.until > clock_timestamp()
                and s.last_seen_at > clock_timestamp() - make_interval(secs => $3)
            union all
            select null, k.id, row(k.role, k.has_numbers, k.senders, a.role, a.has_numbers, a.senders)::text
            from api_key k left join account a on a.id = k.account_id
            where k.id = any($2) and k.revoked_at is null and k.expires_at > clock_timestamp() and a.disabled_at is null";
        let client = self.client().await?;
        let statement = client.prepare_cached(select).await?;
        let StreamHolders { sessions, keys } = holders;
        let mut valid = ValidHolders::default();
        for row in client.query(&statement, &[sessions, keys, &idle.as_secs_f64()]).await? {
            let rights: String = row.get(2);
            match (row.get::<_, Option<i64>>(0), row.get::<_, Option<String>>(1)) {
                (Some(session), _) => valid.sessions.push((session, rights)),
                (None, Some(key)) => valid.keys.push((key, rights)),
                (None, None) => {}
            }
        }
        Ok(valid)
    }
}
