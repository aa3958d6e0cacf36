//! The settings of outgoing webhooks.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The settings of outgoing webhooks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the key is from which the secrets of the endpoints are derived: `env:NAME` or `file:PATH`. Default none: no endpoint
    /// can be added, and nothing is delivered. With another key, all secrets change.
    pub key: Option<String>,
    /// Networks that endpoints may be in although they are not public, such as `10.1.0.0/16`. In these networks, plain http is
    /// allowed. Default none.
    pub networks: Vec<IpNet>,
}
