//! Known flows and templates of senders.

use control::{Caller, NewFlow, NewTemplate, PageRequest, Problem, Role, TemplateButton, TemplateCategory};
use serde_json::json;

use crate::world::{World, anna, definition, problem, with_key, with_role};

const FLOW_JSON: &str = include_str!("../../../../examples/flow.json");

/// A flow of two screens.
pub(crate) fn flow(name: &str) -> NewFlow {
    NewFlow { name: name.into(), flow_json: FLOW_JSON.into() }
}

/// A template with this body.
pub(crate) fn template(body: &str) -> NewTemplate {
    NewTemplate { body: body.into(), ..NewTemplate::default() }
}

#[tokio::test]
async fn a_flow_is_added_replaced_listed_and_removed_with_its_audit() {
    let world = World::new("control_flows").await;
    let (control, marketer) = (&world.control, with_role(Role::Marketer));
    let added = control.set_flow(&marketer, "main", "123", &flow(" Survey ")).await.unwrap().result;
    assert_eq!((added.name.as_str(), added.updated_by.as_str()), ("Survey", "marketer"));
    let screens: Vec<(&str, &str)> =
        added.screens.iter().map(|screen| (screen.id.as_str(), screen.title.as_str())).collect();
    assert_eq!(screens, [("WELCOME", "Your visit"), ("COMMENT", "Your opinion")]);
    let replaced = control.set_flow(&anna(), "main", "123", &flow("Survey 2")).await.unwrap().result;
    assert_eq!(replaced.updated_by, "anna");
    control.set_flow(&anna(), "main", "124", &flow("Other")).await.unwrap();
    control.set_flow(&anna(), "other", "125", &flow("Elsewhere")).await.unwrap();
    let first = PageRequest { after: None, limit: Some(1) };
    let page = control.flows(&marketer, "main", &first).await.unwrap();
    assert_eq!((page.items[0].name.as_str(), page.next.as_deref()), ("Survey 2", Some("123")));
    let page =
        control.flows(&marketer, "main", &PageRequest { after: page.next, limit: Some(1) }).await.unwrap();
    assert_eq!((page.items[0].name.as_str(), page.next), ("Other", None));
    assert_eq!(control.flow(&marketer, "main", "123").await.unwrap().flow_json, FLOW_JSON);
    assert_eq!(control.all_flows(&marketer).await.unwrap().len(), 3);
    let limited = Caller { senders: Some(["other".to_owned()].into()), ..marketer.clone() };
    let seen = control.all_flows(&limited).await.unwrap();
    assert_eq!(seen.iter().map(|flow| flow.flow_id.as_str()).collect::<Vec<_>>(), ["125"]);
    assert_eq!(problem(control.flow(&limited, "main", "123").await), Problem::NotFound);
    control.remove_flow(&marketer, "main", "123").await.unwrap();
    let error = control.remove_flow(&marketer, "main", "123").await.unwrap_err();
    assert_eq!(error.to_string(), "there is no flow '123' of sender 'main'; see 'flowcast flow list main'");
    let audit = world.audit().await;
    let done = |word: &str| audit.iter().filter(|row| **row == format!("{word} main done")).count();
    assert_eq!((done("flow.set"), done("flow.remove")), (3, 1));
    let details = "select count(*) from audit where details @> '{\"flow_id\": \"123\", \"screens\": 2}'";
    assert_eq!(world.count(details).await, 2);
    world.close().await;
}

#[tokio::test]
async fn a_wrong_flow_changes_nothing() {
    let world = World::new("control_wrong_flows").await;
    let (control, anna) = (&world.control, anna());
    let with_json = |text: &str| NewFlow { name: "x".into(), flow_json: text.into() };
    for (id, new, expected, member) in [
        ("1", with_json("{}"), "no Flow JSON", "flow_json"),
        ("1", with_json(&" ".repeat(600 * 1024)), "longer than 512 KiB", "flow_json"),
        ("1", flow(" \n"), "1 to 200 characters", "name"),
        ("1", flow("a\nb"), "in one line", "name"),
        ("", flow("x"), "flow id has", "flow_id"),
        ("a/b", flow("x"), "flow id has", "flow_id"),
        ("a\0", flow("x"), "flow id has", "flow_id"),
    ] {
        let error = control.set_flow(&anna, "main", id, &new).await.unwrap_err();
        assert_eq!((error.problem(), error.member()), (Problem::InvalidBody, Some(member)), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert_eq!(problem(control.flow(&anna, "main", "a\0").await), Problem::NotFound);
    assert_eq!(world.count("select count(*) from flow").await, 0);
    let viewer = with_role(Role::Viewer);
    assert_eq!(problem(control.set_flow(&viewer, "main", "1", &flow("x")).await), Problem::Forbidden);
    world.close().await;
}

#[tokio::test]
async fn a_change_that_is_based_on_an_older_version_is_refused() {
    let world = World::new("control_flow_versions").await;
    let (control, anna) = (&world.control, anna());
    control.set_flow(&anna, "main", "1", &flow("x")).await.unwrap();
    control.set_template(&anna, "main", ("visit", "en"), &template("Hi")).await.unwrap();
    let outdated = Caller { expected_versions: vec!["0123".into()], ..anna.clone() };
    assert_eq!(problem(control.set_flow(&outdated, "main", "1", &flow("y")).await), Problem::VersionConflict);
    assert_eq!(problem(control.remove_flow(&outdated, "main", "1").await), Problem::VersionConflict);
    let set = control.set_template(&outdated, "main", ("visit", "en"), &template("Ho")).await;
    assert_eq!(problem(set), Problem::VersionConflict);
    // A repeated request has the same result.
    let once = with_key(&anna, "k", 1);
    let first = control.set_flow(&once, "main", "1", &flow("z")).await.unwrap();
    let again = control.set_flow(&once, "main", "1", &flow("z")).await.unwrap();
    assert!(!first.is_replayed && again.is_replayed && first.result == again.result);
    world.close().await;
}

#[tokio::test]
async fn the_text_of_a_template_is_stored_without_empty_parts() {
    let world = World::new("control_templates").await;
    let (control, anna) = (&world.control, anna());
    let new = NewTemplate {
        header: Some(" ".into()),
        footer: Some(" Reply STOP ".into()),
        buttons: vec![TemplateButton {
            text: "Open".into(),
            flow_id: Some("123".into()),
            ..TemplateButton::default()
        }],
        category: Some(TemplateCategory::Utility),
        ..template("Hi {{1}}\n")
    };
    let set = control.set_template(&anna, "main", ("visit", "en_US"), &new).await.unwrap().result;
    let expected = json!({"header": null, "body": "Hi {{1}}", "footer": "Reply STOP", "category": "utility", "status": null,
        "buttons": [{"text": "Open", "flow_id": "123"}]});
    assert_eq!(serde_json::to_value(&set.text).unwrap(), expected);
    control.set_template(&anna, "main", ("visit", "sw"), &template("Habari")).await.unwrap();
    let page = control.templates(&anna, "main", &PageRequest { after: None, limit: Some(1) }).await.unwrap();
    assert_eq!(page.next.as_deref(), Some("visit/en_US"));
    let page =
        control.templates(&anna, "main", &PageRequest { after: page.next, limit: None }).await.unwrap();
    assert_eq!(page.items.iter().map(|one| one.language.as_str()).collect::<Vec<_>>(), ["sw"]);
    let long = |body: &str| template(&body.repeat(1_025));
    for (named, new, expected, member) in [
        (("visit", "en"), template(" "), "has no body", "body"),
        (("visit", "en"), long("é"), "the body of the template has 1025 characters", "body"),
        (
            ("visit", "en"),
            NewTemplate { header: Some("x".repeat(61)), ..template("x") },
            "the header of the template",
            "header",
        ),
        (("visit", "en"), template("a\0b"), "not U+0000", "body"),
        (("vi sit", "en"), template("x"), "the name of a template", "name"),
        (("visit", ""), template("x"), "the language of a template", "language"),
        (
            ("visit", "en"),
            NewTemplate {
                buttons: vec![TemplateButton { text: "x".repeat(61), ..TemplateButton::default() }],
                ..template("x")
            },
            "the button of the template",
            "buttons",
        ),
    ] {
        let error = control.set_template(&anna, "main", named, &new).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.member(), Some(member), "{error}");
    }
    control.remove_template(&anna, "main", ("visit", "sw")).await.unwrap();
    assert_eq!(problem(control.template(&anna, "main", ("visit", "sw")).await), Problem::NotFound);
    world.close().await;
}

#[tokio::test]
async fn the_flow_of_a_message_is_found_by_id_by_name_and_by_the_button_of_its_template() {
    let world = World::new("control_known_texts").await;
    let (control, anna) = (&world.control, anna());
    control.set_flow(&anna, "main", "123", &flow("Survey")).await.unwrap();
    let with_button = NewTemplate {
        buttons: vec![TemplateButton {
            text: "Open".into(),
            flow_id: Some("123".into()),
            ..TemplateButton::default()
        }],
        ..template("Hi")
    };
    control.set_template(&anna, "main", ("visit", "en"), &with_button).await.unwrap();
    let message = |flow: Option<(&str, &str)>, has_template: bool| {
        let mut definition = definition("main");
        match (flow, &mut definition.flow) {
            (Some((id, name)), Some(flow)) => {
                flow.flow_id = Some(id.to_owned()).filter(|id| !id.is_empty());
                flow.flow_name = Some(name.to_owned()).filter(|name| !name.is_empty());
            }
            (_, flow) => *flow = None,
        }
        let template = json!({"name": "visit", "language": "en"});
        definition.template = has_template.then(|| serde_json::from_value(template).unwrap());
        definition
    };
    for (flow, has_template, expected) in [
        (Some(("123", "")), false, Some("123")),
        (Some(("", "Survey")), false, Some("123")),
        (Some(("9", "")), false, None),
        (Some(("9", "")), true, None),
        (Some(("1\0", "")), true, None),
        (None, true, Some("123")),
    ] {
        let known = control.known_texts(&anna, &message(flow, has_template)).await.unwrap();
        assert_eq!(known.flow.as_ref().map(|(id, _)| id.as_str()), expected, "{flow:?} {has_template}");
        let is_readable = flow.is_none_or(|(id, _)| !id.contains('\0'));
        assert_eq!(known.template.is_some(), has_template && is_readable);
    }
    let mut elsewhere = message(Some(("123", "")), true);
    elsewhere.sender = "other".into();
    let known = control.known_texts(&anna, &elsewhere).await.unwrap();
    assert!(known.flow.is_none() && known.template.is_none(), "the texts of another sender");
    world.close().await;
}
