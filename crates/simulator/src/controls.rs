//! Changing a running simulator. The admin API and in-process users call the same functions.

use std::sync::Arc;

use crate::decision::decide::SimulatedProvider;
use crate::decision::sliding_window::SlidingWindow;
use crate::{ArmedFault, Error, Fault, Latency, RateLimit, Webhook, WebhookCounts};

/// Changes a running simulator; cheap to clone. Every change applies from the next request on.
#[derive(Clone)]
pub struct Controls {
    simulated: Arc<SimulatedProvider>,
}

impl Controls {
    pub(crate) fn new(simulated: Arc<SimulatedProvider>) -> Self {
        Self { simulated }
    }

    /// Sets the number of messages that can still be accepted; `None` is endless.
    pub fn set_balance(&self, balance: Option<u64>) {
        self.simulated.state().balance = balance;
    }

    /// Adds to the balance and returns the new balance; an endless balance stays endless.
    pub fn add_balance(&self, amount: u64) -> Option<u64> {
        let mut state = self.simulated.state();
        state.balance = state.balance.map(|balance| balance.saturating_add(amount));
        state.balance
    }

    /// Sets the latency of every answer.
    pub fn set_latency(&self, latency: Latency) {
        self.simulated.state().latency = latency;
    }

    /// Sets the rate limit, with an empty window; `None` removes the limit.
    pub fn set_rate_limit(&self, limit: Option<RateLimit>) {
        self.simulated.state().window = limit.map(SlidingWindow::new);
    }

    /// Adds a fault after the active ones.
    pub fn inject(&self, fault: Fault) -> Result<ArmedFault, Error> {
        self.simulated.state().faults.add(fault, &self.simulated.outcomes)
    }

    /// The active faults, including used-up ones.
    pub fn faults(&self) -> Vec<ArmedFault> {
        self.simulated.state().faults.list()
    }

    /// Removes one fault.
    pub fn remove_fault(&self, id: u64) -> Result<(), Error> {
        self.simulated.state().faults.remove(id)
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.simulated.state().faults.clear();
    }

    /// Posts the events of messages to this webhook from now on; `None` stops posting.
    pub fn set_webhook(&self, webhook: Option<Webhook>) -> Result<(), Error> {
        self.simulated.set_webhook(webhook)
    }

    /// The number of posts to the current webhook so far.
    pub fn webhook_counts(&self) -> WebhookCounts {
        self.simulated.webhook_counts()
    }

    /// Resets everything to the configuration, with an empty ledger. The clock is not reset.
    pub fn reset(&self) -> Result<(), Error> {
        self.simulated.reset()
    }
}
