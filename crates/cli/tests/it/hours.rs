//! Sending hours and beginnings, by the clock of the campaign and of the recipient.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use simulator::{Config, Latency};

use crate::world::{CAMPAIGN, PATIENCE, World};

/// `23:05-01:05`: from so long before to so long after this moment by the clocks of a zone.
fn around_now(zone: &str, before: i64, after: i64) -> String {
    let zone = TimeZone::get(zone).unwrap();
    let at = |hours| {
        let moment = Timestamp::now() + SignedDuration::from_hours(hours);
        moment.to_zoned(zone.clone()).strftime("%H:%M").to_string()
    };
    format!("{}-{}", at(-before), at(after))
}

fn quick() -> Config {
    Config { latency: Latency::fixed(Duration::from_millis(20)), ..Config::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_leaves_outside_the_hours_and_everybody_is_sent_to_in_the_next_ones() {
    let mut world = World::new("hours", "40/s,burst=10", quick()).await;
    let later = around_now("Africa/Nairobi", -6, 7);
    let schedule = format!("[schedule]\nhours = [\"mon-sun {later}\"]\nzone = \"Africa/Nairobi\"\n");
    let id = world.draft_of(&format!("{CAMPAIGN}\n{schedule}"), 300).await;
    let _processes = [world.start("producer"), world.start("consumer"), world.start("consumer")];
    let said = world.ok(&["campaign", "start", &id]).await;
    assert!(said.contains("it sends from "), "{said}");
    world.until("select count(*) from report.waiting where reason = 'hours' and recipients = 300", 1).await;
    assert_eq!(world.ledger().summary().requests, 0);

    // The hours come early on this day, and last some seconds.
    let come = "update campaign set opens_at = clock_timestamp(), closes_at = clock_timestamp() + interval '4 seconds'
        returning (extract(epoch from closes_at) * 1000000)::bigint";
    let closed_us = world.count(come).await;
    world.until("select count(*) from report.waiting where reason = 'hours' and until > now() + interval '5 hours'", 1).await;
    world.until("select count(*) from recipient where state = 'sending'", 0).await;
    let last_us = "select (extract(epoch from max(sent_at)) * 1000000)::bigint from attempt";
    assert!(world.count(last_us).await <= closed_us);
    let sent = world.count("select count(*) from recipient where state = 'accepted'").await;
    assert!(sent > 0 && sent < 300, "{sent}");

    world.count("update campaign set opens_at = clock_timestamp(), epoch = epoch + 1 returning id").await;
    world.finished(&id).await;
    world.each_exactly_once(&id, 300).await;
    world.close().await;
}

#[tokio::test]
async fn on_the_recipients_clock_those_in_their_night_wait_for_their_morning() {
    let mut world = World::new("night", "none", quick()).await;
    // Open in India, two and a half hours before it is in Kenya.
    let hours = around_now("Asia/Kolkata", 1, 2);
    let schedule = format!(
        "[schedule]\nhours = [\"mon-sun {hours}\"]\nzone = \"Asia/Kolkata\"\nclock = \"recipient\"\n"
    );
    let file = world.file("campaign.toml", format!("{CAMPAIGN}\n{schedule}"));
    let id = world.ok(&["campaign", "create", &file]).await.trim().to_owned();
    let list = world.file("list.csv", "phone,first_name\n254712000001,Name1\n919812345678,Name1\n");
    world.ok(&["campaign", "import", &id, &list]).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.until("select count(*) from recipient where state = 'accepted' and msisdn = 919812345678", 1).await;
    let waits = "select count(*) from recipient join due using (campaign_id, seq)
        where state = 'retry' and reason_code = 'recipient_hours' and attempts = 0
            and due_at between now() + interval '80 minutes' and now() + interval '95 minutes'";
    world.until(waits, 1).await;
    assert!(world.ledger().wait_until(PATIENCE, |ledger| ledger.in_flight == 0).await);
    assert_eq!(world.ledger().summary().requests, 1);
    let permits = world.count("select day_used::bigint from sender_gate").await;
    assert_eq!(permits, 1, "the recipient in their night used a permit");
    world.close().await;
}

#[tokio::test]
async fn whoever_had_enough_waits_for_a_day_unless_they_write_first() {
    let mut world = World::new("enough", "none", quick()).await;
    let id = world.draft(3).await;
    let quiet = "insert into conversation (sender_id, msisdn, quiet_until)
        select 1, msisdn, now() + interval '24 hours' from recipient where seq <= 2";
    world.look.execute(quiet, &[]).await.unwrap();
    let wrote = "update conversation set last_inbound_at = now() where msisdn = (select msisdn from recipient where seq = 2)";
    world.look.execute(wrote, &[]).await.unwrap();
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.until("select count(*) from recipient where state = 'accepted' and seq in (2, 3)", 2).await;
    let waits = "select count(*) from recipient join due using (campaign_id, seq)
        where seq = 1 and state = 'retry' and reason_code = 'had_enough' and attempts = 0
            and due_at between now() + interval '23 hours' and now() + interval '24 hours'";
    world.until(waits, 1).await;
    assert_eq!(world.ledger().summary().requests, 2);
    world.look.execute("update conversation set quiet_until = now()", &[]).await.unwrap();
    world.look.execute("update due set due_at = now(), publish_at = now()", &[]).await.unwrap();
    world.finished(&id).await;
    world.each_exactly_once(&id, 3).await;
    world.close().await;
}

#[tokio::test]
async fn a_schedule_that_makes_no_sense_is_refused_with_its_line() {
    let world = World::new("hours_wrong", "none", quick()).await;
    for (schedule, says) in [
        ("zone = \"Nairobi\"\nhours = [\"mon 09:00-10:00\"]", "'Nairobi' is not a time zone"),
        ("zone = \"Africa/Nairobi\"\nhours = [\"weekdays\"]", "'weekdays' are not sending hours"),
        ("hours = [\"mon 09:00-10:00\"]", "schedule.zone: and schedule.hours belong together"),
        ("start_at = \"2026-12-01T09:00:00\"", "start_at"),
    ] {
        let file = world.file("campaign.toml", format!("{CAMPAIGN}\n[schedule]\n{schedule}\n"));
        let (code, said) = world.fails(&["campaign", "create", &file]).await;
        assert!(said.contains(says), "{said}");
        assert_eq!(code, 4, "{said}");
    }
    world.close().await;
}
