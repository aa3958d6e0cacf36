//! Pages are read with one connection, in one snapshot, with few statements.

use control::{CampaignFilter, PageRequest};
use secrecy::SecretString;
use store::{Config, Store};

use crate::world::{World, anna, control};

/// Connections of this database, without the one that asks.
const CONNECTIONS: &str =
    "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'pages'";

#[tokio::test]
async fn a_page_reads_one_snapshot_with_one_connection_and_cannot_write() {
    let world = World::new("control_pages").await;
    let id = world.ready(&anna()).await;
    let url = format!("{}?application_name=pages", world.scope.database_url());
    let store = Store::connect(&Config::new(SecretString::from(url))).await.unwrap();
    let control = control(store);
    let reader = control.reader().await.unwrap();
    let before = reader.campaign_page(&anna(), id, None).await.unwrap();
    // A change of another connection is not seen, so the numbers of a page fit together.
    world.look.execute("update campaign set name = 'renamed' where id = $1", &[&id.0]).await.unwrap();
    let page = reader.campaign_page(&anna(), id, None).await.unwrap();
    assert_eq!((page.report.recipients(), page.report.name), (2, before.report.name));
    let all = PageRequest::default();
    reader.campaign_lines(&anna(), CampaignFilter::default(), None, 25).await.unwrap();
    reader.waiting(&anna(), None).await.unwrap();
    reader.senders(&anna(), &all).await.unwrap();
    reader.sender_page(&anna(), "main").await.unwrap();
    assert_eq!(world.count(CONNECTIONS).await, 1, "everything is read with one connection");
    let refused = reader.start_campaign(&anna(), id, None).await.unwrap_err();
    assert!(refused.to_string().contains("own") || refused.to_string().contains("read-only"), "{refused}");
    drop(reader);
    let after = control.reader().await.unwrap().campaign_page(&anna(), id, None).await.unwrap();
    assert_eq!(after.report.name, "renamed");
    drop(control);
    world.close().await;
}

#[tokio::test]
async fn the_recipients_of_a_kind_are_listed_and_those_to_retry_are_counted_exactly() {
    use campaign::RecipientState;
    use control::RecipientKind;
    let world = World::new("control_kinds").await;
    let id = world.draft(&anna()).await;
    let rows: Vec<String> = (0..30).map(|n| format!("07120000{n:02};Name")).collect();
    let rows = rows.join("\n");
    world.import(&anna(), id, &rows).await.unwrap();
    let change = "
        update recipient set state = 'failed', reason_code = case when seq <= 4 then '131026' else '132012' end where seq <= 10;
        update recipient set state = 'accepted' where seq > 20;
        insert into receipt (campaign_id, seq, failed_at, code) select campaign_id, seq, now(), '131049' from recipient where seq in (21, 22);
        insert into receipt (campaign_id, seq, delivered_at) select campaign_id, seq, now() from recipient where seq in (23, 24, 25)";
    world.look.batch_execute(change).await.unwrap();
    let seqs = async |kind: Option<RecipientKind>, code: Option<&str>| {
        let page =
            world.control.recipients(&anna(), id, (kind, code), &PageRequest::default()).await.unwrap();
        page.items.iter().map(|row| row.seq).collect::<Vec<_>>()
    };
    let failed = Some(RecipientKind::In(RecipientState::Failed));
    assert_eq!(seqs(failed, Some("131026")).await, [1, 2, 3, 4]);
    assert_eq!(seqs(failed, None).await.len(), 10);
    assert_eq!(seqs(Some(RecipientKind::Undelivered), None).await, [21, 22]);
    assert_eq!(seqs(Some(RecipientKind::Undelivered), Some("131026")).await, [0; 0]);
    assert_eq!(seqs(Some(RecipientKind::Delivered), None).await, [23, 24, 25]);
    assert_eq!(seqs(Some(RecipientKind::Answered), None).await, [0; 0]);
    assert_eq!(seqs(None, None).await.len(), 30);
    let counts = world.control.resend_counts(&anna(), id).await.unwrap();
    let counts: Vec<(&str, Option<&str>, i64)> =
        counts.iter().map(|count| (count.class.word(), count.code.as_deref(), count.recipients)).collect();
    assert_eq!(
        counts,
        [("failed", Some("132012"), 6), ("failed", Some("131026"), 4), ("undelivered", Some("131049"), 2)]
    );
    let found = world.control.find_number(&anna(), "+254712000003").await.unwrap();
    assert_eq!((found.recipients.len(), found.recipients[0].seq), (1, 4));
    assert!(found.entries.is_empty() && !found.masked.contains("71200"), "{found:?}");
    world.control.suppress_recipient(&anna(), id, campaign::Seq(4)).await.unwrap();
    assert_eq!(world.control.find_number(&anna(), "+254712000003").await.unwrap().entries.len(), 1);
    world.close().await;
}
