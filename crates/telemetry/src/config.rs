//! The `[metrics]` section of the configuration.

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer};

/// The address that is used if none is set.
const DEFAULT_PORT: u16 = 9464;
/// The number of ports that are tried if no address is set, so that the roles on one machine need no settings.
const DEFAULT_PORTS: u16 = 10;

/// The `[metrics]` section.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The listen address of metrics and health, or `none`. If it is not set, the first free port from 9464 to 9473 on 127.0.0.1.
    pub listen: Option<Listen>,
    /// The most senders with series of their own; further senders share the label `_other`. Default 200.
    pub senders: usize,
    /// The most campaigns with series of their own. Default 100.
    pub campaigns: usize,
}

/// Where a process listens for requests about metrics and health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Nowhere.
    Nowhere,
    /// At this address.
    At(SocketAddr),
}

impl Default for Config {
    fn default() -> Self {
        Self { listen: None, senders: 200, campaigns: 100 }
    }
}

impl Config {
    /// The addresses to try, in this order; none if the listener is off.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        match self.listen {
            Some(Listen::Nowhere) => Vec::new(),
            Some(Listen::At(address)) => vec![address],
            None => {
                (0..DEFAULT_PORTS).map(|n| SocketAddr::from(([127, 0, 0, 1], DEFAULT_PORT + n))).collect()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "none" {
            return Ok(Self::Nowhere);
        }
        text.parse().map(Self::At).map_err(|_| {
            let problem =
                format!("listen is '{text}'; use an address with a port like 127.0.0.1:9464, or none");
            serde::de::Error::custom(problem)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(text: &str) -> Result<Config, String> {
        let value = serde_json::json!({ "listen": text });
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn a_listen_address_is_an_address_or_none() {
        assert_eq!(listen("none").unwrap().addresses(), []);
        assert_eq!(listen("0.0.0.0:9464").unwrap().addresses(), [SocketAddr::from(([0, 0, 0, 0], 9464))]);
        assert!(listen("9464").unwrap_err().contains("use an address with a port"));
    }

    #[test]
    fn without_a_setting_several_roles_find_a_port_each() {
        let addresses = Config::default().addresses();
        assert_eq!(addresses.first().unwrap().port(), 9464);
        assert!(addresses.len() >= 3);
    }
}
