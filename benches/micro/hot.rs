//! Microbenchmarks of the functions that run once per recipient: `cargo bench -p benches --bench hot`.
#![expect(clippy::unwrap_used, reason = "a benchmark whose setup fails must end")]

use std::hint::black_box;
use std::time::Duration;

use campaign::{CampaignId, Definition, Lease, Msisdn, Provider, Rate, ReferenceKey, Seq, Variables, Window};
use criterion::{Criterion, criterion_group, criterion_main};
use secrecy::SecretString;
use whatsapp::{Account, Channel, Client, Config, HttpAnswer, Outgoing, classify_answer};

const CAMPAIGN: &str = include_str!("../../examples/campaign.toml");
const ACCEPTED: &[u8] = br#"{"id":"2b3d1b8e-5ff8-4ac1-8a30-3b8c0fd0d1a5","type":"flow","data":[{"message_id":"2b3d1b8e:1","recipient":"254712345678"}],"error":{}}"#;
/// Slots of one lease.
const SLOTS: u32 = 100;

fn hot(c: &mut Criterion) {
    let message = Definition::parse(CAMPAIGN).unwrap().compile().unwrap();
    let variables: Variables = [("first_name".to_owned(), "Amina".to_owned())].into_iter().collect();
    c.bench_function("render a message", |b| {
        b.iter(|| message.render(black_box(&variables), Window::Open).unwrap());
    });

    let references = ReferenceKey::new([7; 16]);
    c.bench_function("seal a reference", |b| b.iter(|| references.seal(CampaignId(7), black_box(Seq(42)))));

    let account = Account {
        provider: Provider::Kaleyra,
        base_url: "https://api.in.kaleyra.io".parse().unwrap(),
        account: Some("HXSIMULATOR00IN".into()),
        number: "919900000000".into(),
        api_key: SecretString::from("key"),
        plus_in_path: false,
        api_version: None,
    };
    let channel = Channel::new(Client::new(&Config::default()).unwrap(), &account).unwrap();
    let rendered = message.render(&variables, Window::Open).unwrap();
    let to = Msisdn::from_digits(254_712_345_678).unwrap();
    let reference = references.seal(CampaignId(7), Seq(42));
    let outgoing = Outgoing { to, message: &rendered, reference, campaign: CampaignId(7), attempt: 1 };
    c.bench_function("encode a request", |b| b.iter(|| channel.body(black_box(&outgoing)).unwrap()));

    c.bench_function("classify an answer", |b| {
        b.iter(|| {
            let heard = HttpAnswer { status: 202, retry_after: None, body: black_box(ACCEPTED) };
            classify_answer(Provider::Kaleyra, &heard)
        });
    });

    let kenya = "KE".parse().ok();
    c.bench_function("read a number with its country code", |b| {
        b.iter(|| Msisdn::parse(black_box("+254712345678"), None).unwrap());
    });
    c.bench_function("read a national number", |b| {
        b.iter(|| Msisdn::parse(black_box("0712 345 678"), kenya).unwrap());
    });

    let rate: Rate = "1000/s".parse().unwrap();
    c.bench_function("take 100 slots of a lease (GCRA)", |b| {
        b.iter(|| {
            let mut lease = Lease::new(Duration::ZERO, Some(rate), SLOTS);
            while let Some(slot) = lease.take_slot(black_box(Duration::ZERO)) {
                black_box(slot);
            }
        });
    });
}

criterion_group!(benches, hot);
criterion_main!(benches);
