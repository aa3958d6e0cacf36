//! How a campaign stands by country, kept as the work goes.

use campaign::{CampaignId, Outcome};

use crate::world::{World, abroad, accepted, reason};

/// Calling code, recipients, accepted, failed, unknown, skipped, waiting.
async fn countries(world: &World, campaign: CampaignId) -> Vec<(String, [i64; 6])> {
    let select = "
        select calling_code, recipients, accepted, failed, unknown, skipped, waiting from report.country
        where campaign_id = $1 order by calling_code";
    let rows = world.look.query(select, &[&campaign.0]).await.unwrap();
    rows.iter().map(|row| (row.get(0), std::array::from_fn(|place| row.get(place + 1)))).collect()
}

#[tokio::test]
async fn each_country_is_counted_and_still_is_when_numbers_are_erased() {
    let world = World::new("countries", None).await;
    let campaign = world.draft(0).await;
    world.import_numbers(campaign, (0..8).map(abroad)).await;
    world.import_numbers(campaign, (8..13).map(abroad)).await;
    world.store.start_campaign(campaign, "test").await.unwrap();
    for (seqs, outcome) in [
        (1..=4, accepted()),
        (5..=6, Outcome::Failed { reason: reason("X") }),
        (7..=7, Outcome::Unknown { reason: reason("X") }),
    ] {
        let claim = world.granted(campaign, seqs).await;
        world.record(campaign, &claim, &outcome).await;
    }
    // Whoever is being sent to still waits.
    world.granted(campaign, 8..=9).await;
    let expected = |skipped: i64| {
        [
            ("1", [3, 1, 0, 1, 0, 1]),
            ("254", [4, 1, 1, 0, skipped, 2 - skipped]),
            ("255", [3, 1, 1, 0, 0, 1]),
            ("49", [3, 1, 0, 0, 0, 2]),
        ]
        .map(|(code, counts)| (code.to_owned(), counts))
        .to_vec()
    };
    assert_eq!(countries(&world, campaign).await, expected(0));
    world.store.erase_number(abroad(0)).await.unwrap();
    world.store.erase_number(abroad(12)).await.unwrap();
    assert_eq!(countries(&world, campaign).await, expected(1));
    world.store.fold_counters().await.unwrap();
    assert_eq!(countries(&world, campaign).await, expected(1));
    assert!(world.miscounts().await.is_empty());
    // The check sees a country that is counted wrongly, though the sum is right.
    let wrong =
        "update counter_by_country set calling_code = 256 where calling_code = 49 and kind = 'accepted'";
    world.look.execute(wrong, &[]).await.unwrap();
    let kinds: Vec<String> = world.miscounts().await.into_iter().map(|miscount| miscount.kind).collect();
    assert_eq!(kinds, ["accepted of +256", "accepted of +49"]);
    world.close().await;
}
