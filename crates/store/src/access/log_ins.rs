//! Failed log-ins of accounts and addresses, for the delay before the next one.
//!
//! **Invariant.** A log-in is counted as failed before its password is checked, and forgiven afterwards. So requests at the same
//! time cannot try more passwords than requests one after another.

use std::time::Duration;

use crate::db::connection::Store;
use crate::db::error::Error;

/// Whose failures are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogInKind {
    /// Failures of a name.
    Account,
    /// Failures of a network address.
    Address,
}

impl LogInKind {
    fn word(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Address => "address",
        }
    }
}

/// Under which key failures are counted: SHA-256 of a name or an address.
#[derive(Clone, Copy, Debug)]
pub struct LogInKey {
    /// Whose failures they are.
    pub kind: LogInKind,
    /// The hash.
    pub hash: [u8; 32],
}

/// What follows from earlier failures.
#[derive(Clone, Copy, Debug)]
pub struct LogInDelay {
    /// The failures that still count.
    pub counted: u32,
    /// How long the next log-in has to wait.
    pub wait: Duration,
}

impl Store {
    /// Counts a log-in as failed, unless it has to wait: then nothing is counted, and the time is returned. `rule` gets the number
    /// of failures and the time since the last one. Give the key of the account first.
    pub async fn admit_log_in(
        &self,
        keys: &[LogInKey],
        rule: impl Fn(LogInKind, u32, Duration) -> LogInDelay,
    ) -> Result<Duration, Error> {
        // The update changes nothing: it locks the row.
        let lock = "
            insert into login_failure as known (kind, key_hash, failures, last_at) values ($1, $2, 0, clock_timestamp())
            on conflict (kind, key_hash) do update set failures = known.failures
            returning failures, greatest(extract(epoch from clock_timestamp() - last_at), 0)::float8";
        let count = "
            update login_failure set failures = $3, last_at = clock_timestamp() where kind = $1 and key_hash = $2";
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let (mut wait, mut counts) = (Duration::ZERO, Vec::new());
        for key in keys {
            let row = tx.query_one(lock, &[&key.kind.word(), &key.hash.as_slice()]).await?;
            let since_last = Duration::try_from_secs_f64(row.get(1)).unwrap_or(Duration::MAX);
            let delay = rule(key.kind, u32::try_from(row.get::<_, i32>(0)).unwrap_or(0), since_last);
            wait = wait.max(delay.wait);
            counts.push((key, i32::try_from(delay.counted).unwrap_or(i32::MAX).saturating_add(1)));
        }
        if !wait.is_zero() {
            tx.rollback().await?;
            return Ok(wait);
        }
        for (key, failures) in counts {
            tx.execute(count, &[&key.kind.word(), &key.hash.as_slice(), &failures]).await?;
        }
        tx.commit().await?;
        Ok(Duration::ZERO)
    }

    /// After a successful log-in: forgets all failures of the account, and the one that [`Store::admit_log_in`] counted for the
    /// address.
    pub async fn forgive_log_in(&self, keys: &[LogInKey]) -> Result<(), Error> {
        let account = "delete from login_failure where kind = $1 and key_hash = $2";
        let address = "
            update login_failure set failures = greatest(failures - 1, 0) where kind = $1 and key_hash = $2";
        let client = self.client().await?;
        for key in keys {
            let forgive = match key.kind {
                LogInKind::Account => account,
                LogInKind::Address => address,
            };
            client.execute(forgive, &[&key.kind.word(), &key.hash.as_slice()]).await?;
        }
        Ok(())
    }
}
