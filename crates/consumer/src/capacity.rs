//! Concurrency limits of one sender in a worker: recipients in flight and HTTP requests.
//!
//! A recipient holds a permit from before the claim until the record is committed. This bounds how many recipients a killed
//! worker leaves `unknown`. A request holds a permit until the provider answers. This bounds connections and memory.
//!
//! If the sender has a rate, a claim acquires the permits of all its requests first, so that no departure slot passes unused.
//! Without a rate, a claim starts with [`REQUEST_STEP`] requests and adds more while the provider is slow: a fast provider
//! gets all requests over a few warm connections.

use std::sync::{Arc, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests that a claim without a rate starts with, and that it adds after each pause without an answer.
pub(crate) const REQUEST_STEP: usize = 32;

/// The permits of one sender.
pub(crate) struct Capacity {
    in_flight: Arc<Semaphore>,
    requests: Arc<Semaphore>,
    most_in_flight: u16,
    most_requests: u16,
}

/// The permits that one batch holds.
pub(crate) struct Permits {
    in_flight: OwnedSemaphorePermit,
    requests: OwnedSemaphorePermit,
    most_requests: u16,
}

impl Capacity {
    /// Limits for recipients in flight and for requests.
    pub(crate) fn new(most_in_flight: u16, most_requests: u16) -> Self {
        let permits = |n: u16| Arc::new(Semaphore::new(usize::from(n)));
        let (in_flight, requests) = (permits(most_in_flight), permits(most_requests));
        Self { in_flight, requests, most_in_flight, most_requests }
    }

    /// The semaphores and limits of recipients and of requests, to show what is in use.
    pub(crate) fn limits(&self) -> [(Weak<Semaphore>, u16); 2] {
        let limit = |permits, most| (Arc::downgrade(permits), most);
        [limit(&self.in_flight, self.most_in_flight), limit(&self.requests, self.most_requests)]
    }

    /// How many recipients the next batch takes, at most `at_most`: as many as permits are available, but at least a quarter of
    /// the limit, for which it may have to wait. A batch that waited for all permits would leave the available ones unused.
    pub(crate) fn next_batch_size(&self, at_most: usize) -> usize {
        let quarter = usize::from(self.most_in_flight / 4).max(1);
        at_most.min(self.in_flight.available_permits().max(quarter))
    }

    /// Waits for permits of this many recipients, at most the limit. The batch has no permit for a request yet.
    pub(crate) async fn acquire(&self, recipients: usize) -> Option<Permits> {
        let wanted = count(recipients.min(self.most_in_flight.into()));
        let in_flight = Arc::clone(&self.in_flight).acquire_many_owned(wanted).await.ok()?;
        let requests = Arc::clone(&self.requests).try_acquire_many_owned(0).ok()?;
        Some(Permits { in_flight, requests, most_requests: self.most_requests })
    }

    /// Adds permits for this many more recipients, as far as they are available now.
    pub(crate) fn extend(&self, permits: &mut Permits, recipients: usize) {
        let more = recipients.min(self.in_flight.available_permits());
        if let Ok(permit) = Arc::clone(&self.in_flight).try_acquire_many_owned(count(more)) {
            permits.in_flight.merge(permit);
        }
    }
}

impl Permits {
    /// How many recipients have a permit.
    pub(crate) fn recipients(&self) -> usize {
        self.in_flight.num_permits()
    }

    /// Waits for permits of this many requests, at most the number of recipients and the limit.
    pub(crate) async fn acquire_requests(&mut self, requests: usize) {
        let wanted = count(requests.min(self.in_flight.num_permits()).min(self.most_requests.into()));
        let all = Arc::clone(self.requests.semaphore());
        if let Ok(permits) = all.acquire_many_owned(wanted).await {
            self.requests.merge(permits);
        }
    }

    /// How many requests the batch may have open at once now.
    pub(crate) fn requests(&self) -> usize {
        self.requests.num_permits()
    }

    /// Adds permits for up to [`REQUEST_STEP`] more requests, as far as they are available now.
    pub(crate) fn add_requests(&mut self) {
        let all = Arc::clone(self.requests.semaphore());
        let more = count(all.available_permits().min(REQUEST_STEP));
        if let Ok(more) = all.try_acquire_many_owned(more) {
            self.requests.merge(more);
        }
    }

    /// Takes out the permit of one recipient whose request was answered; the recorder holds it until the commit. A permit for
    /// a request is released when no recipient of the batch needs it any more.
    pub(crate) fn release_answered(&mut self) -> Option<OwnedSemaphorePermit> {
        let permit = self.in_flight.split(1);
        let spare = self.requests.num_permits().saturating_sub(self.in_flight.num_permits());
        drop(self.requests.split(spare));
        permit
    }

    /// Releases all permits for requests.
    pub(crate) fn release_requests(&mut self) {
        drop(self.requests.split(self.requests.num_permits()));
    }
}

fn count(permits: usize) -> u32 {
    u32::try_from(permits).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn permits(capacity: &Capacity, recipients: usize) -> Permits {
        let mut permits = capacity.acquire(recipients).await.unwrap();
        assert_eq!(permits.requests(), 0);
        permits.acquire_requests(REQUEST_STEP).await;
        permits
    }

    #[tokio::test]
    async fn a_claim_starts_with_a_few_requests_and_adds_more_up_to_the_limit() {
        let capacity = Capacity::new(400, 100);
        let (mut first, mut second) = (permits(&capacity, 200).await, permits(&capacity, 200).await);
        assert_eq!((first.requests(), second.requests()), (32, 32));
        first.add_requests();
        assert_eq!(first.requests(), 64);
        second.add_requests();
        assert_eq!(second.requests(), 36);
        second.add_requests();
        assert_eq!(second.requests(), 36);
        first.release_requests();
        assert_eq!(capacity.requests.available_permits(), 64);
    }

    #[tokio::test]
    async fn recipients_that_are_not_claimed_yet_hold_no_permit_for_a_request() {
        let capacity = Capacity::new(100, 50);
        let _waiting = (capacity.acquire(30).await.unwrap(), capacity.acquire(30).await.unwrap());
        let mut claimed = permits(&capacity, 40).await;
        claimed.add_requests();
        assert_eq!(claimed.requests(), 50);
    }

    #[tokio::test]
    async fn at_a_rate_a_claim_acquires_the_permits_of_all_its_requests_first() {
        let capacity = Capacity::new(400, 100);
        let mut claimed = capacity.acquire(80).await.unwrap();
        claimed.acquire_requests(70).await;
        assert_eq!(claimed.requests(), 70);
        claimed.release_requests();
        claimed.acquire_requests(400).await;
        assert_eq!(claimed.requests(), 80);
        claimed.release_requests();
        let mut all = capacity.acquire(300).await.unwrap();
        all.acquire_requests(400).await;
        assert_eq!(all.requests(), 100);
    }

    #[tokio::test]
    async fn an_answered_request_leaves_its_permit_to_the_next_of_its_claim() {
        let capacity = Capacity::new(100, 50);
        let mut permits = permits(&capacity, 40).await;
        for left in (0..40).rev() {
            assert!(permits.release_answered().is_some());
            assert_eq!(permits.requests(), 32.min(left));
        }
        assert_eq!(capacity.requests.available_permits(), 50);
    }

    #[tokio::test]
    async fn a_recipient_keeps_its_permit_until_it_is_recorded() {
        let capacity = Capacity::new(8, 50);
        assert_eq!(capacity.next_batch_size(400), 8);
        let mut permits = permits(&capacity, 5).await;
        assert_eq!(capacity.next_batch_size(400), 3);
        let permit = permits.release_answered();
        assert_eq!(capacity.next_batch_size(400), 3);
        drop(permit);
        assert_eq!(capacity.next_batch_size(400), 4);
        assert_eq!(capacity.next_batch_size(2), 2);
    }

    #[tokio::test]
    async fn a_batch_is_extended_as_far_as_permits_are_available() {
        let capacity = Capacity::new(100, 50);
        let mut permits = capacity.acquire(30).await.unwrap();
        capacity.extend(&mut permits, 10);
        assert_eq!(permits.recipients(), 40);
        let others = capacity.acquire(50).await.unwrap();
        capacity.extend(&mut permits, 30);
        assert_eq!(permits.recipients(), 50);
        drop((permits, others));
        assert_eq!(capacity.in_flight.available_permits(), 100);
    }

    #[tokio::test]
    async fn with_few_permits_available_a_batch_waits_for_a_quarter_of_the_limit() {
        let capacity = Capacity::new(8, 1);
        let _all_others = permits(&capacity, 8).await;
        assert_eq!(capacity.next_batch_size(400), 2);
    }
}
