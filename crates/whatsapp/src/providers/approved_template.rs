//! An approved template, as Meta and 1msg list it.
//!
//! Sources: Meta's page on template components (`developers.facebook.com/documentation/business-messaging/whatsapp/templates/components`)
//! and 1msg's API description (`GET /templates`). Both have the same components. Words are compared ignoring case.

use serde_json::Value;

/// An approved template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApprovedTemplate {
    /// The name.
    pub name: String,
    /// The language, such as `en_US`.
    pub language: String,
    /// The status in the provider's word, in lower case.
    pub status: Option<String>,
    /// The category in the provider's word, in lower case.
    pub category: Option<String>,
    /// What the header is, in lower case: `text`, `image`, `video`, `document`; `None` without a header.
    pub header_format: Option<String>,
    /// The text of the header with its variable.
    pub header: Option<String>,
    /// The text of the body with its variables; `None` if the template has no body of its own.
    pub body: Option<String>,
    /// The footer.
    pub footer: Option<String>,
    /// The buttons, in order.
    pub buttons: Vec<ApprovedButton>,
}

/// A button of an approved template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApprovedButton {
    /// The text.
    pub text: String,
    /// The kind in the provider's word, in lower case: `flow`, `url`, `quick_reply`, `copy_code`, `phone_number`.
    pub kind: Option<String>,
    /// The web address that it opens, with its variable.
    pub url: Option<String>,
    /// The id of the flow that it opens.
    pub flow_id: Option<String>,
}

/// The templates of one page, and where the next page begins. `None` if the body is not a list of templates.
pub(crate) fn read_page(body: &Value) -> Option<(Vec<ApprovedTemplate>, Option<String>)> {
    let items = body.get("data").or_else(|| body.get("templates"))?.as_array()?;
    let paging = body.get("paging").filter(|paging| paging.get("next").is_some());
    let after = paging.and_then(|paging| text(paging.pointer("/cursors/after")));
    Some((items.iter().filter_map(template).collect(), after))
}

fn template(item: &Value) -> Option<ApprovedTemplate> {
    let mut template = ApprovedTemplate {
        name: text(item.get("name"))?,
        language: text(item.get("language"))?,
        status: word(item.get("status")),
        category: word(item.get("category")),
        ..ApprovedTemplate::default()
    };
    for component in item.get("components").and_then(Value::as_array).into_iter().flatten() {
        match word(component.get("type")).as_deref() {
            Some("header") => {
                template.header_format = word(component.get("format")).or_else(|| Some("text".to_owned()));
                template.header = text(component.get("text"));
            }
            Some("body") => template.body = text(component.get("text")),
            Some("footer") => template.footer = text(component.get("text")),
            Some("buttons") => {
                let buttons = component.get("buttons").and_then(Value::as_array);
                template.buttons = buttons.into_iter().flatten().map(button).collect();
            }
            _ => {}
        }
    }
    Some(template)
}

fn button(item: &Value) -> ApprovedButton {
    let flow_id = item.get("flow_id").and_then(|id| match id {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    });
    ApprovedButton {
        text: text(item.get("text")).unwrap_or_default(),
        kind: word(item.get("type")),
        url: text(item.get("url")),
        flow_id,
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn word(value: Option<&Value>) -> Option<String> {
    text(value).map(|word| word.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_of_either_provider_is_read() {
        let item = json!({
            "name": "offer", "language": "en_US", "status": "APPROVED", "category": "MARKETING", "components": [
                {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["x"]}},
                {"type": "BODY", "text": "Dear {{first_name}}"},
                {"type": "BUTTONS", "buttons": [
                    {"type": "FLOW", "text": "Open", "flow_id": 12, "flow_action": "NAVIGATE"},
                    {"type": "URL", "text": "Shop", "url": "https://shop.example/{{1}}"},
                ]},
            ],
        });
        let (page, after) =
            read_page(&json!({"data": [item], "paging": {"cursors": {"after": "x"}}})).unwrap();
        assert_eq!(after, None, "there is no next page");
        let one = &page[0];
        assert_eq!((one.status.as_deref(), one.category.as_deref()), (Some("approved"), Some("marketing")));
        assert_eq!((one.header_format.as_deref(), one.header.as_deref()), (Some("image"), None));
        assert_eq!(one.body.as_deref(), Some("Dear {{first_name}}"));
        assert_eq!(one.buttons[0].flow_id.as_deref(), Some("12"));
        assert_eq!(one.buttons[1].url.as_deref(), Some("https://shop.example/{{1}}"));
        let of_one_msg = json!({"templates": [{"name": "t", "language": "en", "status": "approved", "components": [
            {"type": "HEADER", "text": "News"}, {"type": "body", "text": "Hi {{1}}"}]}]});
        let (page, _) = read_page(&of_one_msg).unwrap();
        assert_eq!(
            (page[0].header_format.as_deref(), page[0].header.as_deref()),
            (Some("text"), Some("News"))
        );
        let next = json!({"data": [], "paging": {"cursors": {"after": "x"}, "next": "https://x.example"}});
        assert_eq!(read_page(&next).unwrap().1.as_deref(), Some("x"));
        assert_eq!(read_page(&json!({"error": {}})), None);
    }
}
