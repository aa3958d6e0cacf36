//! Templates with media headers, named variables and several buttons, and the list of approved templates.

use campaign::{
    ButtonKind, ButtonValue, FlowButton, HeaderMedia, MediaKind, MediaSource, Message, Provider,
    TemplateHeader, TemplateMessage, TemplateParameter,
};
use serde_json::{Value, json};
use simulator::{Config, Running, Simulator};
use whatsapp::{Channel, Client, TemplateListError};

use crate::verdicts::line;
use crate::{account_of, patient, reference, send_message, shown, template};

fn media(kind: MediaKind, source: MediaSource, filename: Option<&str>) -> TemplateHeader {
    TemplateHeader::Media(HeaderMedia { kind, source, filename: filename.map(str::to_owned) })
}

fn link(name: &str) -> MediaSource {
    MediaSource::Link(format!("https://shop.example/{name}"))
}

/// A template with an image, named variables, and a flow, a web address, a reply and a coupon code.
fn whole() -> TemplateMessage {
    let named = |name: &str, text: &str| TemplateParameter { name: Some(name.into()), text: text.into() };
    let button = |index, kind, value: &str| ButtonValue { index, kind, value: value.into() };
    TemplateMessage {
        header: Some(media(MediaKind::Image, link("a.jpg"), None)),
        body: vec![named("discount", "20%"), named("first_name", "Anna")],
        button: Some(FlowButton { index: 0, data: None }),
        buttons: vec![
            button(1, ButtonKind::Url, "A7"),
            button(2, ButtonKind::CopyCode, "SAVE20"),
            button(3, ButtonKind::QuickReply, "later"),
        ],
        ..template()
    }
}

/// The components of [`whole`] in Meta's form.
fn components() -> Value {
    json!([
        {"type": "header", "parameters": [{"type": "image", "image": {"link": "https://shop.example/a.jpg"}}]},
        {"type": "body", "parameters": [
            {"type": "text", "parameter_name": "discount", "text": "20%"},
            {"type": "text", "parameter_name": "first_name", "text": "Anna"}
        ]},
        {"type": "button", "sub_type": "flow", "index": "0", "parameters": [
            {"type": "action", "action": {"flow_token": reference(1).to_string()}}
        ]},
        {"type": "button", "sub_type": "url", "index": "1", "parameters": [{"type": "text", "text": "A7"}]},
        {"type": "button", "sub_type": "copy_code", "index": "2", "parameters": [
            {"type": "coupon_code", "coupon_code": "SAVE20"}
        ]},
        {"type": "button", "sub_type": "quick_reply", "index": "3", "parameters": [
            {"type": "payload", "payload": "later"}
        ]}
    ])
}

#[test]
fn a_whole_template_has_the_components_of_the_document_at_three_providers() {
    let message = Message::Template(whole());
    for (provider, pointer) in [
        (Provider::Meta, "/template/components"),
        (Provider::Kaleyra, "/messaging_object/template/components"),
        (Provider::OneMsg, "/params"),
    ] {
        let (_, body) = shown(provider, &message);
        assert_eq!(body.pointer(pointer), Some(&components()), "{provider}");
    }
}

#[test]
fn media_are_given_by_address_or_id_and_documents_have_a_file_name() {
    for (kind, source, filename, parameter) in [
        (
            MediaKind::Video,
            MediaSource::Id("17".into()),
            None,
            json!({"type": "video", "video": {"id": "17"}}),
        ),
        (
            MediaKind::Document,
            link("a.pdf"),
            Some("Offer.pdf"),
            json!({"type": "document", "document": {"link": "https://shop.example/a.pdf", "filename": "Offer.pdf"}}),
        ),
    ] {
        let message = TemplateMessage { header: Some(media(kind, source, filename)), ..template() };
        let (_, body) = shown(Provider::Meta, &Message::Template(message));
        assert_eq!(body["template"]["components"][0], json!({"type": "header", "parameters": [parameter]}));
    }
    let plain = TemplateMessage {
        button: None,
        header: Some(media(MediaKind::Image, link("a.jpg"), None)),
        ..template()
    };
    let (_, body) = shown(Provider::LipaChat, &Message::Template(plain));
    assert_eq!(
        body["template"]["components"],
        json!({"header": {"type": "IMAGE", "mediaUrl": "https://shop.example/a.jpg"}, "body": {"placeholders": ["Anna", "Tuesday"]}})
    );
}

fn approved(language: &str) -> Value {
    json!({
        "name": "course_signup", "language": language, "status": "APPROVED", "category": "MARKETING", "components": [
            {"type": "HEADER", "format": "IMAGE"},
            {"type": "BODY", "text": "Dear {{first_name}}, {{discount}} off"},
            {"type": "BUTTONS", "buttons": [
                {"type": "FLOW", "text": "Open", "flow_id": "12"},
                {"type": "URL", "text": "Shop", "url": "https://shop.example/{{1}}"},
                {"type": "COPY_CODE", "text": "Copy"},
                {"type": "QUICK_REPLY", "text": "Later"},
            ]},
        ],
    })
}

async fn open(provider: Provider, templates: Vec<Value>) -> (Running, Channel) {
    let known = account_of(provider, "http://127.0.0.1");
    let config = Config {
        provider: provider.word().parse().unwrap(),
        account: known.account.unwrap_or_default(),
        number: simulator::Msisdn::parse(&known.number).unwrap(),
        api_key: known.api_key,
        templates,
        ..Config::default()
    };
    let running = Simulator::start(config).await.unwrap();
    let account = account_of(provider, &running.base_url());
    let channel = Channel::new(Client::new(&patient()).unwrap(), &account).unwrap();
    (running, channel)
}

#[tokio::test]
async fn the_simulators_accept_a_whole_template_and_refuse_each_difference_with_metas_code() {
    for provider in [Provider::Meta, Provider::OneMsg] {
        let (running, channel) = open(provider, vec![approved("en_US")]).await;
        let header = || Some(media(MediaKind::Video, link("a.mp4"), None));
        let without = |n: usize| {
            let mut message = whole();
            message.buttons.remove(n);
            message
        };
        for (message, expected) in [
            (whole(), "accepted"),
            (TemplateMessage { language: "sw".into(), ..whole() }, "132001"),
            (TemplateMessage { body: vec!["Anna".into()], ..whole() }, "132000"),
            (TemplateMessage { body: vec!["Anna".into(), "20%".into()], ..whole() }, "132012"),
            (TemplateMessage { header: header(), ..whole() }, "132012"),
            (TemplateMessage { header: None, ..whole() }, "132012"),
            (TemplateMessage { button: Some(FlowButton { index: 5, data: None }), ..whole() }, "132012"),
            (without(0), "132000"),
            (without(1), "132000"),
            (without(2), "accepted"),
        ] {
            let answer = send_message(&channel, &Message::Template(message), 1).await;
            let found = line(&answer.verdict);
            let entry = running.ledger().entries(0, 99).pop().unwrap();
            assert!(found.contains(expected), "{provider}: {found}, {expected}, {:?}", entry.wrong);
            assert!(entry.unknown_fields.is_empty(), "{provider}: {:?}", entry.unknown_fields);
        }
        running.shutdown().await;
    }
}

#[tokio::test]
async fn the_list_of_templates_is_read_page_by_page_where_the_provider_has_one() {
    let all: Vec<Value> = ["en_US", "sw", "fr"].map(approved).to_vec();
    for (provider, account) in [(Provider::Meta, Some("102290129340398")), (Provider::OneMsg, None)] {
        let (running, channel) = open(provider, all.clone()).await;
        let found = channel.templates(account).await.unwrap();
        let languages: Vec<&str> = found.iter().map(|one| one.language.as_str()).collect();
        assert_eq!(languages, ["en_US", "sw", "fr"], "{provider}");
        assert_eq!(found[0].buttons[1].kind.as_deref(), Some("url"));
        assert_eq!(running.ledger().summary().requests, 0, "reading the list is no message");
        running.shutdown().await;
    }
    let (running, channel) = open(Provider::Meta, all).await;
    assert!(matches!(channel.templates(None).await, Err(TemplateListError::NoBusinessAccount)));
    let error = channel.templates(Some("7")).await.unwrap_err();
    assert!(matches!(&error, TemplateListError::Refused { code, .. } if code == "100"), "{error}");
    running.shutdown().await;
    for provider in [Provider::Kaleyra, Provider::LipaChat] {
        let (running, channel) = open(provider, Vec::new()).await;
        assert!(matches!(channel.templates(None).await, Err(TemplateListError::NotOffered(_))), "{provider}");
        running.shutdown().await;
    }
    let (running, _) = open(Provider::Meta, Vec::new()).await;
    let wrong =
        whatsapp::Account { api_key: "another".into(), ..account_of(Provider::Meta, &running.base_url()) };
    let channel = Channel::new(Client::new(&patient()).unwrap(), &wrong).unwrap();
    let error = channel.templates(Some("102290129340398")).await.unwrap_err().to_string();
    assert!(error.contains("190") && !error.contains("another"), "{error}");
    running.shutdown().await;
}
