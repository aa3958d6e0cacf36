//! How many recipients and requests a lane has under way at once.
//!
//! A recipient has a place among those under way from before the claim until the record is committed, which bounds what a
//! worker that dies leaves unknown. A request has a place among the lane's requests until it is answered, which bounds the
//! connections and their memory. What a rate spaces out has all of these places before the claim, so that no slot passes
//! unused. Without one a claim begins with a few and takes more while it waits for answers: a provider that answers at once
//! gets its requests over a few warm connections, a slow one over as many as it needs.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many requests a claim without a rate begins with, and how many more are let leave each time it has waited.
pub(crate) const STEP: usize = 32;

/// The places of a lane.
pub(crate) struct Rooms {
    under_way: Arc<Semaphore>,
    requests: Arc<Semaphore>,
    in_flight: u16,
    most_requests: u16,
}

/// The places of a batch.
pub(crate) struct Room {
    under_way: OwnedSemaphorePermit,
    requests: OwnedSemaphorePermit,
    most_requests: u16,
}

impl Rooms {
    /// Room for as many recipients under way, and as many requests.
    pub(crate) fn new(in_flight: u16, most_requests: u16) -> Self {
        let places = |n: u16| Arc::new(Semaphore::new(usize::from(n)));
        Self { under_way: places(in_flight), requests: places(most_requests), in_flight, most_requests }
    }

    /// How many recipients to take in next, of so many at most: as many as there are places for, or a quarter of all places.
    /// A batch that waited for more would leave them empty meanwhile.
    pub(crate) fn at_once(&self, at_most: usize) -> usize {
        let quarter = usize::from(self.in_flight / 4).max(1);
        at_most.min(self.under_way.available_permits().max(quarter))
    }

    /// Waits for the places of so many recipients, not more than there are places. Of a request they have none yet.
    pub(crate) async fn take(&self, recipients: usize) -> Option<Room> {
        let wanted = count(recipients.min(self.in_flight.into()));
        let under_way = Arc::clone(&self.under_way).acquire_many_owned(wanted).await.ok()?;
        let requests = Arc::clone(&self.requests).try_acquire_many_owned(0).ok()?;
        Some(Room { under_way, requests, most_requests: self.most_requests })
    }

    /// Adds the places of so many more recipients, or of as many as there are places for now. Says how many.
    pub(crate) fn add(&self, room: &mut Room, recipients: usize) -> usize {
        let more = recipients.min(self.under_way.available_permits());
        let Ok(places) = Arc::clone(&self.under_way).try_acquire_many_owned(count(more)) else { return 0 };
        room.under_way.merge(places);
        more
    }

    /// Whether recipients of other batches are under way.
    pub(crate) fn hold_others_than(&self, room: &Room) -> bool {
        self.under_way.available_permits() + room.under_way.num_permits() < self.in_flight.into()
    }
}

impl Room {
    /// The places of so many of its recipients, for a batch of their own.
    pub(crate) fn split(&mut self, recipients: usize) -> Option<Self> {
        let recipients = recipients.min(self.under_way.num_permits());
        let under_way = self.under_way.split(recipients)?;
        Some(Self { under_way, requests: self.requests.split(0)?, most_requests: self.most_requests })
    }

    /// Waits for places for the first so many requests, not more than there are places or recipients.
    pub(crate) async fn begin(&mut self, first: usize) {
        let wanted = count(first.min(self.under_way.num_permits()).min(self.most_requests.into()));
        let all = Arc::clone(self.requests.semaphore());
        if let Ok(first) = all.acquire_many_owned(wanted).await {
            self.requests.merge(first);
        }
    }

    /// How many requests may be under way now.
    pub(crate) fn requests(&self) -> usize {
        self.requests.num_permits()
    }

    /// Takes places for some more requests, or for as many as there are.
    pub(crate) fn widen(&mut self) {
        let all = Arc::clone(self.requests.semaphore());
        let more = count(all.available_permits().min(STEP));
        if let Ok(more) = all.try_acquire_many_owned(more) {
            self.requests.merge(more);
        }
    }

    /// One recipient is answered: gives its place among those under way to whoever records it. A place for a request is given
    /// up when nobody is left who needs it.
    pub(crate) fn answered(&mut self) -> Option<OwnedSemaphorePermit> {
        let place = self.under_way.split(1);
        let spare = self.requests.num_permits().saturating_sub(self.under_way.num_permits());
        drop(self.requests.split(spare));
        place
    }

    /// Gives up what is left of the places for requests.
    pub(crate) fn end(&mut self) {
        drop(self.requests.split(self.requests.num_permits()));
    }
}

fn count(places: usize) -> u32 {
    u32::try_from(places).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn room(rooms: &Rooms, recipients: usize) -> Room {
        let mut room = rooms.take(recipients).await.unwrap();
        assert_eq!(room.requests(), 0);
        room.begin(STEP).await;
        room
    }

    #[tokio::test]
    async fn a_claim_begins_with_a_few_requests_and_takes_more_up_to_all_there_are() {
        let rooms = Rooms::new(400, 100);
        let (mut first, mut second) = (room(&rooms, 200).await, room(&rooms, 200).await);
        assert_eq!((first.requests(), second.requests()), (32, 32));
        first.widen();
        assert_eq!(first.requests(), 64);
        second.widen();
        assert_eq!(second.requests(), 36);
        second.widen();
        assert_eq!(second.requests(), 36);
        first.end();
        assert_eq!(rooms.requests.available_permits(), 64);
    }

    #[tokio::test]
    async fn recipients_who_are_not_claimed_yet_take_no_place_from_requests() {
        let rooms = Rooms::new(100, 50);
        let _waiting = (rooms.take(30).await.unwrap(), rooms.take(30).await.unwrap());
        let mut claimed = room(&rooms, 40).await;
        claimed.widen();
        assert_eq!(claimed.requests(), 50);
    }

    #[tokio::test]
    async fn at_a_rate_all_requests_of_a_claim_have_their_places_before_it() {
        let rooms = Rooms::new(400, 100);
        let mut claimed = rooms.take(80).await.unwrap();
        claimed.begin(70).await;
        assert_eq!(claimed.requests(), 70);
        claimed.end();
        claimed.begin(400).await;
        assert_eq!(claimed.requests(), 80);
        claimed.end();
        let mut all = rooms.take(300).await.unwrap();
        all.begin(400).await;
        assert_eq!(all.requests(), 100);
    }

    #[tokio::test]
    async fn a_request_that_is_answered_leaves_its_place_to_the_next_of_its_claim() {
        let rooms = Rooms::new(100, 50);
        let mut room = room(&rooms, 40).await;
        for left in (0..40).rev() {
            assert!(room.answered().is_some());
            assert_eq!(room.requests(), 32.min(left));
        }
        assert_eq!(rooms.requests.available_permits(), 50);
    }

    #[tokio::test]
    async fn a_recipient_keeps_its_place_until_it_is_recorded() {
        let rooms = Rooms::new(8, 50);
        assert_eq!(rooms.at_once(400), 8);
        let mut room = room(&rooms, 5).await;
        assert_eq!(rooms.at_once(400), 3);
        let place = room.answered();
        assert_eq!(rooms.at_once(400), 3);
        drop(place);
        assert_eq!(rooms.at_once(400), 4);
        assert_eq!(rooms.at_once(2), 2);
    }

    #[tokio::test]
    async fn a_batch_takes_more_as_far_as_there_is_room_and_is_split_by_campaign() {
        let rooms = Rooms::new(100, 50);
        let mut room = rooms.take(30).await.unwrap();
        assert!(!rooms.hold_others_than(&room));
        assert_eq!(rooms.add(&mut room, 10), 10);
        let others = rooms.take(50).await.unwrap();
        assert!(rooms.hold_others_than(&room));
        assert_eq!(rooms.add(&mut room, 30), 10);
        let (mut first, second) = (room.split(20).unwrap(), room.split(400).unwrap());
        first.begin(STEP).await;
        assert_eq!((first.requests(), second.requests()), (20, 0));
        drop((room, first, others));
        assert_eq!(rooms.under_way.available_permits(), 70);
    }

    #[tokio::test]
    async fn where_there_is_little_room_a_quarter_of_it_is_waited_for() {
        let rooms = Rooms::new(8, 1);
        let _all_others = room(&rooms, 8).await;
        assert_eq!(rooms.at_once(400), 2);
    }
}
