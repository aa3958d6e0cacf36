//! Lists that arrive: how many at the same time, and how long each may be.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;

use crate::failure::Failure;

/// The maximum number of lists that arrive at the same time.
const MOST: usize = 4;

/// The limits of an uploaded list.
#[derive(Clone, Copy, Debug)]
pub struct UploadLimits {
    /// The most bytes.
    pub max_bytes: u64,
    /// The time limit for receiving it.
    pub timeout: Duration,
}

/// The lists that arrive now.
pub(crate) struct Uploads {
    pub(crate) limits: UploadLimits,
    /// The people who upload them: one list each.
    people: Mutex<BTreeSet<String>>,
}

/// A list that arrives; the next one of this person is admitted when it is dropped.
pub(crate) struct Admitted<'a> {
    uploads: &'a Uploads,
    person: String,
}

impl Uploads {
    pub(crate) fn new(limits: UploadLimits) -> Self {
        Self { limits, people: Mutex::default() }
    }

    /// Admits a list of this person.
    pub(crate) fn admit(&self, person: &str) -> Result<Admitted<'_>, Failure> {
        let mut people = self.lock();
        if people.contains(person) {
            let text =
                "another list of yours is being uploaded; wait until it has arrived, then upload this one";
            return Err(Failure::new(StatusCode::CONFLICT, text));
        }
        if people.len() >= MOST {
            let text = "other lists are being uploaded; try again in a minute";
            return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, text));
        }
        people.insert(person.to_owned());
        Ok(Admitted { uploads: self, person: person.to_owned() })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.uploads.lock().remove(&self.person);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_uploads_one_list_at_a_time_and_four_people_at_once() {
        let uploads = Uploads::new(UploadLimits { max_bytes: 1, timeout: Duration::from_secs(1) });
        let first = uploads.admit("anna").unwrap();
        assert_eq!(uploads.admit("anna").err().unwrap().status, StatusCode::CONFLICT);
        let others = ["b", "c", "d"].map(|person| uploads.admit(person).unwrap());
        assert_eq!(uploads.admit("e").err().unwrap().status, StatusCode::SERVICE_UNAVAILABLE);
        drop(first);
        assert!(uploads.admit("anna").is_ok());
        drop(others);
    }
}
