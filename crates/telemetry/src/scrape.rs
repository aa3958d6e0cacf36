//! Values that are computed when metrics are read, so that they cost nothing meanwhile.

use std::sync::{Mutex, PoisonError};

type Hook = Box<dyn Fn() + Send>;

static HOOKS: Mutex<Vec<Hook>> = Mutex::new(Vec::new());

/// Calls `hook` each time that metrics are read. The hook must not wait.
pub fn on_scrape(hook: impl Fn() + Send + 'static) {
    HOOKS.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(hook));
}

/// Calls all hooks.
pub(crate) fn run_hooks() {
    for hook in HOOKS.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        hook();
    }
}
