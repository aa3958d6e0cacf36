//! What can be changed while the simulator runs; the admin API and in-process users call the same functions.

use std::sync::Arc;

use crate::desk::Desk;
use crate::window::Gauge;
use crate::{ArmedFault, Error, Fault, Latency, RateLimit, Returned, Webhook};

/// Changes a running simulator; cheap to clone. Every change holds from the next request on.
#[derive(Clone)]
pub struct Controls {
    desk: Arc<Desk>,
}

impl Controls {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self { desk }
    }

    /// Sets how many more messages can be accepted; `None` is endless.
    pub fn set_balance(&self, balance: Option<u64>) {
        self.desk.state().balance = balance;
    }

    /// Tops the balance up and returns it; an endless balance stays endless.
    pub fn add_balance(&self, amount: u64) -> Option<u64> {
        let mut state = self.desk.state();
        state.balance = state.balance.map(|balance| balance.saturating_add(amount));
        state.balance
    }

    /// Sets how long every answer takes.
    pub fn set_latency(&self, latency: Latency) {
        self.desk.state().latency = latency;
    }

    /// Sets the rate limit, with an empty window; `None` is none.
    pub fn set_rate_limit(&self, limit: Option<RateLimit>) {
        self.desk.state().gauge = limit.map(Gauge::new);
    }

    /// Switches a fault on, behind those that are on already.
    pub fn inject(&self, fault: Fault) -> Result<ArmedFault, Error> {
        self.desk.state().faults.add(fault, &self.desk.outcomes)
    }

    /// The faults that are on, those used up included.
    pub fn faults(&self) -> Vec<ArmedFault> {
        self.desk.state().faults.list()
    }

    /// Switches one fault off.
    pub fn remove_fault(&self, id: u64) -> Result<(), Error> {
        self.desk.state().faults.remove(id)
    }

    /// Switches all faults off.
    pub fn clear_faults(&self) {
        self.desk.state().faults.clear();
    }

    /// Posts what becomes of messages to this address from now on; `None` is nowhere.
    pub fn set_webhook(&self, webhook: Option<Webhook>) -> Result<(), Error> {
        self.desk.set_webhook(webhook)
    }

    /// What was posted so far to the present address.
    pub fn returned(&self) -> Returned {
        self.desk.returned()
    }

    /// Makes everything as it was at the start, with an empty ledger; only the clock goes on.
    pub fn reset(&self) -> Result<(), Error> {
        self.desk.reset()
    }
}
