//! How many claims of the consumers were refused, by their metrics.

use std::time::Duration;

use anyhow::Context;
use tokio::time::{Instant, sleep};

use crate::flowcast::Role;

/// What a role logs when its metrics can be read.
const SAYS: &str = "metrics and health are at http://";
const SERIES: &str = "flowcast_claim_seconds_count{";
const STARTS_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Claims that were answered.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Claims {
    pub(crate) granted: f64,
    pub(crate) refused: f64,
}

impl Claims {
    /// The sum over these roles so far.
    pub(crate) async fn of(roles: impl Iterator<Item = &Role>) -> anyhow::Result<Self> {
        let mut all = Self::default();
        for role in roles {
            all.add(&metrics(role).await.with_context(|| format!("reading the metrics of {}", role.name))?);
        }
        Ok(all)
    }

    fn add(&mut self, metrics: &str) {
        for line in metrics.lines().filter_map(|line| line.strip_prefix(SERIES)) {
            let Some(n) = line.rsplit(' ').next().and_then(|n| n.parse::<f64>().ok()) else { continue };
            let granted = line.contains("result=\"granted\"");
            *(if granted { &mut self.granted } else { &mut self.refused }) += n;
        }
    }

    /// The claims since an earlier reading.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self { granted: self.granted - earlier.granted, refused: self.refused - earlier.refused }
    }

    /// Refused claims, in percent of all.
    pub(crate) fn refused_share(self) -> f64 {
        self.refused / (self.granted + self.refused).max(1.0) * 100.0
    }
}

async fn metrics(role: &Role) -> anyhow::Result<String> {
    let answer = reqwest::get(format!("http://{}/metrics", address(role).await?)).await?;
    Ok(answer.error_for_status()?.text().await?)
}

/// The address of its metrics, from its log.
async fn address(role: &Role) -> anyhow::Result<String> {
    let began = Instant::now();
    loop {
        let log = role.log()?;
        if let Some((_, rest)) = log.split_once(SAYS) {
            return Ok(rest.split('/').next().unwrap_or_default().to_owned());
        }
        anyhow::ensure!(began.elapsed() < STARTS_WITHIN, "{} did not start:\n{log}", role.name);
        sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_counted_by_their_result() {
        let mut claims = Claims::default();
        claims.add(
            "# HELP flowcast_claim_seconds x\nflowcast_claim_seconds_count{result=\"granted\"} 30\n\
             flowcast_claim_seconds_count{result=\"wait\"} 7\nflowcast_claim_seconds_count{result=\"held\"} 3\n\
             flowcast_claim_seconds_sum{result=\"wait\"} 99\n",
        );
        assert_eq!(claims, Claims { granted: 30.0, refused: 10.0 });
        assert!((claims.refused_share() - 25.0).abs() < 1e-9);
    }
}
