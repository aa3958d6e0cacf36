//! The screens of a flow below each other.

use campaign::{FlowJson, FlowScreen, fill_flow_text};
use maud::{Markup, html};
use serde_json::{Map, Value};

use crate::preview::component::component;
use crate::words::number::counted;

/// The screens that are drawn.
const SHOWN: usize = 30;
/// The characters of a title that are drawn.
const TITLE: usize = 80;

/// The screens of a flow. The screen that the message opens has the data of one recipient, other screens have the examples of the
/// flow's author.
pub(crate) fn screens(flow: &FlowJson, opened: Option<&str>, data: &Map<String, Value>) -> Markup {
    let is_known = opened.is_none_or(|opened| flow.screen(opened).is_some());
    html! {
        section class="flow-screens" {
            h2 { "Screens of the flow" }
            @if let (Some(opened), false) = (opened, is_known) {
                p class="hint problem" { "The flow has no screen " code { (opened) } "." }
            }
            @for (n, screen) in flow.screens.iter().take(SHOWN).enumerate() {
                @let is_opened = opened == Some(screen.id.as_str());
                details class="flow-step" open[is_opened || (n == 0 && (opened.is_none() || !is_known))] {
                    summary { code { (screen.id) } @if is_opened { " opens first" } @if screen.is_terminal { " ends the flow" } }
                    (draw(screen, if is_opened { data } else { &screen.data }))
                }
            }
            @if let Some(others) = flow.screens.len().checked_sub(SHOWN).filter(|others| *others > 0) { p class="hint" { "and " (others) " more screens" } }
            @if flow.screens.len() > 1 { p class="hint" { "Screens that open later show the examples of the flow's author." } }
        }
    }
}

fn draw(screen: &FlowScreen, data: &Map<String, Value>) -> Markup {
    let title = fill_flow_text(&screen.title, data, TITLE);
    html! {
        div class="flow-screen" {
            @if !title.is_empty() { p class="flow-title" { (title) } }
            @for one in &screen.components { (component(one, data)) }
            @if screen.left_out > 0 {
                p class="flow-note" { "and " (counted(i64::try_from(screen.left_out).unwrap_or(i64::MAX), "component", "components")) " more; WhatsApp shows at most 50" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SURVEY: &str = include_str!("../../../../examples/flow.json");

    fn data(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn flow(children: &Value) -> FlowJson {
        let screens = json!([{"id": "A", "title": "T", "layout": {"children": children}}]);
        FlowJson::parse(&json!({"version": "7.0", "screens": screens}).to_string()).unwrap()
    }

    #[test]
    fn the_screen_that_opens_has_the_data_of_the_recipient_and_others_have_examples() {
        let flow = FlowJson::parse(SURVEY).unwrap();
        let drawn = screens(&flow, Some("WELCOME"), &data(&json!({"first_name": "Wanjiru"}))).into_string();
        for expected in [
            "<details class=\"flow-step\" open><summary><code>WELCOME</code> opens first",
            "Hello Wanjiru",
            "How was your visit?",
            "Very good",
            "Tell us why on the next screen",
            "<code>COMMENT</code> ends the flow",
            "Anything else?<span class=\"flow-optional\"> (optional)</span>",
            "You may call me",
        ] {
            assert!(drawn.contains(expected), "{expected} is not in {drawn}");
        }
        let missing = screens(&flow, Some("WELCOME"), &Map::new()).into_string();
        assert!(
            missing.contains("Hello ${data.first_name}"),
            "the data that a row lacks is not made up: {missing}"
        );
        let other = screens(&flow, Some("COMMENT"), &Map::new()).into_string();
        assert!(other.contains("Hello Achieng"), "{other}");
        assert!(
            screens(&flow, Some("NONE"), &Map::new())
                .into_string()
                .contains("has no screen <code>NONE</code>")
        );
    }

    #[test]
    fn markup_in_every_text_is_a_text() {
        let bad = "<script>alert(1)</script>\"'&";
        let field = |word: &str| {
            json!({"type": word, "name": bad, "label": bad, "helper-text": bad, "description": bad,
            "data-source": [{"id": bad, "title": bad, "description": bad}]})
        };
        let children = json!([
            field("TextInput"), field("TextArea"), field("DatePicker"), field("CalendarPicker"), field("Dropdown"),
            field("RadioButtonsGroup"), field("CheckboxGroup"), field("ChipsSelector"), field("OptIn"),
            {"type": "TextHeading", "text": bad}, {"type": "TextBody", "text": "${data.bad}"}, {"type": "EmbeddedLink", "text": bad},
            {"type": "Image", "alt-text": bad}, {"type": "Footer", "label": bad}, {"type": bad},
            {"type": "Dropdown", "name": "n", "data-source": format!("${{data.{bad}}}")},
            {"type": "If", "condition": bad, "then": [{"type": bad}], "else": []},
            {"type": "Switch", "value": bad, "cases": {bad: [{"type": "TextBody", "text": bad}], "b": [], "c": []}},
        ]);
        let drawn = screens(&flow(&children), Some("A"), &data(&json!({"bad": bad}))).into_string();
        assert!(!drawn.contains("<script"), "{drawn}");
        assert!(drawn.matches("&lt;script&gt;").count() > 30, "{drawn}");
        for expected in
            ["Not drawn here: &lt;", "Options come from", "other branches are not drawn", "another branch"]
        {
            assert!(drawn.contains(expected), "{expected} is not in {drawn}");
        }
    }

    #[test]
    fn long_texts_many_options_and_many_components_are_cut() {
        let options: Vec<Value> =
            (0..30).map(|n| json!({"id": n.to_string(), "title": format!("Town {n}")})).collect();
        let mut children = vec![
            json!({"type": "TextHeading", "text": "é".repeat(100)}),
            json!({"type": "RadioButtonsGroup", "name": "t", "label": "Town", "data-source": options}),
        ];
        children.extend(vec![json!({"type": "TextBody", "text": "x"}); 10_000]);
        let drawn = screens(&flow(&json!(children)), None, &Map::new()).into_string();
        assert!(drawn.contains(&format!(">{}…<", "é".repeat(80))), "{drawn}");
        assert!(drawn.contains("Town 9") && !drawn.contains("Town 10") && drawn.contains("and 20 more"));
        assert!(drawn.contains("and 9,952 components more"), "{drawn}");
    }

    #[test]
    fn a_component_that_the_data_hides_is_not_drawn() {
        let flow =
            flow(&json!([{"type": "TextBody", "text": "secret offer", "visible": "${data.is_member}"}]));
        let drawn = |is_member: bool| {
            screens(&flow, Some("A"), &data(&json!({"is_member": is_member}))).into_string()
        };
        assert!(drawn(true).contains("secret offer") && !drawn(false).contains("secret offer"));
    }
}
