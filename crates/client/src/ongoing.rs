//! What goes on at the server, for a person who interrupts a command.

use std::sync::{Arc, Mutex, PoisonError};

/// The sentence about the present request or job.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ongoing(Arc<Mutex<Option<String>>>);

/// Ends the note when dropped.
pub(crate) struct Note(Ongoing);

impl Ongoing {
    /// Notes what goes on until the result is dropped.
    pub(crate) fn note(&self, sentence: String) -> Note {
        self.set(Some(sentence));
        Note(self.clone())
    }

    pub(crate) fn read(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, sentence: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = sentence;
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        self.0.set(None);
    }
}
