//! Lists are uploaded and downloaded through the HTTP API.

use std::time::Duration;

use serde_json::{Value, json};
use simulator::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::api_server::{ApiServer, Ask, key};
use crate::world::{CAMPAIGN, PATIENCE, World};

/// A draft of the example campaign, created by the API.
async fn draft(api: &ApiServer, key: &str) -> String {
    let create = api.ask("POST", "/api/v1/campaigns").key(key).once();
    let created = create.header("content-type", "application/toml").body(CAMPAIGN).send().await;
    assert_eq!(created.status, 201, "{created:?}");
    created.json()["campaign_id"].to_string()
}

/// An upload with this `Idempotency-Key`.
fn upload<'a>(api: &ApiServer, key: &str, path: &'a str, once: &str) -> Ask<'a> {
    api.ask("POST", path).key(key).header("idempotency-key", once)
}

/// The job after its end.
async fn ended(api: &ApiServer, key: &str, job: &Value) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let job = api.ask("GET", &format!("/api/v1/jobs/{job}")).key(key).send().await.json();
        if job["state"] != "running" {
            return job;
        }
        assert!(Instant::now() < deadline, "{job}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_list_that_is_uploaded_can_be_downloaded_and_a_wrong_one_is_refused_with_a_sentence() {
    let mut world = World::new("api_lists", "none", Config::default()).await;
    let api = ApiServer::start(&mut world, &[]).await;
    let (marketer, numbers) =
        (key(&world, "marketer", &[]).await, key(&world, "admin", &["--numbers"]).await);
    let id = draft(&api, &marketer).await;
    let path = format!("/api/v1/campaigns/{id}/lists?name=a.csv&default_country=KE");
    let list = "phone,first name\n0712000001,Anna\n0712000002,=1+1\n12,Nobody\n";
    let begun = upload(&api, &marketer, &path, "list").body(list).send().await;
    assert_eq!((begun.status, begun.headers.contains_key("location")), (202, true), "{begun:?}");
    let job = ended(&api, &marketer, &begun.json()["job_id"]).await;
    assert_eq!((&job["state"], &job["result"]["imported"]), (&json!("done"), &json!(2)), "{job}");
    // A repeated upload is not imported again; another list under the same key is refused.
    let again = upload(&api, &marketer, &path, "list").body(list).send().await;
    assert_eq!((again.body == begun.body, again.headers["idempotency-replayed"].as_str()), (true, "true"));
    assert_eq!(
        upload(&api, &marketer, &path, "list").body("phone\n1\n").send().await.problem().0,
        "idempotency-reused"
    );
    let known = upload(&api, &marketer, &path, "other").body(list).send().await;
    let known = ended(&api, &marketer, &known.json()["job_id"]).await;
    assert_eq!((&known["state"], &known["problem"]), (&json!("failed"), &json!("known-list")), "{known}");
    for (body, says) in [("", "empty"), ("PK\u{3}\u{4}no workbook", "")] {
        let refused = upload(&api, &marketer, &path, &format!("bad{}", body.len())).body(body).send().await;
        if refused.status == 202 {
            let job = ended(&api, &marketer, &refused.json()["job_id"]).await;
            assert_eq!(job["problem"], "bad-list", "{job}");
            assert!(job["detail"].as_str().unwrap().contains(says), "{job}");
        } else {
            assert_eq!(refused.problem().0, "bad-list", "{refused:?}");
        }
    }
    let wrong = upload(&api, &marketer, &format!("{path}&force=1"), "force").body(list).send().await;
    assert_eq!((wrong.status, wrong.problem().0.as_str()), (400, "invalid-body"));

    let recipients = format!("/api/v1/campaigns/{id}/recipients?limit=1");
    let page = api.ask("GET", &recipients).key(&marketer).send().await.json();
    assert_eq!((&page["items"][0]["number"], &page["next"]), (&json!("254*******01"), &json!("1")), "{page}");
    let number = format!("/api/v1/campaigns/{id}/recipients/1/number");
    assert_eq!(api.ask("GET", &number).key(&marketer).send().await.status, 403);
    let shown = api.ask("GET", &number).key(&numbers).send().await.json();
    assert_eq!(shown["number"], "+254712000001");
    world.look.batch_execute("update recipient set state = 'failed'").await.unwrap();
    let export = format!("/api/v1/campaigns/{id}/export?who=failed");
    assert_eq!(api.ask("GET", &export).key(&marketer).send().await.status, 403);
    let file = api.ask("GET", &export).key(&numbers).send().await;
    assert_eq!(file.headers["content-disposition"], format!("attachment; filename=\"campaign-{id}.csv\""));
    let text = String::from_utf8(unchunked(&file.body)).unwrap();
    assert_eq!(text, "phone,first name\n254712000001,Anna\n254712000002,'=1+1\n");
    let xlsx = api.ask("GET", &format!("{export}&format=xlsx")).key(&numbers).send().await;
    assert!(unchunked(&xlsx.body).starts_with(b"PK"));
    let missing = api.ask("GET", "/api/v1/campaigns/999/export?who=failed").key(&numbers).send().await;
    assert_eq!(missing.problem().0, "not-found");
    let audited = "select count(*) from audit where action in ('campaign.export', 'number.reveal') and outcome = 'done'";
    assert_eq!(world.count(audited).await, 3);
    assert_eq!(
        api.ask("GET", &format!("/api/v1/campaigns/{id}/countries")).key(&marketer).send().await.json()["items"]
            [0]["recipients"],
        2
    );
    world.close().await;
}

#[tokio::test]
async fn a_list_that_is_too_long_is_refused_before_it_is_read_and_at_the_limit() {
    let mut world = World::new("api_too_long", "none", Config::default()).await;
    let limit = [("FLOWCAST_CONSOLE_MAX_LIST_BYTES", "64000000")];
    let api = ApiServer::start(&mut world, &limit).await;
    let marketer = key(&world, "marketer", &[]).await;
    let id = draft(&api, &marketer).await;
    let head = |length: &str| {
        format!(
            "POST /api/v1/campaigns/{id}/lists HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {marketer}\r\n\
             idempotency-key: {length}\r\n{length}\r\n\r\n"
        )
    };
    // 1 GiB is announced, and nothing is sent.
    let mut stream = TcpStream::connect(api.at).await.unwrap();
    stream.write_all(head("content-length: 1073741824").as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut answer)).await.unwrap().unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("split it"), "{answer}");
    // Chunks without an announced length.
    let mut stream = TcpStream::connect(api.at).await.unwrap();
    stream.write_all(head("transfer-encoding: chunked").as_bytes()).await.unwrap();
    let chunk = [format!("{:x}\r\n", 1 << 16).into_bytes(), vec![b'1'; 1 << 16], b"\r\n".to_vec()].concat();
    // The server stops reading at the limit, long before 1 GiB.
    let before = api.server.peak_kib();
    for _ in 0..1 << 14 {
        if stream.write_all(&chunk).await.is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    drop(tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap());
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413"), "{answer}");
    let grown = api.server.peak_kib().saturating_sub(before);
    assert!(grown < 16 * 1024, "{grown} KiB more for a list that is written to a file");
    assert_eq!(world.count("select count(*) from job").await, 0);
    assert_eq!(world.count("select count(*) from recipient").await, 0);
    world.close().await;
}

#[tokio::test]
async fn names_of_lists_and_campaigns_are_no_paths_and_no_headers() {
    let mut world = World::new("api_names", "none", Config::default()).await;
    let api = ApiServer::start(&mut world, &[]).await;
    let key = key(&world, "admin", &["--numbers"]).await;
    let name = "x\"\r\nSet-Cookie: a=b\r\n\r\n../../etc/cron.d/x";
    let definition = json!({"name": name, "sender": "ke-main", "policy": {"assume_window": "open"},
        "flow": {"body": "Hi", "cta": "Open", "flow_id": "1", "screen": "W"}});
    let created = api.ask("POST", "/api/v1/campaigns").key(&key).once().json(&definition).send().await;
    assert_eq!(created.status, 201, "{created:?}");
    let id = created.json()["campaign_id"].to_string();
    let names = [
        ("..%2F..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("..%5C..%5Cwindows%5Cwin.ini", "win.ini"),
        ("%2Fetc%2Fshadow", "shadow"),
        ("a%0D%0ASet-Cookie:%20a=b.csv", "aSet-Cookie: a=b.csv"),
        ("..", "upload"),
        ("%22%3B%20filename%3D%22x.exe", "\"; filename=\"x.exe"),
        ("%1B%5B2J.csv", "[2J.csv"),
        ("", "upload"),
    ];
    for (n, (written, _)) in names.iter().enumerate() {
        let path = format!("/api/v1/campaigns/{id}/lists?name={written}");
        let begun =
            upload(&api, &key, &path, &n.to_string()).body(format!("phone\n25471200000{n}\n")).send().await;
        let job = ended(&api, &key, &begun.json()["job_id"]).await;
        assert_eq!(job["state"], "done", "{written} {job}");
        assert!(!begun.headers.contains_key("set-cookie"), "{begun:?}");
    }
    let lists = api.ask("GET", &format!("/api/v1/campaigns/{id}/lists")).key(&key).send().await.json();
    let found: Vec<&str> =
        lists["items"].as_array().unwrap().iter().map(|list| list["source"].as_str().unwrap()).collect();
    assert_eq!(found, names.map(|(_, stored)| stored));
    let nul = format!("/api/v1/campaigns/{id}/lists?name=a%00b");
    assert_eq!(upload(&api, &key, &nul, "nul").body("phone\n1\n").send().await.problem().0, "invalid-body");
    for format in ["csv", "xlsx"] {
        let path = format!("/api/v1/campaigns/{id}/export?who=failed&format={format}");
        let file = api.ask("GET", &path).key(&key).send().await;
        assert_eq!(
            file.headers["content-disposition"],
            format!("attachment; filename=\"campaign-{id}.{format}\"")
        );
        assert!(
            !file.headers.contains_key("set-cookie") && file.headers["x-content-type-options"] == "nosniff"
        );
    }
    world.close().await;
}

/// The content of a chunked body (RFC 9112, 7.1).
fn unchunked(body: &[u8]) -> Vec<u8> {
    let (mut rest, mut content) = (body, Vec::new());
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            return content;
        }
        content.extend_from_slice(&rest[end + 2..end + 2 + length]);
        rest = &rest[end + 2 + length + 2..];
    }
}
