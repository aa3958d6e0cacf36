//! Confirms a promoted standby without a person, if commits waited for a synchronous standby until the failover
//! (`[postgres] failover = "trust-synchronous"`).
//!
//! Producers note in `failover_note` that a synchronous standby is connected. The note is a commit that waits for this standby, so
//! the standby has the note and everything before it. A producer that starts after the failover finds it there.
//!
//! **Invariants.**
//! - Only another timeline is trusted. A restored dump, another cluster and a copy wait for a person.
//! - The note cannot tell a synchronous standby from an asynchronous one, which has it as well. So the cluster manager must promote
//!   synchronous standbys only (docs/HA.md).
//! - A note that is old is not trusted: a backup that was recovered to a point in time has the note of that time.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::changes::audit::AuditEntry;
use crate::db::config::Failover;
use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::identity::{DatabaseDifference, DatabaseState, is_confirmed};
use crate::db::pool::Connection;

/// Who confirms.
const BY: &str = "trust-synchronous";
/// The standby may have been away for this time before the last note: it connects again after a lost connection. Commits wait meanwhile.
const AWAY: SignedDuration = SignedDuration::from_secs(10);
/// A note that is older than this is not trusted.
const OLD: SignedDuration = SignedDuration::from_mins(2);

/// Notes whether commits wait for a synchronous standby, which is connected. Two producers write about one note a second.
const NOTE: &str = "
    insert into failover_note (timeline, checked_at, seen_at)
    select i.timeline, clock_timestamp(), case
            when current_setting('synchronous_standby_names') = '' or current_setting('synchronous_commit') not in ('on', 'remote_apply')
                then '-infinity'
            when exists (select from pg_stat_replication where sync_state in ('sync', 'quorum')) then clock_timestamp()
        end
    from installation i where i.timeline is not null and is_confirmed()
    on conflict (is_only) do update
    set timeline = excluded.timeline, checked_at = excluded.checked_at,
        seen_at = case
            when failover_note.timeline = excluded.timeline then coalesce(excluded.seen_at, failover_note.seen_at)
            else excluded.seen_at
        end
    where failover_note.checked_at < excluded.checked_at - interval '500 ms'";

const LOCK: &str = "select from installation for update";

const READ: &str = "
    select f.timeline, f.checked_at, nullif(f.seen_at, '-infinity') as seen_at, clock_timestamp() as now,
        exists (
            select from pg_settings where setting <> '' and name in (
                'recovery_target', 'recovery_target_lsn', 'recovery_target_name', 'recovery_target_time', 'recovery_target_xid')
        ) as has_target
    from installation left join failover_note f on true";

/// Workers asked for published recipients before the confirmation, were refused, and acknowledged the messages. The feed publishes them again
/// at once; otherwise it would find out after `stalled_after`.
const PUBLISH_AGAIN: &str = "
    update campaign_feed f set cursor = f.low_water - 1 from campaign c where c.id = f.campaign_id and c.state = 'running'";

/// What a producer found when it compared the database with the confirmed one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseCheck {
    /// It is the confirmed one.
    Confirmed,
    /// A standby was promoted, and was confirmed now.
    Trusted {
        /// Senders that had been held because of it, by name.
        resumed: Vec<String>,
    },
    /// It is not the confirmed one.
    Held {
        /// Senders that were held now.
        held: u64,
        /// Why it was not trusted; `None`: no failover is.
        distrust: Option<String>,
    },
}

/// What producers noted before the failover.
#[derive(Clone, Debug)]
struct Note {
    /// The timeline of the server.
    timeline: Option<String>,
    /// When a producer looked last.
    checked_at: Option<Timestamp>,
    /// When a synchronous standby was last connected.
    seen_at: Option<Timestamp>,
    /// The time of the server.
    now: Timestamp,
    /// Whether the server has a recovery target, as after a recovery to a point in time.
    has_target: bool,
}

impl Store {
    /// Compares the database with the confirmed one. Confirms it if it may be trusted, else holds all senders that are open or would
    /// open by themselves. Producers call it every second.
    pub async fn check_database(&self) -> Result<DatabaseCheck, Error> {
        let trusts = self.failover == Failover::TrustSynchronous;
        let mut distrust = None;
        {
            let client = self.client().await?;
            if is_confirmed(&client).await? {
                if trusts {
                    client.execute(&client.prepare_cached(NOTE).await?, &[]).await?;
                }
                return Ok(DatabaseCheck::Confirmed);
            }
        }
        if trusts {
            match self.trust_promoted().await {
                Ok(Ok(resumed)) => return Ok(DatabaseCheck::Trusted { resumed }),
                Ok(Err(reason)) => distrust = Some(reason),
                Err(error) => distrust = Some(error.to_string()),
            }
        }
        Ok(match self.hold_after_failover().await? {
            Some(held) => DatabaseCheck::Held { held, distrust },
            None => DatabaseCheck::Confirmed,
        })
    }

    /// Why a failover would not be trusted now, although the settings say so; `None`: it would be, or the settings do not say so.
    pub async fn failover_warning(&self) -> Result<Option<&'static str>, Error> {
        let select = "
            select pg_has_role(current_user, 'pg_read_all_stats', 'usage') as may_see,
                current_setting('synchronous_standby_names') <> '' as has_names,
                current_setting('synchronous_commit') in ('on', 'remote_apply') as is_synchronous,
                exists (select from pg_stat_replication where sync_state in ('sync', 'quorum')) as has_standby";
        if self.failover != Failover::TrustSynchronous {
            return Ok(None);
        }
        let row = self.client().await?.query_one(select, &[]).await?;
        let is = |column: &str| row.get::<_, bool>(column);
        Ok(match () {
            () if !is("has_names") => Some("synchronous_standby_names is empty"),
            () if !is("is_synchronous") => Some("synchronous_commit is neither on nor remote_apply"),
            () if !is("may_see") => {
                Some("the user of DATABASE_URL cannot see the standbys; grant it the role pg_read_all_stats")
            }
            () if !is("has_standby") => Some("no synchronous standby is connected"),
            () => None,
        })
    }

    /// Confirms the database and resumes the senders that were held because of it, in one transaction with its row in the audit; or
    /// says why not.
    async fn trust_promoted(&self) -> Result<Result<Vec<String>, String>, Error> {
        let change = self.begin_change().await?;
        let store = change.store();
        let verdict = judge(&*store.client().await?).await?;
        let before = match verdict {
            Ok(before) => before,
            Err(reason) => {
                change.roll_back().await;
                return Ok(Err(reason));
            }
        };
        let confirmed = store.confirm_database(BY).await?;
        store.client().await?.execute(PUBLISH_AGAIN, &[]).await?;
        let mut resumed = Vec::new();
        for (sender, name) in confirmed.held {
            store.open_sender(sender, BY).await?;
            resumed.push(name);
        }
        let now = store.database_state().await?.now.timeline;
        let details = json!({ "by": BY, "timeline_before": before, "timeline": now, "resumed": resumed });
        let entry = AuditEntry {
            actor_kind: "rule",
            actor: BY,
            action: "database.confirm",
            object_kind: "installation",
            object: None,
            outcome: "done",
            details: &details,
            address: None,
            user_agent: None,
            request_id: None,
        };
        change.commit(Some(&entry), &details).await?;
        Ok(Ok(resumed))
    }
}

/// The confirmed timeline, or why the database is not trusted. Locks the row of `installation`.
async fn judge(client: &Connection) -> Result<Result<Option<String>, String>, Error> {
    client.execute(LOCK, &[]).await?;
    let row = client.query_one(READ, &[]).await?;
    let note = Note {
        timeline: row.get("timeline"),
        checked_at: row.get("checked_at"),
        seen_at: row.get("seen_at"),
        now: row.get("now"),
        has_target: row.get("has_target"),
    };
    let state = DatabaseState::read(client).await?;
    let distrust = distrust(&state, &note);
    Ok(distrust.map_or(Ok(state.confirmed.timeline), |reason| Err(reason.to_owned())))
}

/// Why this database is not trusted.
fn distrust(state: &DatabaseState, note: &Note) -> Option<&'static str> {
    let (now, confirmed) = (&state.now, &state.confirmed);
    let is_known = now.system.is_some() && now.timeline.is_some() && confirmed.timeline.is_some();
    let within = |later: Timestamp, earlier: Timestamp, most| later.duration_since(earlier).abs() <= most;
    match (note.checked_at, note.seen_at) {
        _ if state.is_standby => Some("the server is a standby"),
        _ if state.differences().iter().any(|difference| *difference != DatabaseDifference::Timeline) => {
            Some("more differs than the timeline")
        }
        _ if !is_known => Some("PostgreSQL does not say its system identifier or its timeline"),
        _ if now.timeline <= confirmed.timeline => Some("the timeline is not a later one"),
        _ if note.has_target => Some("the server has a recovery target, so a backup was recovered"),
        (None, _) => Some("no producer noted whether commits waited for a synchronous standby"),
        _ if note.timeline != confirmed.timeline => Some("the last note is of another timeline"),
        (Some(checked_at), _) if !within(note.now, checked_at, OLD) => {
            Some("the last note is older than 2 minutes")
        }
        (_, None) => Some(
            "commits did not wait for a synchronous standby, or the user of DATABASE_URL could not see it",
        ),
        (Some(checked_at), Some(seen_at)) if !within(checked_at, seen_at, AWAY) => {
            Some("no synchronous standby was connected in the last 10 seconds before the failover")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::identity::DatabaseIdentity;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn identity(timeline: &str) -> DatabaseIdentity {
        let system = Some("7000000000000000000".to_owned());
        DatabaseIdentity { system, timeline: Some(timeline.to_owned()), database: Some(5), table: Some(6) }
    }

    fn promoted() -> DatabaseState {
        DatabaseState {
            is_standby: false,
            is_confirmed: false,
            now: identity("0000000B"),
            confirmed: identity("0000000A"),
            confirmed_at: None,
            confirmed_by: None,
            differs_since: None,
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "as the row of a note has it")]
    fn before(seconds: i64) -> Option<Timestamp> {
        Some(NOW - SignedDuration::from_secs(seconds))
    }

    fn noted() -> Note {
        let timeline = Some("0000000A".to_owned());
        Note { timeline, checked_at: before(3), seen_at: before(3), now: NOW, has_target: false }
    }

    #[test]
    fn a_standby_is_trusted_only_if_commits_waited_for_it_until_the_failover() {
        let judged = |note: Note| distrust(&promoted(), &note);
        assert_eq!(judged(noted()), None);
        assert_eq!(judged(Note { checked_at: before(120), seen_at: before(130), ..noted() }), None);
        for (note, told) in [
            (Note { checked_at: None, seen_at: None, ..noted() }, "no producer noted"),
            (Note { seen_at: None, ..noted() }, "did not wait"),
            (Note { seen_at: before(14), ..noted() }, "in the last 10 seconds"),
            (Note { checked_at: before(121), seen_at: before(121), ..noted() }, "older than 2 minutes"),
            (Note { checked_at: before(-121), seen_at: before(-121), ..noted() }, "older than 2 minutes"),
            (Note { timeline: Some("00000009".into()), ..noted() }, "of another timeline"),
            (Note { timeline: None, ..noted() }, "of another timeline"),
            (Note { has_target: true, ..noted() }, "a backup was recovered"),
        ] {
            let reason = judged(note.clone());
            assert!(reason.is_some_and(|reason| reason.contains(told)), "{note:?}: {reason:?}");
        }
    }

    #[test]
    fn nothing_but_a_later_timeline_is_trusted() {
        type Change = fn(&mut DatabaseState);
        let judged = |change: Change| {
            let mut state = promoted();
            change(&mut state);
            distrust(&state, &noted())
        };
        let changes: [(Change, &str); 8] = [
            (|state| state.is_standby = true, "is a standby"),
            (|state| state.now.system = Some("8".into()), "more differs"),
            (|state| state.now.database = Some(7), "more differs"),
            (|state| state.now.table = Some(7), "more differs"),
            (|state| state.now.timeline = Some("00000009".into()), "not a later one"),
            (|state| (state.now.system, state.confirmed.system) = (None, None), "does not say"),
            (|state| state.now.timeline = None, "does not say"),
            (|state| state.now.timeline.clone_from(&state.confirmed.timeline), "not a later one"),
        ];
        for (change, told) in changes {
            let reason = judged(change);
            assert!(reason.is_some_and(|reason| reason.contains(told)), "{told}: {reason:?}");
        }
    }
}
