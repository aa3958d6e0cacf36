//! The senders that have series of their own.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

/// The label of all senders beyond the limit.
const FOLDED: &str = "_other";

/// Names that have series, and how many may have.
struct Senders {
    names: HashSet<String>,
    most: usize,
}

static SENDERS: LazyLock<Mutex<Senders>> =
    LazyLock::new(|| Mutex::new(Senders { names: HashSet::new(), most: 200 }));

/// Sets the most senders with series of their own; to be called before the first metric of a sender.
pub(crate) fn limit(most: usize) {
    SENDERS.lock().unwrap_or_else(PoisonError::into_inner).most = most;
}

/// The label of a sender: its name, or `_other` beyond the limit.
pub(crate) fn fold(name: &str) -> String {
    SENDERS.lock().unwrap_or_else(PoisonError::into_inner).fold(name)
}

impl Senders {
    fn fold(&mut self, name: &str) -> String {
        if !self.names.contains(name) {
            if self.names.len() >= self.most {
                return FOLDED.to_owned();
            }
            self.names.insert(name.to_owned());
        }
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_beyond_the_limit_share_one_label_and_the_first_keep_theirs() {
        let mut senders = Senders { names: HashSet::new(), most: 2 };
        let labels = ["a", "b", "c", "a", "d"].map(|name| senders.fold(name));
        assert_eq!(labels, ["a", "b", "_other", "a", "_other"]);
    }
}
