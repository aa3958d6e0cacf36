//! What a preview shows is what the provider receives.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::api_server::{ApiServer, key};
use crate::world::World;

const SEED: u64 = 20_261_130;
const ROWS: u64 = 200;

/// What clients sent, by connection.
type Sent = Arc<Mutex<Vec<Vec<u8>>>>;

/// Passes connections on to this address and keeps what clients send.
async fn tee(target: SocketAddr) -> (SocketAddr, Sent) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (at, sent) = (listener.local_addr().unwrap(), Sent::default());
    let kept = Arc::clone(&sent);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(target).await.unwrap();
            let kept = Arc::clone(&kept);
            tokio::spawn(async move {
                let connection = {
                    let mut kept = kept.lock().unwrap();
                    kept.push(Vec::new());
                    kept.len() - 1
                };
                let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
                    (client.split(), server.split());
                let back = tokio::io::copy(&mut from_server, &mut to_client);
                let forth = async {
                    let mut block = vec![0; 65_536];
                    while let Ok(n @ 1..) = from_client.read(&mut block).await {
                        kept.lock().unwrap()[connection].extend_from_slice(&block[..n]);
                        if to_server.write_all(&block[..n]).await.is_err() {
                            break;
                        }
                    }
                };
                tokio::select! { _ = back => {}, () = forth => {} }
            });
        }
    });
    (at, sent)
}

/// The JSON bodies of requests on a connection.
fn bodies(mut bytes: &[u8]) -> Vec<Value> {
    let mut bodies = Vec::new();
    while let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        let body = &bytes[end + 4..end + 4 + length.unwrap_or(0)];
        bodies.push(serde_json::from_slice(body).unwrap());
        bytes = &bytes[end + 4 + body.len()..];
    }
    bodies
}

/// A cell of letters of many languages, formatting marks and signs of HTML and CSV.
fn cell(random: &mut fastrand::Rng) -> String {
    let signs = [
        'a', 'Z', 'é', 'ß', 'Ñ', '名', 'ع', '🙂', '*', '_', '~', '`', '<', '&', '"', '\'', ',', ';', '{',
        '}', '\\', ' ', '%',
    ];
    let text: String = (0..random.usize(1..24)).map(|_| signs[random.usize(0..signs.len())]).collect();
    format!("x{}x", text.trim())
}

#[tokio::test]
async fn a_preview_is_the_message_that_the_provider_receives_for_200_random_rows() {
    println!("seed {SEED}");
    let mut world = World::new("console_previews", "none", simulator::Config::default()).await;
    let target =
        world.provider.base_url().trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
    let (at, sent) = tee(target).await;
    world.look.execute("update sender set base_url = $1", &[&format!("http://{at}/")]).await.unwrap();
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut rows = String::from("phone,first_name,city\n");
    for n in 0..ROWS {
        let quoted = |text: String| format!("\"{}\"", text.replace('"', "\"\""));
        let (name, city) = (
            quoted(cell(&mut random)),
            if random.bool() { quoted(cell(&mut random)) } else { String::new() },
        );
        writeln!(rows, "{},{name},{city}", 254_712_000_000 + n).unwrap();
    }
    let campaign = "name = \"p\"\nsender = \"ke-main\"\n[flow]\nheader = \"{{ city | default('Nairobi') }}\"\n\
        body = \"Hello *{{ first_name | upper }}*,\\n{% if city %}from {{ city }}{% else %}welcome{% endif %}: {{ first_name }}\"\n\
        cta = \"Open\"\nflow_id = \"1\"\nscreen = \"W\"\n[policy]\nassume_window = \"open\"\n";
    let id =
        world.ok(&["campaign", "create", &world.file("campaign.toml", campaign)]).await.trim().to_owned();
    world.ok(&["campaign", "import", &id, &world.file("list.csv", rows)]).await;

    let api = ApiServer::start(&mut world, &[]).await;
    let marketer = key(&world, "marketer", &[]).await;
    let mut shown: BTreeMap<u64, (Value, Value)> = BTreeMap::new();
    let path = format!("/api/v1/campaigns/{id}/preview");
    for after in (0..ROWS).step_by(20) {
        let page = api
            .ask("POST", &path)
            .key(&marketer)
            .json(&json!({"after": after, "limit": 20}))
            .send()
            .await
            .json();
        for item in page["items"].as_array().unwrap() {
            assert_eq!(item["problem"], Value::Null, "seed {SEED}: {item}");
            let seq = item["seq"].as_u64().unwrap();
            shown.insert(254_712_000_000 + seq - 1, (item["header"].clone(), item["body"].clone()));
        }
    }
    assert_eq!(shown.len() as u64, ROWS);

    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.finished(&id).await;
    let received: Vec<Value> = sent.lock().unwrap().iter().flat_map(|bytes| bodies(bytes)).collect();
    let mut compared = 0;
    for body in received {
        let message = body.get("messaging_object").unwrap_or(&body);
        let to: u64 = message["to"].as_str().unwrap().trim_start_matches('+').parse().unwrap();
        let interactive = &message["interactive"];
        let texts = (interactive["header"]["text"].clone(), interactive["body"]["text"].clone());
        assert_eq!(texts, shown[&to], "seed {SEED}: {to}");
        compared += 1;
    }
    assert_eq!(compared, ROWS);
    world.close().await;
}
