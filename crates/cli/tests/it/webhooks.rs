//! Who may post, and that no post suffers from another.

use campaign::CampaignId;
use futures::future::join_all;
use tokio::time::{Duration, Instant, sleep};

use crate::receiving::{Receiving, SECRET, delivered, free_address, of_meta, request, signature};
use crate::world::{PATIENCE, World};

/// The status of a post with the right signature.
async fn signed(receiving: &Receiving, path: &str, body: &[u8]) -> Option<u16> {
    let headers = [("x-hub-signature-256", &*signature(body))];
    request(receiving.at, ("POST", path), &headers, body).await.map(|(status, _)| status)
}

/// How many of so many posts without a signature are answered how.
async fn unsigned(receiving: &Receiving, path: &str, n: usize) -> Vec<(u16, usize)> {
    let mut answers = std::collections::BTreeMap::new();
    for _ in 0..n {
        let (status, _) = request(receiving.at, ("POST", path), &[], b"{}").await.unwrap();
        *answers.entry(status).or_default() += 1;
    }
    answers.into_iter().collect()
}

/// For how many equal lines this line of the log stands.
fn times(line: &str) -> u32 {
    let Some((_, after)) = line.split_once("repeated ") else { return 1 };
    after.split_once(" times").unwrap().0.parse().unwrap()
}

#[tokio::test]
async fn bad_requests_refuse_no_good_post_of_the_same_address() {
    let (world, receiving, key) = of_meta("hook_limit", 3, &[]).await;
    let unknown = format!("/webhook/{}", uuid::Uuid::new_v4());
    let body = delivered(&key, CampaignId(1), 1..2);
    // All posts of Meta come from the same addresses, whosever they are.
    assert_eq!(unsigned(&receiving, &receiving.path, 40).await, [(401, 30), (429, 10)]);
    assert_eq!(unsigned(&receiving, &unknown, 40).await, [(404, 30), (429, 10)]);
    let other = receiving.of_another_sender(&world, "other").await;
    assert_eq!(signed(&receiving, &other, &body).await, Some(200), "another sender");
    assert_eq!(unsigned(&receiving, &other, 1).await, [(401, 1)], "each sender has its own count");
    assert_eq!(receiving.post(&body).await, Some(200), "the sender whose count is full");
    for _ in 0..40 {
        assert_eq!(receiving.post(b"signed, but no JSON").await, Some(400));
    }
    assert_eq!(receiving.post(&body).await, Some(200));
    let token: uuid::Uuid = world
        .look
        .query_one("select verify_token from webhook order by sender_id limit 1", &[])
        .await
        .unwrap()
        .get(0);
    let asked = |token: &str| {
        format!("{}?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}", receiving.path)
    };
    let verify = async |token: &str| request(receiving.at, ("GET", &asked(token)), &[], b"").await.unwrap().0;
    assert_eq!((verify("wrong").await, verify(&token.to_string()).await), (429, 200));
    world.until("select n from webhook_count where kind = 'bad_signature' and sender_id = 1", 40).await;
    // A server that stops logs how often lines were repeated.
    assert!(receiving.server.stop().await.success());
    let logs = world.logs();
    for (line, n) in [("bad_signature", 31), ("unknown webhook was refused", 30), ("not_json", 30)] {
        let logged: u32 = logs.lines().filter(|logged| logged.contains(line)).map(times).sum();
        assert_eq!(logged, n, "{line}: {logs}");
    }
    world.close().await;
}

#[tokio::test]
async fn a_post_with_the_right_password_never_counts_as_a_bad_request() {
    let mut world = World::new("hook_password", "none", simulator::Config::default()).await;
    let settings = [("FLOWCAST_SERVER_BAD_REQUESTS", "3"), ("FLOWCAST_SERVER_MAX_BODY_BYTES", "1000")];
    let receiving = Receiving::start(&mut world, &settings).await;
    let right = [("authorization", "Basic ZmxvdzpzZWNyZXQtNTFjOQ==")];
    for _ in 0..10 {
        assert_eq!(receiving.post_with(&right, &[b' '; 2000]).await, Some(413));
    }
    let wrong = [("authorization", "Basic Zm9vOmJhcg==")];
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(receiving.post_with(&wrong, b"{}").await.unwrap());
    }
    assert_eq!(answers, [403, 403, 403, 429, 429], "{}", world.logs());
    world.close().await;
}

#[tokio::test]
async fn a_proxy_that_the_settings_do_not_name_is_warned_of_once() {
    let settings = [("FLOWCAST_SERVER_TRUSTED_PROXIES", "[\"192.0.2.1/32\"]")];
    let (world, receiving, key) = of_meta("hook_proxy", 3, &settings).await;
    let body = delivered(&key, CampaignId(1), 1..2);
    let signature = signature(&body);
    let through_proxy = [("x-hub-signature-256", &*signature), ("x-forwarded-for", "198.51.100.1:4711")];
    let warned =
        || world.logs().lines().filter(|line| line.contains("requests come through the proxy")).count();
    let unknown = format!("/webhook/{}", uuid::Uuid::new_v4());
    request(receiving.at, ("POST", &unknown), &through_proxy, &body).await.unwrap();
    assert_eq!(
        (receiving.post(&body).await, warned()),
        (Some(200), 0),
        "none that strangers pretend, none that is none"
    );
    for _ in 0..3 {
        assert_eq!(receiving.post_with(&through_proxy, &body).await, Some(200));
    }
    assert_eq!(warned(), 1, "{}", world.logs());
    assert!(world.logs().contains("127.0.0.1 or its network to trusted_proxies"), "{}", world.logs());
    let mut check = world.command(&["check-config"]);
    check.env("FLOWCAST_SERVER_LISTEN", "0.0.0.0:8080");
    let said = String::from_utf8(check.output().await.unwrap().stdout).unwrap();
    assert!(said.contains("warning: [server] listen is reachable") && said.contains("are fine"), "{said}");
    world.close().await;
}

#[tokio::test]
async fn a_server_that_has_not_read_the_senders_yet_answers_503() {
    let (mut world, receiving, key) = of_meta("hook_start", 3, &[]).await;
    let body = delivered(&key, CampaignId(1), 1..2);
    let Receiving { server, path, .. } = receiving;
    assert!(server.stop().await.success());
    world.look.batch_execute("begin; lock table webhook in access exclusive mode").await.unwrap();
    let at = free_address();
    let environment = [("FLOWCAST_SERVER_LISTEN", &*at.to_string()), ("TEST_WEBHOOK_SECRET", SECRET)];
    let receiving = Receiving { server: world.start_with("server", &environment), at, path };
    let deadline = Instant::now() + PATIENCE;
    let mut answers = Vec::new();
    while answers.len() < 40 {
        assert!(Instant::now() < deadline, "{answers:?} {}", world.logs());
        match receiving.post(&body).await {
            Some(status) => answers.push(status),
            None => sleep(Duration::from_millis(20)).await,
        }
    }
    assert_eq!(answers, vec![503; 40]);
    world.look.batch_execute("commit").await.unwrap();
    loop {
        match receiving.post(&body).await {
            Some(503) if Instant::now() < deadline => sleep(Duration::from_millis(20)).await,
            status => break assert_eq!(status, Some(200), "{}", world.logs()),
        }
    }
    world.close().await;
}

#[tokio::test]
async fn a_row_that_the_database_refuses_fails_neither_the_rest_of_its_post_nor_other_posts() {
    let (world, receiving, key) = of_meta("hook_refused_row", 60, &[]).await;
    let old = world.draft(2).await;
    world.ok(&["campaign", "cancel", &old]).await;
    world.ok(&["campaign", "archive", &old]).await;
    let refuse = "
        create function refuse() returns trigger language plpgsql as $$
        begin
            raise exception 'refused' using errcode = '23514', detail = 'row (254712000012)';
        end $$;
        create trigger refuse before insert on receipt for each row when (new.seq = 13) execute function refuse()";
    world.look.batch_execute(refuse).await.unwrap();
    // The first commit waits for this lock, and the others gather behind it.
    world.look.batch_execute("begin; lock table receipt in access exclusive mode").await.unwrap();
    let mut bodies: Vec<Vec<u8>> = (1..=30).map(|seq| delivered(&key, CampaignId(1), seq..seq + 1)).collect();
    bodies.push(delivered(&key, CampaignId(1), 10..61));
    bodies.push(delivered(&key, CampaignId(old.parse().unwrap()), 1..3));
    let posts = join_all(bodies.iter().map(|body| receiving.post(body)));
    let unlock = async {
        let waits = "select count(*) from pg_locks where relation = 'receipt'::regclass and not granted";
        while world.count(waits).await == 0 {
            sleep(Duration::from_millis(20)).await;
        }
        world.look.batch_execute("commit").await.unwrap();
    };
    let (answers, ()) = tokio::join!(posts, unlock);
    assert_eq!(answers, vec![Some(200); 32]);
    assert_eq!(world.count("select count(*) from receipt where delivered_at is not null").await, 59);
    assert_eq!(world.count("select count(*) from webhook_body").await, 32);
    world.until("select n from webhook_count where kind = 'refused_receipt'", 2).await;
    world.until("select n from webhook_count where kind = 'receipt_of_archived_campaign'", 2).await;
    world.close().await;
}
