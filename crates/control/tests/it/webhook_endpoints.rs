//! Webhook endpoints: who may change them, what the audit says, and that no secret is stored.

use std::collections::BTreeSet;

use control::{
    Caller, Control, Idempotency, NewWebhookEndpoint, PageRequest, Problem, Role, WebhookEndpointEdit,
    Webhooks,
};
use notifier::{Guard, WebhookKey};
use secrecy::SecretString;

use crate::world::{World, with_role};

fn control(world: &World) -> Control {
    let key = WebhookKey::new(SecretString::from("0123456789abcdef0123456789abcdef"));
    let guard = Guard::new(vec!["10.1.0.0/16".parse().unwrap()]);
    world.control.clone().with_webhooks(Webhooks { key: Ok(key.unwrap()), guard })
}

fn new(name: &str, url: &str) -> NewWebhookEndpoint {
    NewWebhookEndpoint { name: name.into(), url: url.into(), events: None }
}

#[tokio::test]
async fn each_change_of_an_endpoint_is_in_the_audit_once_and_no_secret_is_stored() {
    let world = World::new("control_endpoints").await;
    let (control, admin) = (control(&world), with_role(Role::Admin));
    let added = control.add_webhook_endpoint(&admin, &new("shop", "https://shop.example/planted")).await;
    let added = added.unwrap().result;
    let renewed = control.renew_webhook_secret(&admin, "shop").await.unwrap().result;
    assert!(added.secret.starts_with("whsec_") && added.secret != renewed.secret);
    let edit = WebhookEndpointEdit {
        url: Some("https://10.1.0.7/planted".into()),
        events: Some(Some(vec!["campaign.finished".into()])),
        is_enabled: None,
    };
    let changed = control.change_webhook_endpoint(&admin, "shop", &edit).await.unwrap().result;
    assert_eq!(changed.events, Some(vec!["campaign.finished".into()]));
    let event = control.ping_webhook_endpoint(&admin, "shop").await.unwrap().result.event_id;
    world.store.dispatch_events().await.unwrap();
    let page = control.webhook_deliveries(&admin, "shop", &PageRequest::default()).await.unwrap();
    assert_eq!((page.items[0].event_id, page.items[0].kind.as_str(), page.next), (event, "test.ping", None));
    control.resend_webhook_delivery(&admin, "shop", event).await.unwrap();
    let missing = control.resend_webhook_delivery(&admin, "shop", 999).await.unwrap_err();
    assert_eq!(missing.problem(), Problem::NotFound);
    let since = page.items[0].at;
    assert_eq!(control.recover_webhook_deliveries(&admin, "shop", since).await.unwrap().result.events, 1);
    assert_eq!(control.webhook_endpoints(&admin).await.unwrap()[0].due, 1);
    control.remove_webhook_endpoint(&admin, "shop").await.unwrap();
    let expected = ["add", "renew", "change", "ping", "resend", "resend", "resend", "remove"];
    let audit = world.audit().await;
    let words: Vec<String> = audit.iter().map(|row| row.replace(" shop done", "")).collect();
    for (row, word) in words.iter().zip(expected) {
        assert!(row.starts_with(&format!("webhook_endpoint.{word}")), "{audit:?}");
    }
    assert_eq!(words.len(), expected.len(), "{audit:?}");
    // Neither the secrets nor the path of the address are in any row.
    let dump = "select coalesce(string_agg(details::text, ' '), '') from audit";
    let rows: String = world.look.query_one(dump, &[]).await.unwrap().get(0);
    assert!(!rows.contains("planted") && !rows.contains("whsec_") && rows.contains("10.1.0.7"), "{rows}");
    world.close().await;
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_secret_which_its_stored_result_does_not_contain() {
    let world = World::new("control_endpoint_repeated").await;
    let control = control(&world);
    let idempotency = Idempotency { key: "k".into(), fingerprint: [1; 32] };
    let admin = Caller { idempotency: Some(idempotency), ..with_role(Role::Admin) };
    let endpoint = new("shop", "https://shop.example/");
    let first = control.add_webhook_endpoint(&admin, &endpoint).await.unwrap();
    let again = control.add_webhook_endpoint(&admin, &endpoint).await.unwrap();
    assert!(!first.is_replayed && again.is_replayed && first.result.secret == again.result.secret);
    let select = "select result::text from idempotency";
    let stored: String = world.look.query_one(select, &[]).await.unwrap().get(0);
    assert!(stored.contains("shop.example") && !stored.contains("whsec_"), "{stored}");
    assert_eq!(world.count("select count(*) from webhook_endpoint").await, 1);
    world.close().await;
}

#[tokio::test]
async fn wrong_endpoints_are_refused_with_what_to_do() {
    let world = World::new("control_endpoint_wrong").await;
    let (control, admin) = (control(&world), with_role(Role::Admin));
    let (good, url) = ("shop", "https://shop.example/");
    for (endpoint, expected) in [
        (new(good, "shop"), "not a URL"),
        (new(good, "http://8.8.8.8/"), "plain http"),
        (new(good, "https://127.0.0.1/"), "not a public address"),
        (new(good, "https://[::ffff:169.254.169.254]/"), "not a public address"),
        (new(good, "https://me:hunter2@shop.example/"), "user or a password"),
        (new("a b", url), "letters a-z"),
        (new("", url), "letters a-z"),
        (new("../x", url), "letters a-z"),
        (NewWebhookEndpoint { events: Some(vec![]), ..new(good, url) }, "at least one kind"),
        (NewWebhookEndpoint { events: Some(vec!["x".into()]), ..new(good, url) }, "there is no event 'x'"),
    ] {
        let error = control.add_webhook_endpoint(&admin, &endpoint).await.err().unwrap();
        assert_eq!(error.problem(), Problem::InvalidBody, "{error}");
        assert!(error.to_string().contains(expected) && !error.to_string().contains("hunter2"), "{error}");
    }
    let edit =
        WebhookEndpointEdit { url: Some("https://10.2.0.1/".into()), ..WebhookEndpointEdit::default() };
    control.add_webhook_endpoint(&admin, &new(good, "http://10.1.0.1/")).await.unwrap();
    assert!(control.change_webhook_endpoint(&admin, good, &edit).await.is_err());
    let without_key = world.control.add_webhook_endpoint(&admin, &new("crm", url)).await.err().unwrap();
    assert!(without_key.to_string().contains("set [webhooks] key"), "{without_key}");
    assert_eq!(without_key.problem(), Problem::ConflictState);
    world.close().await;
}

#[tokio::test]
async fn only_admins_of_all_senders_manage_endpoints() {
    let world = World::new("control_endpoint_rights").await;
    let control = control(&world);
    let limited = Caller { senders: Some(BTreeSet::from(["main".into()])), ..with_role(Role::Admin) };
    for caller in [with_role(Role::Viewer), with_role(Role::Marketer), with_role(Role::Operator), limited] {
        let endpoint = new("shop", "https://shop.example/");
        let page = PageRequest::default();
        let edit = WebhookEndpointEdit::default();
        for refused in [
            control.add_webhook_endpoint(&caller, &endpoint).await.map(drop),
            control.webhook_endpoints(&caller).await.map(drop),
            control.webhook_endpoint(&caller, "shop").await.map(drop),
            control.change_webhook_endpoint(&caller, "shop", &edit).await.map(drop),
            control.renew_webhook_secret(&caller, "shop").await.map(drop),
            control.remove_webhook_endpoint(&caller, "shop").await.map(drop),
            control.ping_webhook_endpoint(&caller, "shop").await.map(drop),
            control.webhook_deliveries(&caller, "shop", &page).await.map(drop),
            control.resend_webhook_delivery(&caller, "shop", 1).await.map(drop),
        ] {
            assert_eq!(refused.unwrap_err().problem(), Problem::Forbidden);
        }
    }
    world.close().await;
}

#[tokio::test]
async fn an_imported_and_a_refused_list_are_one_event_each() {
    let world = World::new("control_list_events").await;
    let admin = with_role(Role::Admin);
    let id = world.ready(&admin).await;
    assert!(world.import(&admin, id, "0712000001;Anna\n0712000002;Ben\n").await.is_err());
    assert!(world.import(&admin, id, "0712000001;\"Anna\n").await.is_err());
    world.store.dispatch_events().await.unwrap();
    let first = PageRequest { after: None, limit: Some(2) };
    let page = world.control.events(&admin, &first).await.unwrap();
    assert!(page.has_more && page.items.len() == 2);
    let rest = PageRequest { after: page.next, limit: Some(2) };
    let page_2 = world.control.events(&admin, &rest).await.unwrap();
    assert!(!page_2.has_more);
    // There is a next page also after the last event: a reader keeps it and asks again.
    let end = PageRequest { after: page_2.next.clone(), limit: None };
    let none = world.control.events(&admin, &end).await.unwrap();
    assert_eq!((none.items.len(), none.next), (0, page_2.next));
    let elsewhere = Caller { senders: Some(["other".into()].into()), ..with_role(Role::Viewer) };
    assert_eq!(world.control.events(&elsewhere, &first).await.unwrap().items, []);
    let events = [page.items, page_2.items].concat();
    let told: Vec<(&str, Option<&str>)> =
        events.iter().map(|event| (event.kind.as_str(), event.data["problem"].as_str())).collect();
    let expected =
        [("list.imported", None), ("list.refused", Some("known-list")), ("list.refused", Some("bad-list"))];
    assert_eq!(told, expected);
    let all: String = events.iter().map(|event| event.data.to_string()).collect();
    assert!(!all.contains("Anna") && !all.contains("712000001"), "{all}");
    world.close().await;
}
