//! The parser of Flow JSON, with documents of Meta's builder and with hostile ones.

use serde_json::{Map, Value, json};

use super::*;
use crate::flow_json::binding::{fill_flow_text, flow_options};
use crate::flow_json::component::{FlowChoice, FlowComponent, FlowInput, FlowOptions, FlowPart, FlowText};

/// A survey of two screens, as the builder exports it.
const SURVEY: &str = include_str!("../../../../examples/flow.json");

fn flow(screens: &Value) -> Result<FlowJson, FlowJsonError> {
    FlowJson::parse(&json!({"version": "7.0", "screens": screens}).to_string())
}

/// A flow of one screen with these components.
fn screen(children: &Value) -> FlowScreen {
    let screens = json!([{"id": "A", "layout": {"type": "SingleColumnLayout", "children": children}}]);
    flow(&screens).unwrap().screens.remove(0)
}

fn kinds(screen: &FlowScreen) -> Vec<&FlowPart> {
    screen.components.iter().map(|component| &component.kind).collect()
}

#[test]
fn the_example_has_two_screens_with_their_components() {
    let flow = FlowJson::parse(SURVEY).unwrap();
    let screens: Vec<(&str, &str, bool)> = flow
        .screens
        .iter()
        .map(|screen| (screen.id.as_str(), screen.title.as_str(), screen.is_terminal))
        .collect();
    assert_eq!(screens, [("WELCOME", "Your visit", false), ("COMMENT", "Your opinion", true)]);
    let first = flow.screen("WELCOME").unwrap();
    assert_eq!(first.data["first_name"], json!("Achieng"));
    let FlowPart::Text { style: FlowText::Heading, text } = &first.components[0].kind else {
        panic!("{first:?}")
    };
    assert_eq!(fill_flow_text(text, &first.data, 80), "Hello Achieng");
    let FlowPart::Choice { choice: FlowChoice::Radio, field, options } = &first.components[1].kind else {
        panic!("{first:?}")
    };
    assert_eq!((field.name.as_str(), field.is_required), ("rating", true));
    let FlowOptions::Listed(options) = options else { panic!("{options:?}") };
    assert_eq!((options[0].id.as_str(), options[0].title.as_str()), ("0_very_good", "Very good"));
    assert!(flow.screen("NONE").is_none());
}

#[test]
fn every_component_of_the_reference_is_known_and_every_other_keeps_its_type() {
    let field = |word: &str| json!({"type": word, "name": "n", "label": "L", "required": true, "data-source": "${data.towns}"});
    let drawn = screen(&json!([
        field("TextInput"), field("TextArea"), field("DatePicker"), field("CalendarPicker"), field("Dropdown"),
        field("CheckboxGroup"), field("ChipsSelector"), field("OptIn"),
        {"type": "EmbeddedLink", "text": "Terms"}, {"type": "Image", "src": "AAAA", "alt-text": "Shop"},
        {"type": "TextBody", "text": ["one", "two"]}, {"type": "TextCaption", "text": "c"}, {"type": "TextSubheading", "text": "s"},
        {"type": "Footer", "label": "Send"}, {"type": "HologramPicker", "name": "h"}, {"type": "TextBody", "visible": false, "text": "hidden"},
    ]));
    let expected =
        ["Line", "Area", "Date", "Calendar", "Dropdown", "Checkbox", "Chips", "OptIn", "Link", "Image"];
    for (kind, word) in kinds(&drawn).iter().zip(expected) {
        assert!(format!("{kind:?}").contains(word), "{kind:?} is not {word}");
    }
    let FlowPart::Input { input: FlowInput::Line, field } = kinds(&drawn)[0] else { panic!("{drawn:?}") };
    assert_eq!((field.label.as_str(), field.is_required), ("L", true));
    assert_eq!(*kinds(&drawn)[10], FlowPart::Text { style: FlowText::Body, text: "one\ntwo".into() });
    assert_eq!(*kinds(&drawn)[14], FlowPart::Unknown("HologramPicker".into()));
    assert_eq!(drawn.components.len(), 15, "a component that is never visible is not drawn");
}

#[test]
fn a_branch_has_the_components_of_its_first_branch_in_the_order_of_the_document() {
    let body = |text: &str| json!({"type": "TextBody", "text": text});
    let drawn = screen(&json!([
        {"type": "If", "condition": "${data.is_member}", "then": [body("member")], "else": [body("guest")]},
        {"type": "Switch", "value": "${form.town}", "cases": {"nairobi": [body("n")], "kisumu": [body("k")], "default": []}},
    ]));
    let FlowPart::Branch { word, condition, branch, others, components } = kinds(&drawn)[0] else {
        panic!("{drawn:?}")
    };
    assert_eq!((*word, condition.as_str(), branch.as_str(), *others), ("If", "${data.is_member}", "then", 1));
    assert_eq!(components[0].kind, FlowPart::Text { style: FlowText::Body, text: "member".into() });
    let FlowPart::Branch { branch, others, .. } = kinds(&drawn)[1] else { panic!("{drawn:?}") };
    assert_eq!((branch.as_str(), *others), ("nairobi", 2));
}

#[test]
fn ten_thousand_components_are_fifty_and_a_number() {
    let body = json!({"type": "TextBody", "text": "x"});
    let inside = json!({"type": "If", "condition": "a", "then": vec![body.clone(); 40], "else": []});
    let mut children = vec![inside];
    children.extend(vec![body; 9_960]);
    let drawn = screen(&json!([{"type": "Form", "name": "f", "children": children}]));
    // The branch, 40 components in it and 9 after it.
    assert_eq!((drawn.components.len(), drawn.left_out), (10, 9_951));
}

#[test]
fn deep_nesting_is_refused_or_drawn_to_three_branches() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let error = FlowJson::parse(&deep).unwrap_err().to_string();
    assert!(error.starts_with("the file is not JSON: recursion limit exceeded"), "{error}");
    let mut child = json!({"type": "TextBody", "text": "deep"});
    for _ in 0..30 {
        child = json!({"type": "If", "condition": "a", "then": [child]});
    }
    let mut depth = 0;
    let drawn = screen(&json!([child]));
    let mut next = &drawn.components[0].kind;
    while let FlowPart::Branch { components, .. } = next {
        (depth, next) = (depth + 1, &components[0].kind);
    }
    assert_eq!((depth, next), (3, &FlowPart::Unknown("If".into())));
}

#[test]
fn what_is_no_flow_json_is_refused_with_the_place() {
    let refused = |text: &str| FlowJson::parse(text).unwrap_err().to_string();
    for (text, expected) in [
        ("", "the file is not JSON"),
        ("PK\u{3}\u{4}", "the file is not JSON"),
        ("[]", "no Flow JSON"),
        ("{\"version\": 7, \"screens\": []}", "no Flow JSON"),
        ("{\"version\": \"7.0\", \"screens\": []}", "has 0 screens"),
        ("{\"version\": \"7.0\\u0000\"}", "U+0000"),
    ] {
        assert!(refused(text).contains(expected), "{text}: {}", refused(text));
    }
    assert!(refused(&" ".repeat(MAX_FLOW_JSON + 1)).contains("longer than 512 KiB"));
    let layout = json!({"children": []});
    for (screens, expected) in [
        (json!([{"id": "A", "layout": layout}, {"id": "A", "layout": layout}]), "two screens A"),
        (json!([{"layout": layout}]), "screens[0]: the screen has no id"),
        (json!([{"id": "A"}]), "screens[0]: the screen has no layout"),
        (
            json!([{"id": "A", "layout": {"children": [{}]}}]),
            "screens[0].layout.children[0]: the component has no type",
        ),
        (json!([{"id": "A", "layout": {"children": [{"type": "Form"}]}}]), "the form has no children"),
        (json!([{"id": "A", "layout": {"children": [{"type": "If"}]}}]), "the branch has no components"),
        (json!(vec![json!({"id": "A", "layout": layout}); 101]), "has 101 screens"),
    ] {
        let error = flow(&screens).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    FlowJson::parse(&format!("\u{feff}{SURVEY}")).unwrap();
}

#[test]
fn references_are_filled_in_from_the_data_and_others_stay() {
    let data = json!({"name": "Anna", "shop": {"town": "Nakuru"}, "n": 3, "none": null, "is_open": false,
        "towns": [{"id": "1", "title": "Nairobi"}, {"title": "no id"}, 7]});
    let Value::Object(data) = data else { panic!() };
    for (text, filled) in [
        ("Hi ${data.name}, ${data.n} in ${data.shop.town}", "Hi Anna, 3 in Nakuru"),
        ("${data.none} ${data.missing} ${form.name}", "${data.none} ${data.missing} ${form.name}"),
        ("${data.name", "${data.name"),
        ("${${data.name}}", "${${data.name}}"),
        ("", ""),
    ] {
        assert_eq!(fill_flow_text(text, &data, 100), filled);
    }
    assert_eq!(fill_flow_text("${data.name} é", &data, 5), "Anna …");
    let towns = flow_options("${data.towns}", &data).unwrap();
    assert_eq!(towns.iter().map(|town| town.title.as_str()).collect::<Vec<_>>(), ["Nairobi"]);
    assert_eq!(flow_options("${data.name}", &data), None);
    let bound =
        |visible: &str| FlowComponent { kind: FlowPart::Link("x".into()), visible: Some(visible.into()) };
    assert!(!bound("${data.is_open}").is_visible(&data) && bound("${data.name}").is_visible(&data));
    assert!(bound("${data.is_open}").is_visible(&Map::new()));
}

#[test]
fn labels_follow_the_action_that_completes_the_flow() {
    let labels = FlowJson::parse(SURVEY).unwrap().labels();
    // `visit` of the answer is `rating` of the first screen, passed on as `how`.
    assert_eq!(labels.field("visit"), Some("How was your visit?"));
    assert_eq!(labels.option("visit", "0_very_good"), Some("Very good"));
    assert_eq!(labels.option("visit", "9_unknown"), None);
    assert_eq!(labels.field("comment"), Some("Anything else?"));
    assert_eq!(labels.option("topics", "staff"), Some("Staff"));
    assert_eq!(labels.field("flow_token"), None);
}

#[test]
fn labels_of_screens_that_disagree_or_refer_to_data_are_not_known() {
    let radio = |label: &str, title: &str| {
        json!({"type": "RadioButtonsGroup", "name": "town", "label": label,
        "data-source": [{"id": "1", "title": title}, {"id": "2", "title": "Kisumu"}]})
    };
    let at = |id: &str, child: Value| json!({"id": id, "layout": {"children": [child]}});
    let labels = flow(&json!([at("A", radio("Town", "Nairobi")), at("B", radio("City", "Mombasa"))]))
        .unwrap()
        .labels();
    assert_eq!((labels.field("town"), labels.option("town", "1")), (None, None));
    assert_eq!(labels.option("town", "2"), Some("Kisumu"));
    let labels = flow(&json!([at("A", radio("${data.label}", "Nairobi"))])).unwrap().labels();
    assert_eq!((labels.field("town"), labels.option("town", "1")), (None, Some("Nairobi")));
}

#[test]
fn screens_that_pass_data_in_a_circle_end() {
    let screen = |id: &str, next: &str| {
        let go = json!({"name": "navigate", "next": {"type": "screen", "name": next}, "payload": {"x": "${data.x}"}});
        let end = json!({"name": "complete", "payload": {"x": "${data.x}"}});
        json!({"id": id, "layout": {"children": [
            {"type": "EmbeddedLink", "text": "l", "on-click-action": go}, {"type": "Footer", "label": "f", "on-click-action": end}]}})
    };
    let labels = flow(&json!([screen("A", "B"), screen("B", "A")])).unwrap().labels();
    assert_eq!(labels.field("x"), None);
}

#[test]
fn a_document_that_refers_to_long_values_many_times_is_cut() {
    let data: Map<String, Value> = [("x".to_owned(), json!("é".repeat(100_000)))].into_iter().collect();
    let filled = fill_flow_text(&"${data.x}".repeat(40_000), &data, 4096);
    assert_eq!(filled.chars().count(), 4097);
    // A chain of thousands of references for each of thousands of names.
    let payload: Map<String, Value> =
        (0..3_000).map(|n| (n.to_string(), json!(format!("${{data.{}}}", n + 1)))).collect();
    let go = json!({"type": "Footer", "label": "f", "on-click-action": {"name": "navigate", "next": {"name": "A"}, "payload": payload}});
    let end =
        json!({"type": "Footer", "label": "f", "on-click-action": {"name": "complete", "payload": payload}});
    let labels = flow(&json!([{"id": "A", "layout": {"children": [go, end]}}])).unwrap().labels();
    assert_eq!(labels.field("0"), None);
}

#[test]
fn random_documents_never_panic() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..2_000 {
        let mut bytes = SURVEY.as_bytes().to_vec();
        for _ in 0..random.usize(1..20) {
            let place = random.usize(..bytes.len());
            match random.u8(..3) {
                0 => bytes[place] = *random.choice(b"{}[]\",:$ x0").unwrap(),
                1 => drop(bytes.remove(place)),
                _ => bytes.truncate(bytes.len().saturating_sub(random.usize(..40)).max(1)),
            }
        }
        if let Ok(flow) = FlowJson::parse(&String::from_utf8_lossy(&bytes)) {
            flow.labels();
        }
    }
}
