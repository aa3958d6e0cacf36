//! The channel of a sender, which is replaced when the settings of the sender change.

use std::sync::{Arc, PoisonError, RwLock};

use store::SenderRow;
use whatsapp::Channel;

/// How a sender reaches its provider. A change of these settings needs a new channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccountSettings {
    base_url: String,
    account: Option<String>,
    number: String,
    api_key_ref: String,
    plus_in_path: bool,
    api_version: Option<String>,
}

impl AccountSettings {
    pub(crate) fn of(sender: &SenderRow) -> Self {
        Self {
            base_url: sender.base_url.clone(),
            account: sender.account.clone(),
            number: sender.number.clone(),
            api_key_ref: sender.api_key_ref.clone(),
            plus_in_path: sender.plus_in_path,
            api_version: sender.api_version.clone(),
        }
    }
}

/// A channel that all tasks of a sender share. Each request uses the channel that is current when it leaves.
#[derive(Clone)]
pub(crate) struct LiveChannel(Arc<RwLock<Arc<Channel>>>);

impl LiveChannel {
    pub(crate) fn new(channel: Channel) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(channel))))
    }

    pub(crate) fn current(&self) -> Arc<Channel> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn replace(&self, channel: Channel) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(channel);
    }
}
