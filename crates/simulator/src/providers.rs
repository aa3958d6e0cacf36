//! The simulated providers: one file for each provider's API, and the parts they share.
//!
//! This folder uses `settings` only. It knows nothing of balance, rate limit, faults, ledger and connections.
//!
//! To add a provider: add a variant to [`Provider`] in `settings/provider.rs`, write one file here that implements
//! [`ProviderApi`], and add an arm to [`api_of`].

pub(crate) mod api;
pub(crate) mod events;
pub(crate) mod json_check;
pub(crate) mod kaleyra;
mod lipachat;
mod message_object;
mod meta;
mod meta_change;
mod meta_outcomes;
mod one_msg;
pub(crate) mod outcome;
mod template_list;
mod template_object;

use self::api::ProviderApi;
use crate::{Config, Provider};

/// The API of the configured provider.
pub(crate) fn api_of(config: &Config) -> Box<dyn ProviderApi> {
    match config.provider {
        Provider::Kaleyra => Box::new(kaleyra::Kaleyra::new(config)),
        Provider::LipaChat => Box::new(lipachat::LipaChat::new(config)),
        Provider::OneMsg => Box::new(one_msg::OneMsg::new(config)),
        Provider::Meta => Box::new(meta::Meta::new(config)),
    }
}

#[cfg(test)]
mod tests {
    use super::outcome::{ACCEPTED, LOW_BALANCE, RATE_LIMITED};
    use super::*;

    #[test]
    fn every_table_begins_with_the_three_common_outcomes_and_has_unique_names() {
        for provider in Provider::ALL {
            assert_eq!(provider.word().parse::<Provider>().unwrap(), provider);
            let outcomes = api_of(&Config { provider, ..Config::default() }).outcomes();
            let mut names: Vec<_> = outcomes.iter().map(|outcome| outcome.name).collect();
            for (id, name) in
                [(ACCEPTED, "accepted"), (LOW_BALANCE, "low_balance"), (RATE_LIMITED, "rate_limited")]
            {
                assert_eq!(names.get(usize::from(id)), Some(&name), "{provider}");
            }
            names.sort_unstable();
            assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{provider}: {names:?}");
        }
    }
}
