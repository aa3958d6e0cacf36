//! The growing delay after failed log-ins. There is no lock-out: a delay never exceeds the maximum of the rule, so nobody can keep
//! an account closed by guessing.

use std::net::IpAddr;
use std::time::Duration;

use sha2::{Digest, Sha256};

/// The key under which failures of an account are counted. The name is hashed, so that a name that no account has, or a password in
/// the field of the name, is not kept.
pub fn account_key(name: &str) -> [u8; 32] {
    Sha256::digest(format!("account {}", name.to_lowercase())).into()
}

/// The key under which failures of a network address are counted. An IPv6 client has a whole /64.
pub fn address_key(address: IpAddr) -> [u8; 32] {
    let network = match address.to_canonical() {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits() >> 64 << 64,
    };
    Sha256::digest(format!("address {network:x}")).into()
}

/// Failed log-ins of an account or of an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// Their number since the last success.
    pub count: u32,
    /// The time since the last one.
    pub since_last: Duration,
}

/// How long a log-in waits after failed ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelayRule {
    /// Failures without a delay.
    pub free: u32,
    /// The delay after the first failure beyond them. Each further failure doubles it.
    pub first: Duration,
    /// The maximum delay.
    pub most: Duration,
    /// Failures are forgotten after this time without a further one.
    pub forgotten_after: Duration,
}

impl DelayRule {
    /// The rule of an account: at most one guess per minute, 1,440 per day.
    pub const ACCOUNT: Self = Self {
        free: 3,
        first: Duration::from_secs(1),
        most: Duration::from_mins(1),
        forgotten_after: Duration::from_hours(1),
    };
    /// The rule of an address, which several people may share.
    pub const ADDRESS: Self = Self { free: 20, ..Self::ACCOUNT };

    /// The failures that still count.
    pub fn counted(&self, failures: Failures) -> u32 {
        if failures.since_last >= self.forgotten_after { 0 } else { failures.count }
    }

    /// How long the next log-in has to wait from now; zero if it may be made.
    pub fn wait(&self, failures: Failures) -> Duration {
        let Some(beyond) = self.counted(failures).checked_sub(self.free + 1) else { return Duration::ZERO };
        let delay = 2_u32.checked_pow(beyond).and_then(|factor| self.first.checked_mul(factor));
        delay.unwrap_or(self.most).min(self.most).saturating_sub(failures.since_last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: DelayRule = DelayRule::ACCOUNT;

    fn after(count: u32, seconds: u64) -> Duration {
        RULE.wait(Failures { count, since_last: Duration::from_secs(seconds) })
    }

    #[test]
    fn the_delay_doubles_with_each_failure_up_to_the_maximum() {
        let delays: Vec<u64> = (0..12).map(|count| after(count, 0).as_secs()).collect();
        assert_eq!(delays, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(after(u32::MAX, 0), RULE.most, "there is no lock-out");
    }

    #[test]
    fn the_delay_begins_at_the_last_failure() {
        assert_eq!((after(6, 1).as_secs(), after(6, 4).as_secs(), after(6, 5).as_secs()), (3, 0, 0));
    }

    #[test]
    fn failures_are_forgotten_after_an_hour() {
        let failures = |seconds| Failures { count: 9, since_last: Duration::from_secs(seconds) };
        assert_eq!((RULE.counted(failures(3599)), RULE.counted(failures(3600))), (9, 0));
    }

    #[test]
    fn failures_are_counted_by_name_without_case_and_by_ipv6_network() {
        assert_eq!(account_key("Anna"), account_key("anna"));
        assert_ne!(account_key("anna"), account_key("anne"));
        let key = |address: &str| address_key(address.parse().unwrap());
        assert_eq!(key("192.0.2.7"), key("::ffff:192.0.2.7"));
        assert_ne!(key("192.0.2.7"), key("192.0.2.8"));
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
    }

    #[test]
    fn an_address_has_more_attempts_than_an_account() {
        let failures = Failures { count: 20, since_last: Duration::ZERO };
        assert_eq!(DelayRule::ADDRESS.wait(failures), Duration::ZERO);
        assert!(RULE.wait(failures) > Duration::ZERO);
    }
}
