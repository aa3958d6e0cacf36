//! People with a new number or a new user id: what they said follows them.

use campaign::Consent;
use jiff::SignedDuration;
use store::{Ingest, NumberChangeRow};

use crate::people::{LISTED, WRITTEN, campaign, claimed, noon, number, replies, stop, suppressed, user};
use crate::world::World;

fn moves(world: &World, from: Option<u64>, to: Option<u64>, ids: (Option<&str>, Option<&str>)) -> Ingest {
    let change = NumberChangeRow {
        sender: world.sender,
        from: from.map(number),
        to: to.map(number),
        previous_user: ids.0.and_then(user),
        user: ids.1.and_then(user),
    };
    Ingest { changes: vec![change], ..Ingest::default() }
}

#[tokio::test]
async fn a_suppression_follows_a_person_to_a_new_number_and_a_later_owner_of_the_old_one_changes_nothing() {
    let world = World::new("people_moved", None).await;
    let ingest = async |post: Ingest| world.store.ingest(&post).await.unwrap();
    ingest(stop(replies(&world, None, Some(LISTED), None))).await;
    ingest(moves(&world, Some(LISTED), Some(WRITTEN), (None, None))).await;
    assert_eq!(suppressed(&world).await, [LISTED.cast_signed(), WRITTEN.cast_signed()]);
    let campaign = campaign(&world, [WRITTEN]).await;
    assert_eq!(claimed(&world, campaign, 1).await, Vec::<i32>::new());
    // The next owner of the old number opts in.
    let mut start = stop(replies(&world, None, Some(LISTED), None));
    start.consents[0].consent = Consent::OptedIn;
    start.consents[0].inbound.at = Some(noon() + SignedDuration::from_hours(1));
    ingest(start).await;
    assert_eq!(suppressed(&world).await, [WRITTEN.cast_signed()]);
    // A repeated post copies nothing back.
    ingest(moves(&world, Some(LISTED), Some(WRITTEN), (None, None))).await;
    assert_eq!(suppressed(&world).await, [WRITTEN.cast_signed()]);
    world.close().await;
}

#[tokio::test]
async fn an_opt_in_at_the_new_number_is_not_taken_back_by_a_repeated_post() {
    let world = World::new("people_moved_back", None).await;
    let ingest = async |post: Ingest| world.store.ingest(&post).await.unwrap();
    ingest(stop(replies(&world, None, Some(LISTED), None))).await;
    let mut start = stop(replies(&world, None, Some(WRITTEN), None));
    start.consents[0].consent = Consent::OptedIn;
    start.consents[0].inbound.at = Some(noon() + SignedDuration::from_hours(1));
    ingest(start).await;
    ingest(moves(&world, Some(LISTED), Some(WRITTEN), (None, None))).await;
    assert_eq!(suppressed(&world).await, [LISTED.cast_signed()]);
    world.close().await;
}

#[tokio::test]
async fn a_new_user_id_leads_to_the_number_of_the_old_one_and_waiting_opt_outs_follow() {
    let world = World::new("people_new_id", None).await;
    let ingest = async |post: Ingest| world.store.ingest(&post).await.unwrap();
    ingest(stop(replies(&world, None, Some(LISTED), user("KE.1")))).await;
    let lift =
        "delete from suppression; update conversation set is_opted_out = false, consent_at = '2020-01-01'";
    world.look.batch_execute(lift).await.unwrap();
    ingest(moves(&world, None, None, (Some("KE.1"), Some("KE.2")))).await;
    ingest(stop(replies(&world, None, None, user("KE.2")))).await;
    assert_eq!(suppressed(&world).await, [LISTED.cast_signed()]);
    // An opt-out of an id without a number waits, follows to the new id, and is carried out when its number is known.
    ingest(stop(replies(&world, None, None, user("KE.8")))).await;
    ingest(moves(&world, None, None, (Some("KE.8"), Some("KE.9")))).await;
    assert_eq!(suppressed(&world).await, [LISTED.cast_signed()]);
    ingest(moves(&world, None, Some(WRITTEN), (Some("KE.9"), Some("KE.10")))).await;
    assert_eq!(suppressed(&world).await, [LISTED.cast_signed(), WRITTEN.cast_signed()]);
    world.close().await;
}
