//! Templates with a picture, named variables and several buttons: from the list of the provider and a CSV file to the receipt.

use serde_json::{Value, json};
use simulator::{Config, Provider, Webhook};

use crate::receiving::{Receiving, all_told};
use crate::world::World;

/// The id of the simulated WhatsApp Business account.
const BUSINESS: &str = "102290129340398";

const OFFER: &str = r#"
name = "Offer"
sender = "ke-main"

[template]
name = "september_offer"
language = "en"

[template.media]
kind = "image"
link = "{{ picture }}"

[template.parameters]
first_name = "{{ first_name }}"
discount = "20%"

[template.button]
index = 0

[template.button.data]
first_name = "{{ first_name }}"

[[template.buttons]]
index = 1
kind = "url"
value = "{{ code }}"

[[template.buttons]]
index = 2
kind = "copy_code"
value = "{{ code }}"
"#;

fn offer(language: &str, status: &str) -> Value {
    json!({
        "name": "september_offer", "language": language, "status": status, "category": "MARKETING", "components": [
            {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["x"]}},
            {"type": "BODY", "text": "Dear {{first_name}}, {{discount}} off for you"},
            {"type": "FOOTER", "text": "Reply STOP to opt out"},
            {"type": "BUTTONS", "buttons": [
                {"type": "FLOW", "text": "Open", "flow_id": "1197715005513101", "flow_action": "NAVIGATE"},
                {"type": "URL", "text": "Shop", "url": "https://shop.example/{{1}}"},
                {"type": "COPY_CODE", "text": "Copy code", "example": "SAVE"},
            ]},
        ],
    })
}

async fn world(name: &str, provider: Provider) -> World {
    let code = json!({"name": "code", "language": "en", "status": "APPROVED", "components": []});
    let templates = vec![offer("en", "APPROVED"), offer("fr", "PAUSED"), code];
    let account = if provider == Provider::Meta { "106540352242922" } else { "ODI371267300" };
    World::new(name, "none", Config { provider, account: account.into(), templates, ..Config::default() })
        .await
}

async fn fetch(world: &World, provider: Provider) -> String {
    let mut command = vec!["template", "fetch", "ke-main"];
    if provider == Provider::Meta {
        command.extend(["--business-account", BUSINESS]);
    }
    world.ok(&command).await
}

async fn goes_through(name: &str, provider: Provider) {
    const RECIPIENTS: u32 = 50;
    let mut world = world(name, provider).await;
    let said = fetch(&world, provider).await;
    assert!(said.contains("2 templates of sender ke-main are stored"), "{said}");
    assert!(said.contains("not stored: code (en): the list does not contain the text"), "{said}");
    let receiving = Receiving::start(&mut world, &[]).await;
    receiving.is_told_by(&world, Webhook { answered: 1.0, ..Webhook::default() });
    let file = world.file("offer.toml", OFFER);
    let id = world.ok(&["campaign", "create", &file]).await.trim().to_owned();
    let rows = (0..RECIPIENTS).map(|n| {
        format!("{},Name{n},https://shop.example/{n}.jpg,CODE{n}\n", 254_712_000_000_u64 + u64::from(n))
    });
    let list: String = std::iter::once("phone,first_name,picture,code\n".to_owned()).chain(rows).collect();
    world.ok(&["campaign", "import", &id, &world.file("list.csv", &list)]).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.finished(&id).await;
    world.each_exactly_once(&id, u64::from(RECIPIENTS)).await;
    // Sent, delivered, read and the answer of each.
    all_told(&world, u64::from(RECIPIENTS) * 4).await;
    let read = "select count(*) from receipt where sent_at <= delivered_at and delivered_at <= read_at";
    world.until(read, i64::from(RECIPIENTS)).await;
    world.until("select count(*) from flow_answer", i64::from(RECIPIENTS)).await;
    let entries = world.ledger().entries(0, usize::MAX);
    assert!(entries.iter().all(|entry| entry.unknown_fields.is_empty() && entry.wrong.is_none()));
    assert!(receiving.server.stop().await.success());
    world.close().await;
}

#[tokio::test]
async fn a_template_with_picture_names_and_buttons_goes_from_a_list_to_the_receipts_at_meta() {
    goes_through("offer_meta", Provider::Meta).await;
}

#[tokio::test]
async fn a_template_with_picture_names_and_buttons_goes_from_a_list_to_the_receipts_at_1msg() {
    goes_through("offer_1msg", Provider::OneMsg).await;
}

#[tokio::test]
async fn a_template_that_differs_from_the_approved_one_is_refused_before_anything_is_sent() {
    let world = world("offer_differs", Provider::Meta).await;
    let (_, said) = world.fails(&["template", "fetch", "ke-main"]).await;
    assert!(said.contains("give it with --business-account"), "{said}");
    fetch(&world, Provider::Meta).await;
    for (from, to, expected) in [
        (
            "kind = \"image\"",
            "kind = \"video\"",
            "media.kind: is \"video\", but the header of the approved template",
        ),
        ("discount = \"20%\"\n", "", "parameters: name other variables than the approved template"),
        (
            "index = 2\nkind = \"copy_code\"",
            "index = 2\nkind = \"quick_reply\"",
            "button 2 of the approved template is of kind",
        ),
        ("index = 0", "index = 4", "[template] button.index: is 4, but the approved template has 3 buttons"),
    ] {
        assert!(OFFER.contains(from));
        let (code, said) =
            world.fails(&["campaign", "create", &world.file("x.toml", OFFER.replacen(from, to, 1))]).await;
        assert!(said.contains(expected) && said.contains("flowcast template fetch"), "{said}");
        assert_eq!(code, 4);
    }
    assert_eq!(world.count("select count(*) from campaign").await, 0);
    for (language, expected) in
        [("fr", "is paused and is not sent"), ("sw", "is known in en, fr, but not in sw")]
    {
        let text = OFFER.replacen("language = \"en\"", &format!("language = \"{language}\""), 1);
        let id = world.ok(&["campaign", "create", &world.file("x.toml", &text)]).await.trim().to_owned();
        let list = "phone,first_name,picture,code\n+254712000001,Anna,https://shop.example/1.jpg,A7\n";
        world.ok(&["campaign", "import", &id, &world.file("list.csv", list)]).await;
        let (_, said) = world.fails(&["campaign", "start", &id]).await;
        assert!(said.contains(expected), "{said}");
    }
    assert_eq!(world.ledger().summary().requests, 0);
    world.close().await;
}
