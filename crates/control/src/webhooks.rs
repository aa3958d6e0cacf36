//! What webhook endpoints are checked and signed with.

use notifier::{Guard, WebhookKey};

/// What webhook endpoints are checked and signed with.
#[derive(Clone, Debug)]
pub struct Webhooks {
    /// The key of the secrets, or why there is none. Without it, no endpoint can be added and no secret renewed.
    pub key: Result<WebhookKey, String>,
    /// The addresses that endpoints may have.
    pub guard: Guard,
}

impl Default for Webhooks {
    fn default() -> Self {
        let problem = "webhook endpoints need a key, from which their secrets are derived; set [webhooks] key for this process \
                       and the producers";
        Self { key: Err(problem.into()), guard: Guard::default() }
    }
}
