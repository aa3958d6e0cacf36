//! What comes back: the whole way from the provider's post to the tables, in disorder, under kills and under load.

use std::sync::atomic::{AtomicU32, Ordering};

use campaign::{CampaignId, Seq};
use futures::future::join_all;
use serde_json::json;
use simulator::{Config, Effect, Fault, Latency, Scope, Webhook};
use tokio::time::Duration;

use crate::audit::Audit;
use crate::receiving::{FLOW, Receiving, all_told, delivered, of_meta, request, signature};
use crate::world::{PATIENCE, World};

const HTTP: &str = "[http]\ntimeout = \"2s\"\nconnect_timeout = \"1s\"\n";

/// Everything that can be wrong with the order of things.
fn disorder() -> Webhook {
    Webhook {
        after: Latency { fixed: Duration::from_millis(5), jitter: Duration::from_millis(30) },
        early: 0.5,
        doubled: 0.4,
        late: 0.4,
        answered: 1.0,
        ..Webhook::default()
    }
}

async fn in_disorder(name: &str, provider: simulator::Provider) {
    let latency = Latency::fixed(Duration::from_millis(20));
    let mut world = World::new(name, "none", Config { provider, latency, ..Config::default() }).await;
    let receiving = Receiving::start(&mut world, &[]).await;
    receiving.is_told_by(&world, disorder());
    let id = world.draft_of(FLOW, 100).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.finished(&id).await;
    all_told(&world, 400).await;
    for (what, select) in [
        ("read", "select count(*) from receipt where sent_at <= delivered_at and delivered_at <= read_at"),
        (
            "answers",
            "select count(*) from flow_answer where (answer ->> 'rating')::int between 1 and 5 and asked_at is not null",
        ),
        ("clean answers", "select count(*) from flow_answer where not answer ?| '{flow_token,flowcast_ref}'"),
        ("windows", "select count(*) from conversation where last_inbound_at > now() - interval '1 hour'"),
        ("accepted", "select count(*) from recipient where state = 'accepted'"),
    ] {
        world.until(select, 100).await;
        assert_eq!(world.count(select).await, 100, "{what}");
    }
    world.until("select count(*) from receipt_to_resolve", 0).await;
    world.until("select count(*) from unmatched_status", 0).await;
    Audit::of(&world).await.holds(0);
    assert!(receiving.server.stop().await.success());
    world.close().await;
}

#[tokio::test]
async fn receipts_of_kaleyra_in_disorder_leave_tidy_tables() {
    in_disorder("back_kaleyra", simulator::Provider::Kaleyra).await;
}

#[tokio::test]
async fn receipts_of_lipachat_in_disorder_leave_tidy_tables() {
    in_disorder("back_lipachat", simulator::Provider::LipaChat).await;
}

#[tokio::test]
async fn receipts_of_1msg_in_disorder_leave_tidy_tables() {
    in_disorder("back_1msg", simulator::Provider::OneMsg).await;
}

#[tokio::test]
async fn receipts_of_meta_in_disorder_leave_tidy_tables() {
    in_disorder("back_meta", simulator::Provider::Meta).await;
}

#[tokio::test]
async fn whoever_was_taken_without_an_answer_is_settled_by_receipts_and_the_silent_ones_by_the_rule() {
    let fault = Fault { effect: Effect::Hang {}, scope: Scope::next(20) };
    let mut world =
        World::new("back_unknown", "none", Config { faults: vec![fault], ..Config::default() }).await;
    world.file("flowcast.toml", HTTP);
    let receiving = Receiving::start(&mut world, &[]).await;
    receiving.is_told_by(&world, Webhook { lost: 0.6, ..Webhook::default() });
    let id = world.draft_of(&format!("{FLOW}unknown = \"resend\"\nunknown_after = \"5s\"\n"), 50).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.until("select count(*) from recipient where state = 'accepted'", 50).await;
    world.finished(&id).await;
    let settled = async |by: &str| {
        world.count(&format!("select count(*) from report.resolution where resolved_by = '{by}'")).await
    };
    let (by_receipt, by_rule) = (settled("receipt").await, settled("rule").await);
    assert_eq!(by_receipt + by_rule, 20);
    assert!(by_receipt > 5 && by_rule > 0, "{by_receipt} {by_rule}");
    let told_of_first = "select count(*) from report.resolution s join receipt r using (campaign_id, seq)
        where s.resolved_by = 'rule' and r.sent_at < s.resolved_at - interval '3 seconds'";
    assert_eq!(world.count(told_of_first).await, 0, "nobody of whom a receipt came is sent to again");
    let requests = i64::try_from(world.ledger().summary().requests).unwrap();
    assert_eq!(requests, 50 + by_rule);
    world.close().await;
}

async fn stored(world: &World) -> std::collections::BTreeSet<i32> {
    let rows = world.look.query("select seq from receipt where delivered_at is not null", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn whatever_got_a_200_is_in_the_database_when_the_server_is_killed() {
    let (mut world, mut receiving, key) = of_meta("back_killed", 3000, &[]).await;
    let mut taken = Vec::new();
    for round in 0..3 {
        let first = 1 + round * 1000;
        let n_answered = AtomicU32::new(0);
        let posts = (first..first + 1000).map(|seq| {
            let (body, receiving, n_answered) =
                (delivered(&key, CampaignId(1), seq..seq + 1), &receiving, &n_answered);
            async move {
                let status = receiving.post(&body).await;
                n_answered.fetch_add(1, Ordering::Relaxed);
                (seq, status)
            }
        });
        let server = receiving.server.id();
        let kill = async {
            while n_answered.load(Ordering::Relaxed) < 200 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            nix::sys::signal::kill(server, nix::sys::signal::Signal::SIGKILL).unwrap();
        };
        let (answers, ()) = tokio::join!(join_all(posts), kill);
        taken.extend(answers.iter().filter(|(_, status)| *status == Some(200)).map(|(seq, _)| *seq));
        receiving = receiving.kill_and_start(&mut world).await;
    }
    let stored = stored(&world).await;
    let lost: Vec<_> = taken.iter().filter(|seq| !stored.contains(seq)).collect();
    assert!((600..3000).contains(&taken.len()), "{} of 3000 were answered before the kills", taken.len());
    assert_eq!(lost, Vec::<&i32>::new());
    world.close().await;
}

#[tokio::test]
async fn at_overload_the_answer_is_503_and_nothing_accepted_is_lost() {
    // All requests come from one address at once; on a busy machine more than 256 of them are not authenticated yet.
    let settings = [
        ("FLOWCAST_SERVER_QUEUE", "4"),
        ("FLOWCAST_SERVER_COMMITTERS", "1"),
        ("FLOWCAST_SERVER_CONNECTIONS_PER_ADDRESS", "1000"),
    ];
    let (world, receiving, key) = of_meta("back_overload", 600, &settings).await;
    // The commit waits for this lock, so that the queue is full.
    world.look.batch_execute("begin; lock table receipt in access exclusive mode").await.unwrap();
    let posts = (1..=600).map(|seq| {
        let body = delivered(&key, CampaignId(1), seq..seq + 1);
        let receiving = &receiving;
        async move { (seq, receiving.post(&body).await) }
    });
    let refused = async {
        let enough = "select n >= 300 from webhook_count where kind = 'overload'";
        let are_enough = async {
            while !world.look.query_opt(enough, &[]).await.unwrap().is_some_and(|row| row.get(0)) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, are_enough).await.expect("fewer than 300 were refused");
        world.look.batch_execute("commit").await.unwrap();
    };
    let (answers, ()) = tokio::join!(join_all(posts), refused);
    let with =
        |wanted: u16| answers.iter().filter(move |(_, status)| *status == Some(wanted)).map(|(seq, _)| *seq);
    assert!(
        with(503).count() >= 300 && with(200).count() >= 1,
        "{} {}",
        with(503).count(),
        with(200).count()
    );
    assert_eq!(with(503).count() + with(200).count(), 600);
    let stored = stored(&world).await;
    assert!(with(200).all(|seq| stored.contains(&seq)));
    assert_eq!(
        receiving.post(&delivered(&key, CampaignId(1), 1..601)).await,
        Some(200),
        "posted again, all at once"
    );
    assert_eq!(world.count("select count(delivered_at) from receipt").await, 600);
    world.close().await;
}

#[tokio::test]
async fn bad_input_is_refused_with_a_line_without_personal_data_and_only_counted() {
    let (world, receiving, key) = of_meta("back_bad", 3, &[("FLOWCAST_SERVER_BAD_REQUESTS", "12")]).await;
    let good = delivered(&key, CampaignId(1), 1..2);
    let secret_words =
        r#"{"entry":[{"changes":[{"value":{"messages":{"from":"254712345678","text":"planted-9d1f"}}}]}]}"#;
    let deep = "[".repeat(5000);
    let long = vec![b' '; 10 * 1024 * 1024];
    for (name, body, status) in [
        ("array", &b"[{}]"[..], 400),
        ("no JSON", b"planted-9d1f 254712345678", 400),
        ("invalid UTF-8", b"{\"a\":\"\xff\xfe planted-9d1f\"}", 400),
        ("deep", deep.as_bytes(), 400),
        ("wrong kind", secret_words.as_bytes(), 400),
        ("10 MB", &long, 413),
    ] {
        assert_eq!(receiving.post(body).await, Some(status), "{name}");
    }
    for wrong in
        [&[][..], &[("x-hub-signature-256", "sha256=00")], &[("x-hub-signature-256", &signature(b"another"))]]
    {
        assert_eq!(receiving.post_with(wrong, &good).await, Some(401));
    }
    let unknown = format!("/webhook/{}", uuid::Uuid::new_v4());
    assert_eq!(request(receiving.at, ("POST", &unknown), &[], &good).await.unwrap().0, 404);
    assert_eq!(request(receiving.at, ("GET", &receiving.path), &[], b"").await.unwrap().0, 403);
    assert_eq!(world.count("select count(*) from webhook_body").await, 0);
    assert_eq!(world.count("select count(*) from receipt").await, 0);
    world.until("select coalesce(sum(n), 0)::bigint from webhook_count", 10).await;
    // A replay is what a provider does that saw no answer: taken, and stored once.
    assert_eq!(receiving.post(&good).await, Some(200));
    assert_eq!(receiving.post(&good).await, Some(200));
    assert_eq!(world.count("select count(*) from receipt").await, 1);
    assert_eq!(world.count("select sum(times)::bigint from webhook_body").await, 2);
    assert_eq!(receiving.post(b"7").await, Some(400));
    let logs = world.logs();
    for kind in ["wrong_shape", "not_json", "too_large", "bad_signature", "bad_token"] {
        assert!(logs.contains(&format!("to sender ke-main was refused: {kind}")), "{kind}: {logs}");
    }
    assert!(logs.contains("a request to an unknown webhook was refused"), "{logs}");
    let path = receiving.path.trim_start_matches("/webhook/");
    for private in ["planted-9d1f", "254712345678", path, "wamid"] {
        assert!(!logs.contains(private), "{private} is in a log: {logs}");
    }
    world.close().await;
}

#[tokio::test]
async fn meta_verifies_the_address_by_its_token_and_gets_the_bare_challenge() {
    let (world, receiving, _) = of_meta("back_verify", 1, &[]).await;
    let token: uuid::Uuid =
        world.look.query_one("select verify_token from webhook", &[]).await.unwrap().get(0);
    let asked = async |mode: &str, token: &str, challenge: &str| {
        let path =
            format!("{}?hub.mode={mode}&hub.challenge={challenge}&hub.verify_token={token}", receiving.path);
        request(receiving.at, ("GET", &path), &[], b"").await.unwrap()
    };
    assert_eq!(asked("subscribe", &token.to_string(), "1158201444").await, (200, "1158201444".into()));
    assert_eq!(asked("subscribe", "wrong", "1158201444").await.0, 403);
    assert_eq!(asked("other", &token.to_string(), "1158201444").await.0, 403);
    assert_eq!(asked("subscribe", &token.to_string(), "%3Cscript%3E").await.0, 403);
    world.close().await;
}

#[tokio::test]
async fn password_and_source_are_asked_of_providers_that_sign_nothing() {
    let mut world = World::new("back_basic", "none", Config::default()).await;
    let receiving = Receiving::start(&mut world, &[]).await;
    let right = ("authorization", "Basic ZmxvdzpzZWNyZXQtNTFjOQ==");
    let body = br#"{"code":"WAV2101","status":"not sent","message_id":"x","extra_info":{}}"#;
    assert_eq!(receiving.post_with(&[right], body).await, Some(200));
    assert_eq!(receiving.post_with(&[], body).await, Some(403));
    assert_eq!(receiving.post_with(&[("authorization", "Basic Zm9vOmJhcg==")], body).await, Some(403));
    world.ok(&["sender", "set", "ke-main", "--webhook-sources", "203.0.113.0/24"]).await;
    world.until("select count(*) from webhook where sources is not null", 1).await;
    let from = |address| [right, ("x-forwarded-for", address)];
    let deadline = tokio::time::Instant::now() + crate::world::PATIENCE;
    while receiving.post_with(&from("198.51.100.7"), body).await != Some(403) {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(receiving.post_with(&from("203.0.113.9"), body).await, Some(200));
    let (code, said) = world.fails(&["sender", "set", "ke-main", "--webhook-sources", "nowhere"]).await;
    assert_eq!(code, 4);
    assert!(said.contains("a source is no address and no network"), "{said}");
    let old = receiving.path.clone();
    world.ok(&["sender", "set", "ke-main", "--new-webhook-path"]).await;
    assert!(!world.ok(&["sender", "webhook", "ke-main"]).await.contains(old.trim_start_matches("/webhook/")));
    world.close().await;
}

#[tokio::test]
async fn what_holds_for_everybody_closes_its_gate_unless_it_is_old() {
    // One committer does what follows from a post before it takes the next one in.
    let (world, receiving, key) = of_meta("back_stops", 2, &[("FLOWCAST_SERVER_COMMITTERS", "1")]).await;
    world.ok(&["campaign", "start", "1"]).await;
    // Providers write whole seconds, those that have passed.
    let now = world.count("select floor(extract(epoch from now()))::bigint").await;
    let unpaid = |at: i64| {
        let reference = key.seal(CampaignId(1), Seq(1)).to_string();
        let status = json!({"id": "wamid.1", "status": "failed", "timestamp": at.to_string(),
            "biz_opaque_callback_data": reference, "errors": [{"code": 131_042}]});
        json!({"entry": [{"changes": [{"field": "messages", "value": {"statuses": [status]}}]}]}).to_string()
    };
    let flow = json!({"entry": [{"changes": [{"field": "flows",
        "value": {"event": "FLOW_STATUS_CHANGE", "flow_id": "1", "new_status": "BLOCKED"}}]}]});
    let held =
        |reason: &str| format!("select count(*) from hold where reason = '{reason}' and ended_at is null");
    assert_eq!(receiving.post(unpaid(now - 3600).as_bytes()).await, Some(200));
    assert_eq!(receiving.post(flow.to_string().as_bytes()).await, Some(200));
    world.until(&held("flow_fault"), 1).await;
    assert_eq!(world.count(&held("payment")).await, 0, "an hour old");
    assert_eq!(world.count("select count(*) from campaign where state = 'paused'").await, 1);
    assert_eq!(receiving.post(unpaid(now).as_bytes()).await, Some(200));
    world.until(&held("payment"), 1).await;
    world.ok(&["sender", "resume", "ke-main"]).await;
    assert_eq!(receiving.post(unpaid(now).as_bytes()).await, Some(200));
    world.ok(&["campaign", "resume", "1"]).await;
    assert_eq!(receiving.post(flow.to_string().as_bytes()).await, Some(200));
    assert_eq!(receiving.post(flow.to_string().as_bytes()).await, Some(200));
    assert_eq!(world.count(&held("payment")).await, 0, "from before the opening");
    assert_eq!(world.count(&held("flow_fault")).await, 0, "no news");
    assert_eq!(world.count("select count(*) from provider_notice").await, 1);
    world.close().await;
}
