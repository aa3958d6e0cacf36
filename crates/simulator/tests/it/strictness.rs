//! Every member of the payload: missing, of a wrong type, out of its range, and unknown.

use serde_json::{Value, json};
use simulator::Config;

use crate::client::{Client, Headers, JSON, KEY, PATH, message, start, template, with};

const TO: &str = "+254700000001";
const OBJECT: &str = "/messaging_object";
const FLOW: &str = "/messaging_object/interactive";
const ACTION: &str = "/messaging_object/interactive/action";
const PARAMETERS: &str = "/messaging_object/interactive/action/parameters";
const TEMPLATE: &str = "/messaging_object/template";

/// Sends each body and checks that it is refused with WA400, for the reason that the path names.
async fn assert_refused(table: Vec<(String, Value)>) {
    let running = start(Config::default()).await;
    let mut client = Client::connect(running.addr()).await;
    for (pointer, body) in table {
        let answer = client.post(&body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "WA400"), "{pointer}: {body}");
        let last = running.ledger().summary().requests - 1;
        let wrong = running.ledger().entries(last, 1).remove(0).wrong.unwrap();
        let name = pointer.rsplit('/').next().unwrap();
        assert!(wrong.contains(name), "{pointer} was refused because of {wrong:?}");
    }
    assert_eq!(running.ledger().summary().accepted, 0);
}

async fn assert_accepted(table: Vec<Value>) {
    let running = start(Config::default()).await;
    let mut client = Client::connect(running.addr()).await;
    for body in table {
        let answer = client.post(&body).await;
        assert_eq!(answer.status, 202, "{body} was refused: {:?}", running.ledger().entries(0, 99).last());
    }
    assert!(running.ledger().entries(0, 99).iter().all(|entry| entry.unknown_fields.is_empty()));
}

fn without(base: &Value, pointers: &[String]) -> Vec<(String, Value)> {
    pointers.iter().map(|pointer| (pointer.clone(), with(base.clone(), pointer, None))).collect()
}

/// Each member with the values it must not have; `null` and a number are never right.
fn replaced(base: &Value, pointer: &str, values: &[Value]) -> Vec<(String, Value)> {
    let never = [Value::Null, json!(42), json!(["x"])];
    let values = values.iter().chain(&never);
    values.map(|value| (pointer.to_owned(), with(base.clone(), pointer, Some(value.clone())))).collect()
}

#[tokio::test]
async fn required_members_must_be_present() {
    let required = [
        OBJECT.to_owned(),
        format!("{OBJECT}/messaging_product"),
        format!("{OBJECT}/to"),
        format!("{OBJECT}/type"),
        FLOW.to_owned(),
        format!("{FLOW}/type"),
        format!("{FLOW}/header/type"),
        ACTION.to_owned(),
        format!("{ACTION}/name"),
        PARAMETERS.to_owned(),
        format!("{PARAMETERS}/flow_message_version"),
        format!("{PARAMETERS}/flow_cta"),
        format!("{PARAMETERS}/flow_id"),
        format!("{PARAMETERS}/flow_action_payload/screen"),
    ];
    assert_refused(without(&message(TO), &required)).await;
}

#[tokio::test]
async fn optional_members_may_be_absent() {
    let optional = [
        format!("{OBJECT}/recipient_type"),
        format!("{FLOW}/header"),
        format!("{FLOW}/header/text"),
        format!("{FLOW}/body"),
        format!("{FLOW}/body/text"),
        format!("{FLOW}/footer"),
        format!("{FLOW}/footer/text"),
        format!("{PARAMETERS}/flow_token"),
        format!("{PARAMETERS}/mode"),
        format!("{PARAMETERS}/flow_action"),
        format!("{PARAMETERS}/flow_action_payload"),
        format!("{PARAMETERS}/flow_action_payload/data"),
        "/extra_info".to_owned(),
        "/extra_info/ref".to_owned(),
        "/extra_info/ref1".to_owned(),
        "/extra_info/ref2".to_owned(),
        "/extra_info/wa_source".to_owned(),
    ];
    let mut table: Vec<_> = without(&message(TO), &optional).into_iter().map(|(_, body)| body).collect();
    table.push(message("254700000001"));
    table.push(with(message(TO), "/extra_info/wa_source", Some(json!("somebody"))));
    table.push(with(message(TO), "/extra_info/ref", Some(json!("r".repeat(900)))));
    let named = with(message(TO), &format!("{PARAMETERS}/flow_name"), Some(json!("survey")));
    table.push(with(named, &format!("{PARAMETERS}/flow_id"), None));
    let exchange = with(message(TO), &format!("{PARAMETERS}/flow_action"), Some(json!("data_exchange")));
    table.push(with(exchange, &format!("{PARAMETERS}/flow_action_payload"), None));
    for (pointer, most) in
        [("header/text", 60), ("body/text", 1024), ("footer/text", 60), ("action/parameters/flow_cta", 30)]
    {
        table.push(with(message(TO), &format!("{FLOW}/{pointer}"), Some(json!("ż".repeat(most)))));
    }
    assert_accepted(table).await;
}

#[tokio::test]
async fn every_member_has_its_type_and_its_values() {
    let long = |n: usize| json!("x".repeat(n + 1));
    let rules: Vec<(String, Vec<Value>)> = vec![
        (OBJECT.into(), vec![json!("text"), json!({})]),
        (format!("{OBJECT}/messaging_product"), vec![json!("sms"), json!("WhatsApp"), json!("")]),
        (format!("{OBJECT}/recipient_type"), vec![json!("group")]),
        (
            format!("{OBJECT}/to"),
            vec![json!(""), json!("+254 700"), json!("0700000001"), json!("+254700000001,+254700000002")],
        ),
        (format!("{OBJECT}/type"), vec![json!("text"), json!("image")]),
        (FLOW.into(), vec![json!("text"), json!({})]),
        (format!("{FLOW}/type"), vec![json!("button"), json!("")]),
        (format!("{FLOW}/header"), vec![json!("Survey")]),
        (format!("{FLOW}/header/type"), vec![json!("image")]),
        (format!("{FLOW}/header/text"), vec![json!(""), long(60)]),
        (format!("{FLOW}/body"), vec![json!("Two questions")]),
        (format!("{FLOW}/body/text"), vec![json!(""), long(1024)]),
        (format!("{FLOW}/footer"), vec![json!("STOP")]),
        (format!("{FLOW}/footer/text"), vec![json!(""), long(60)]),
        (ACTION.into(), vec![json!("flow")]),
        (format!("{ACTION}/name"), vec![json!("button")]),
        (PARAMETERS.into(), vec![json!("{}")]),
        (format!("{PARAMETERS}/flow_message_version"), vec![json!("2"), json!(3)]),
        (format!("{PARAMETERS}/flow_cta"), vec![json!(""), long(30)]),
        (format!("{PARAMETERS}/flow_id"), vec![json!("")]),
        (format!("{PARAMETERS}/flow_name"), vec![json!("beside flow_id"), json!("")]),
        (format!("{PARAMETERS}/flow_token"), vec![json!("")]),
        (format!("{PARAMETERS}/mode"), vec![json!("live")]),
        (format!("{PARAMETERS}/flow_action"), vec![json!("open")]),
        (format!("{PARAMETERS}/flow_action_payload"), vec![json!("WELCOME")]),
        (format!("{PARAMETERS}/flow_action_payload/screen"), vec![json!("")]),
        (format!("{PARAMETERS}/flow_action_payload/data"), vec![json!({}), json!("text")]),
        ("/extra_info".into(), vec![json!("ref")]),
        ("/extra_info/ref".into(), vec![json!({})]),
        ("/extra_info/ref1".into(), vec![json!({})]),
        ("/extra_info/ref2".into(), vec![json!({})]),
        ("/extra_info/wa_source".into(), vec![json!({})]),
    ];
    let table = rules.iter().flat_map(|(pointer, values)| replaced(&message(TO), pointer, values));
    assert_refused(table.collect()).await;
}

#[tokio::test]
async fn a_payload_is_only_for_navigate() {
    let exchange = with(message(TO), &format!("{PARAMETERS}/flow_action"), Some(json!("data_exchange")));
    assert_refused(vec![("flow_action_payload".to_owned(), exchange)]).await;
}

#[tokio::test]
async fn a_template_is_checked_as_strictly() {
    let button = format!("{TEMPLATE}/components/1");
    let action = format!("{button}/parameters/0/action");
    let required = [
        TEMPLATE.to_owned(),
        format!("{TEMPLATE}/name"),
        format!("{TEMPLATE}/language"),
        format!("{TEMPLATE}/language/code"),
        format!("{TEMPLATE}/components/0/type"),
        format!("{TEMPLATE}/components/0/parameters/0/type"),
        format!("{TEMPLATE}/components/0/parameters/0/text"),
        format!("{button}/sub_type"),
        format!("{button}/index"),
        format!("{button}/parameters/0/type"),
        action.clone(),
    ];
    let rules: Vec<(String, Vec<Value>)> = vec![
        (format!("{TEMPLATE}/name"), vec![json!("")]),
        (format!("{TEMPLATE}/language"), vec![json!("en")]),
        (format!("{TEMPLATE}/language/code"), vec![json!("")]),
        (format!("{TEMPLATE}/components"), vec![json!({}), json!("body")]),
        (format!("{TEMPLATE}/components/0/type"), vec![json!("carousel")]),
        (format!("{TEMPLATE}/components/0/parameters"), vec![json!({})]),
        (format!("{TEMPLATE}/components/0/parameters/0/text"), vec![json!("")]),
        (format!("{button}/sub_type"), vec![json!("flows")]),
        (format!("{button}/index"), vec![json!("x"), json!("10"), json!(-1)]),
        (format!("{action}/flow_token"), vec![json!("")]),
        (format!("{action}/flow_action_data"), vec![json!({}), json!("Anna")]),
    ];
    let mut table = without(&template(TO), &required);
    table.extend(rules.iter().flat_map(|(pointer, values)| replaced(&template(TO), pointer, values)));
    assert_refused(table).await;
}

#[tokio::test]
async fn a_template_may_leave_out_what_is_optional() {
    let button = format!("{TEMPLATE}/components/1");
    assert_accepted(vec![
        template(TO),
        with(template(TO), &format!("{TEMPLATE}/components"), None),
        with(template(TO), &format!("{TEMPLATE}/components/0/parameters"), None),
        with(template(TO), &format!("{button}/parameters"), None),
        with(template(TO), &format!("{button}/index"), Some(json!(0))),
        with(template(TO), &format!("{button}/parameters/0/action"), Some(json!({}))),
    ])
    .await;
}

#[tokio::test]
async fn unknown_members_are_accepted_and_reported() {
    let running = start(Config::default()).await;
    let mut client = Client::connect(running.addr()).await;
    let mut body = message(TO);
    let strays = ["/stray", "/messaging_object/biz_opaque_callback_data", "/extra_info/ref3"];
    let deep = [format!("{FLOW}/body/txt"), format!("{PARAMETERS}/flow_action_payload/extra")];
    for pointer in strays.iter().copied().chain(deep.iter().map(String::as_str)) {
        body = with(body, pointer, Some(json!("x")));
    }
    assert_eq!(client.post(&body).await.status, 202);
    let mut reported = running.ledger().entries(0, 1).remove(0).unknown_fields;
    reported.sort();
    let expected = [
        "extra_info.ref3",
        "messaging_object.biz_opaque_callback_data",
        "messaging_object.interactive.action.parameters.flow_action_payload.extra",
        "messaging_object.interactive.body.txt",
        "stray",
    ];
    assert_eq!(reported, expected);
    let odd = with(template(TO), &format!("{TEMPLATE}/language/policy"), Some(json!("deterministic")));
    assert_eq!(client.post(&odd).await.status, 202);
    let reported = running.ledger().entries(1, 1).remove(0).unknown_fields;
    assert_eq!(reported, ["messaging_object.template.language.policy"]);
}

#[tokio::test]
async fn the_body_and_its_content_type_must_be_json() {
    let running = start(Config::default()).await;
    let mut client = Client::connect(running.addr()).await;
    let good = message(TO).to_string();
    let table: [(Headers<'_>, &str, u16); 8] = [
        (&[("Content-Type", "application/json; charset=utf-8"), KEY], &good, 202),
        (&[KEY], &good, 400),
        (&[("content-type", "text/plain"), KEY], &good, 400),
        (&[("content-type", "application/x-www-form-urlencoded"), KEY], &good, 400),
        (&[JSON, KEY], "", 400),
        (&[JSON, KEY], "[]", 400),
        (&[JSON, KEY], "{\"messaging_object\": {", 400),
        (&[JSON, KEY], "\u{0}", 400),
    ];
    for (headers, body, status) in table {
        let answer = client.send("POST", PATH, headers, body.as_bytes()).await.unwrap();
        assert_eq!(answer.status, status, "{headers:?} {body}");
    }
}

#[tokio::test]
async fn a_body_longer_than_a_mebibyte_is_not_read() {
    let running = start(Config::default()).await;
    let mut client = Client::connect(running.addr()).await;
    let good = message(TO).to_string();
    for (length, status) in [(1 << 20, 202), ((1 << 20) + 1, 400)] {
        let body = format!("{good}{}", " ".repeat(length - good.len()));
        let answer = client.send("POST", PATH, &[JSON, KEY], body.as_bytes()).await.unwrap();
        assert_eq!(answer.status, status, "{length} bytes");
    }
}

#[tokio::test]
async fn a_text_parameter_of_a_template_is_one_line_without_many_spaces() {
    let text = format!("{TEMPLATE}/components/0/parameters/0/text");
    let wrong = ["Line one\nLine two", "Cy\tTab", "a\r\nb", "Five     spaces"];
    let table = wrong.map(|value| (text.clone(), with(template(TO), &text, Some(json!(value)))));
    assert_refused(table.to_vec()).await;
    assert_accepted(vec![with(template(TO), &text, Some(json!("Four    spaces")))]).await;
}
