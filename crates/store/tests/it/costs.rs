//! What campaigns cost: by the prices they were started with, and by what receipts say of billing.

use campaign::{CampaignId, PriceList, ReceiptStatus};
use rust_decimal::Decimal;
use store::{CampaignReport, Ingest, ReceiptRow};

use crate::world::{World, abroad, accepted, by_operator};

const KENYA_AND_AMERICA: &str = "calling_code,price\n254,0.1\n1,2.000001\n";

impl World {
    async fn priced(&self, file: &str, currency: &str) {
        let list = PriceList::parse(file, currency.parse().unwrap()).unwrap();
        self.store.set_prices(self.sender, &list).await.unwrap();
        assert_eq!(self.store.prices(self.sender).await.unwrap(), Some(list));
    }

    /// Three recipients of each of four countries, all of whom are accepted; places 1, 5 and 9 are of Kenya.
    async fn sent(&self) -> CampaignId {
        let campaign = self.draft(0).await;
        self.import_numbers(campaign, (0..12).map(abroad)).await;
        self.store.start_campaign(campaign, "test").await.unwrap();
        let claim = self.granted(campaign, 1..=12).await;
        self.record(campaign, &claim, &accepted()).await;
        campaign
    }

    async fn hears(&self, receipts: Vec<ReceiptRow>) {
        self.store.ingest(&Ingest { receipts, ..Ingest::default() }).await.unwrap();
        assert!(self.miscounts().await.is_empty());
    }
}

/// Currency, estimated, billed, and how many have no price.
fn costs(report: &CampaignReport) -> (Option<&str>, Option<String>, Option<String>, i64) {
    let text = |cost: Option<Decimal>| cost.map(|cost| cost.to_string());
    (report.currency.as_deref(), text(report.cost_estimated), text(report.cost_billed), report.unpriced)
}

#[tokio::test]
async fn a_campaign_keeps_the_prices_it_was_started_with() {
    let world = World::new("costs_kept", None).await;
    let before = world.sent().await;
    world.priced(&format!("{KENYA_AND_AMERICA}default,1\n"), "KES").await;
    let campaign = world.sent().await;
    world.priced("calling_code,price\ndefault,0.005\n", "USD").await;
    let after = world.sent().await;
    for (campaign, expected) in [
        (before, (None, None, None, 12)),
        (campaign, (Some("KES"), Some("12.300003".to_owned()), None, 0)),
        (after, (Some("USD"), Some("0.06".to_owned()), None, 0)),
    ] {
        assert_eq!(costs(&world.store.report(campaign).await.unwrap()), expected, "{campaign}");
    }
    assert_eq!(world.store.campaign_prices(campaign).await.unwrap().unwrap().currency.code(), "KES");
    // One that had none at its start takes what there is when it goes on.
    world.store.pause_campaign(before, None, &by_operator()).await.unwrap();
    world.store.start_campaign(before, "test").await.unwrap();
    assert_eq!(costs(&world.store.report(before).await.unwrap()).0, Some("USD"));
    world.close().await;
}

#[tokio::test]
async fn where_a_price_is_missing_there_is_no_sum_but_the_number_of_those() {
    let world = World::new("costs_missing", None).await;
    world.priced(KENYA_AND_AMERICA, "KES").await;
    let campaign = world.sent().await;
    assert_eq!(costs(&world.store.report(campaign).await.unwrap()), (Some("KES"), None, None, 6));
    let select = "
        select calling_code, price::text, cost_estimated::text from report.country where campaign_id = $1 order by 1";
    let rows = world.look.query(select, &[&campaign.0]).await.unwrap();
    let rows: Vec<(&str, Option<&str>, Option<&str>)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    assert_eq!(
        rows,
        [
            ("1", Some("2.000001"), Some("6.000003")),
            ("254", Some("0.1"), Some("0.3")),
            ("255", None, None),
            ("49", None, None)
        ]
    );
    world.close().await;
}

#[tokio::test]
async fn what_is_billed_is_what_was_delivered_and_said_to_be_billed_whatever_order_it_comes_in() {
    let world = World::new("costs_billed", None).await;
    world.priced(KENYA_AND_AMERICA, "KES").await;
    let campaign = world.sent().await;
    let said = |seq, status, billable| ReceiptRow { billable, ..world.receipt(campaign, seq, status) };
    let billed = async || {
        let report = world.store.report(campaign).await.unwrap();
        (report.billable, report.not_billable, costs(&report).2)
    };
    world.hears(vec![said(9, ReceiptStatus::Delivered, None)]).await;
    assert_eq!(billed().await, (0, 0, None));
    // Sent is not delivered yet.
    world.hears(vec![said(1, ReceiptStatus::Sent, Some(true))]).await;
    assert_eq!(billed().await, (0, 0, None));
    world.hears(vec![said(5, ReceiptStatus::Sent, Some(false))]).await;
    assert_eq!(billed().await, (0, 1, Some("0".to_owned())));
    world.hears(vec![said(1, ReceiptStatus::Delivered, None)]).await;
    assert_eq!(billed().await, (1, 1, Some("0.1".to_owned())));
    // Late and twice, together with what does not say it.
    for _ in 0..2 {
        let late = vec![said(9, ReceiptStatus::Read, None), said(9, ReceiptStatus::Sent, Some(true))];
        world.hears(late).await;
        world.hears(vec![said(3, ReceiptStatus::Read, Some(true))]).await;
        world.store.fold_counters().await.unwrap();
    }
    assert_eq!(billed().await, (3, 1, Some("2.200001".to_owned())));
    // Of a country without a price.
    world.hears(vec![said(2, ReceiptStatus::Read, Some(true))]).await;
    assert_eq!(billed().await, (4, 1, None));
    world.close().await;
}

#[tokio::test]
async fn a_code_in_a_receipt_has_its_words() {
    let world = World::new("costs_words", None).await;
    let campaign = world.sent().await;
    world.hears(vec![world.receipt(campaign, 2, ReceiptStatus::Failed)]).await;
    let select = "select stage, code, reason, recipients from report.error where campaign_id = $1";
    let row = world.look.query_one(select, &[&campaign.0]).await.unwrap();
    let words: (&str, &str, Option<&str>, i64) = (row.get(0), row.get(1), row.get(2), row.get(3));
    assert_eq!(words, ("receipt", "131026", Some("not on WhatsApp"), 1));
    let select = "select undelivered_reason from report.recipient where campaign_id = $1 and seq = $2";
    for (seq, expected) in [(2, Some("not on WhatsApp")), (3, None)] {
        let row = world.look.query_one(select, &[&campaign.0, &seq]).await.unwrap();
        assert_eq!(row.get::<_, Option<&str>>(0), expected);
    }
    // Words that are better in a later version take the place of the old ones.
    let better = ReceiptRow {
        words: Some("no WhatsApp there".to_owned()),
        ..world.receipt(campaign, 3, ReceiptStatus::Failed)
    };
    world.hears(vec![better]).await;
    assert_eq!(world.store.errors(campaign).await.unwrap()[0].reason.as_deref(), Some("no WhatsApp there"));
    world.close().await;
}
