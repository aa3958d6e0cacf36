//! The parts of a template that have values: the header, the variables of the body, and the buttons.

use std::collections::BTreeSet;

use crate::message::compile::Compiler;
use crate::message::error::{CompileError, RenderError};
use crate::message::node::{BODY_LIMIT, HEADER_LIMIT, Text};
use crate::message::template::{
    ButtonKind, ButtonValue, HeaderMedia, HeaderMediaUse, MediaKind, MediaSource, TemplateParameter,
    TemplateUse,
};
use crate::message::texts::Texts;
use crate::message::whitespace::{folded, is_one_line};

/// The index of the last button: a template has at most ten.
const LAST_BUTTON: u8 = 9;

/// Refuses parts that a template cannot have together.
pub(crate) fn check_parts(compiler: &Compiler, written: &TemplateUse) -> Result<(), CompileError> {
    if written.button.as_ref().is_some_and(|button| button.index > LAST_BUTTON) {
        return Err(compiler.wrong("button.index", "is not the index of a button; write 0 to 9"));
    }
    if written.header.is_some() && written.media.is_some() {
        return Err(compiler.wrong("media", "cannot be used with header; a template has one header"));
    }
    if !written.body.is_empty() && !written.parameters.is_empty() {
        let reason = "cannot be used with body; the variables of a template have either numbers or names";
        return Err(compiler.wrong("parameters", reason));
    }
    check_names(compiler, written)?;
    let mut used: BTreeSet<u8> = written.button.iter().map(|button| button.index).collect();
    for (place, button) in (0..).zip(&written.buttons) {
        let field = format!("buttons.{place}.index");
        if button.index > LAST_BUTTON {
            return Err(compiler.wrong(&field, "is not the index of a button; write 0 to 9"));
        }
        if !used.insert(button.index) {
            return Err(compiler.wrong(&field, format!("is {}, like that of another button", button.index)));
        }
    }
    Ok(())
}

fn check_names(compiler: &Compiler, written: &TemplateUse) -> Result<(), CompileError> {
    let is_name = |name: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        !name.is_empty() && name.bytes().all(is_allowed)
    };
    for (field, name) in written
        .parameters
        .keys()
        .map(|name| (format!("parameters.{name}"), name))
        .chain(written.header_name.iter().map(|name| ("header_name".to_owned(), name)))
    {
        if !is_name(name) {
            let reason = "is not the name of a variable; names have lower-case letters, digits and _ only";
            return Err(compiler.wrong(&field, reason));
        }
    }
    match (&written.header, &written.header_name) {
        (None, Some(_)) => {
            Err(compiler.wrong("header_name", "is the name of the variable in header; write header"))
        }
        (Some(_), Some(_)) if !written.body.is_empty() => Err(compiler.wrong(
            "header_name",
            "cannot be used with body; the variables of a template have either numbers or names",
        )),
        (Some(_), None) if !written.parameters.is_empty() => {
            Err(compiler.wrong("header_name", "is missing; write the name of the header's variable"))
        }
        _ => Ok(()),
    }
}

/// What fills in the texts of one recipient.
pub(crate) struct Filler<'a> {
    pub(crate) texts: &'a Texts,
    pub(crate) variables: &'a minijinja::Value,
    /// Whether line breaks, tabs and many spaces become one space.
    pub(crate) folds: bool,
}

impl Filler<'_> {
    /// A text on one line.
    fn one_line(&self, field: &str, text: &Text) -> Result<String, RenderError> {
        match self.texts.text(text, self.variables)? {
            filled if is_one_line(&filled) => Ok(filled),
            filled if self.folds => Ok(folded(&filled)),
            _ => Err(RenderError::Whitespace { section: "template", field: field.to_owned() }),
        }
    }
}

/// A variable of header or body.
#[derive(Debug)]
pub(crate) struct CompiledParameter {
    field: String,
    name: Option<String>,
    text: Text,
}

impl CompiledParameter {
    /// The variable of the header.
    pub(crate) fn header(
        compiler: &mut Compiler,
        written: &TemplateUse,
    ) -> Result<Option<Self>, CompileError> {
        let text = compiler.optional("header", written.header.as_deref(), HEADER_LIMIT)?;
        Ok(text.map(|text| Self { field: "header".to_owned(), name: written.header_name.clone(), text }))
    }

    /// The variables of the body.
    pub(crate) fn body(compiler: &mut Compiler, written: &TemplateUse) -> Result<Vec<Self>, CompileError> {
        let numbered = (0..).zip(&written.body).map(|(place, text)| (format!("body.{place}"), None, text));
        let named = written.parameters.iter();
        let named = named.map(|(name, text)| (format!("parameters.{name}"), Some(name.clone()), text));
        let all = numbered.chain(named).map(|(field, name, text)| {
            let text = compiler.required(&field, text, BODY_LIMIT)?;
            Ok(Self { field, name, text })
        });
        all.collect()
    }

    pub(crate) fn fill(&self, filler: &Filler<'_>) -> Result<TemplateParameter, RenderError> {
        Ok(TemplateParameter { name: self.name.clone(), text: filler.one_line(&self.field, &self.text)? })
    }
}

/// A button with a value.
#[derive(Debug)]
pub(crate) struct CompiledButton {
    field: String,
    index: u8,
    kind: ButtonKind,
    value: Text,
}

impl CompiledButton {
    /// The buttons with values.
    pub(crate) fn all(compiler: &mut Compiler, written: &TemplateUse) -> Result<Vec<Self>, CompileError> {
        let all = (0..).zip(&written.buttons).map(|(place, button)| {
            let field = format!("buttons.{place}.value");
            let value = compiler.required(&field, &button.value, BODY_LIMIT)?;
            Ok(Self { field, index: button.index, kind: button.kind, value })
        });
        all.collect()
    }

    pub(crate) fn fill(&self, filler: &Filler<'_>) -> Result<ButtonValue, RenderError> {
        let value = filler.one_line(&self.field, &self.value)?;
        Ok(ButtonValue { index: self.index, kind: self.kind, value })
    }
}

/// The media of the header.
#[derive(Debug)]
pub(crate) struct CompiledMedia {
    kind: MediaKind,
    link: Option<Text>,
    id: Option<Text>,
    filename: Option<Text>,
}

impl CompiledMedia {
    pub(crate) fn new(compiler: &mut Compiler, written: &HeaderMediaUse) -> Result<Self, CompileError> {
        if written.link.is_some() == written.id.is_some() {
            return Err(compiler.wrong("media.link", "give exactly one of link and id"));
        }
        if written.filename.is_some() && written.kind != MediaKind::Document {
            return Err(compiler.wrong("media.filename", "is for documents only; leave it out"));
        }
        let link = compiler.optional("media.link", written.link.as_deref(), BODY_LIMIT)?;
        let id = compiler.optional("media.id", written.id.as_deref(), BODY_LIMIT)?;
        let filename = compiler.optional("media.filename", written.filename.as_deref(), BODY_LIMIT)?;
        // A link with variables is checked for each recipient.
        if let Some(Text::Fixed(link)) = &link
            && !is_web_address(link)
        {
            let reason = "is not a web address; write an address that begins with https://";
            return Err(compiler.wrong("media.link", reason));
        }
        Ok(Self { kind: written.kind, link, id, filename })
    }

    pub(crate) fn fill(&self, filler: &Filler<'_>) -> Result<HeaderMedia, RenderError> {
        let fill = |text: &Option<Text>| {
            text.as_ref().map(|text| filler.texts.text(text, filler.variables)).transpose()
        };
        let (link, id, filename) = (fill(&self.link)?, fill(&self.id)?, fill(&self.filename)?);
        let source = match (link, id) {
            (Some(link), _) if is_web_address(link.trim()) => MediaSource::Link(link.trim().to_owned()),
            (None, Some(id)) => MediaSource::Id(id.trim().to_owned()),
            _ => return Err(RenderError::Link { section: "template", field: "media.link".into() }),
        };
        Ok(HeaderMedia { kind: self.kind, source, filename })
    }
}

/// Whether a text is a web address without spaces.
fn is_web_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty()) && !text.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::message::template::{ButtonKind, MediaSource, TemplateHeader};
    use crate::message::template_render::CompiledTemplate;
    use crate::message::variables::Variables;

    fn compile(parts: &Value) -> Result<CompiledTemplate, String> {
        let mut whole = json!({"name": "offer", "language": "en"});
        whole.as_object_mut().unwrap().extend(parts.as_object().unwrap().clone());
        CompiledTemplate::compile(&serde_json::from_value(whole).unwrap()).map_err(|error| error.to_string())
    }

    fn whole() -> Value {
        json!({
            "media": {"kind": "image", "link": "{{ picture }}"},
            "parameters": {"first_name": "{{ first_name }}", "discount": "20%"},
            "button": {"index": 2},
            "buttons": [
                {"index": 0, "kind": "url", "value": "{{ code }}"},
                {"index": 1, "kind": "copy_code", "value": "{{ code }}"},
            ],
        })
    }

    #[test]
    fn media_names_and_buttons_are_filled_in_for_one_recipient() {
        let compiled = compile(&whole()).unwrap();
        assert_eq!(compiled.variables().iter().collect::<Vec<_>>(), ["code", "first_name", "picture"]);
        let row: Variables =
            [("first_name", "Anna"), ("code", "A7"), ("picture", "https://x.example/a.jpg ")]
                .into_iter()
                .collect();
        let message = compiled.render(&row).unwrap();
        let Some(TemplateHeader::Media(media)) = &message.header else { panic!("a media header") };
        assert!(media.source == MediaSource::Link("https://x.example/a.jpg".into()));
        let body: Vec<_> = message.body.iter().map(|one| (one.name.as_deref(), one.text.as_str())).collect();
        assert_eq!(body, [(Some("discount"), "20%"), (Some("first_name"), "Anna")]);
        let buttons: Vec<_> =
            message.buttons.iter().map(|one| (one.index, one.kind, one.value.as_str())).collect();
        assert_eq!(buttons, [(0, ButtonKind::Url, "A7"), (1, ButtonKind::CopyCode, "A7")]);
    }

    #[test]
    fn a_link_that_is_no_web_address_fails_for_its_recipient_only() {
        let compiled = compile(&whole()).unwrap();
        for picture in ["a.jpg", "https://", "ftp://x.example/a.jpg", "https://x.example/a b.jpg"] {
            let row: Variables =
                [("first_name", "Anna"), ("code", "A7"), ("picture", picture)].into_iter().collect();
            let Err(error) = compiled.render(&row) else { panic!("{picture} is no web address") };
            assert_eq!(error.word(), "link_not_web_address");
        }
    }

    #[test]
    fn parts_that_contradict_each_other_are_refused_with_their_field() {
        let media = |media: Value| json!({"media": media});
        for (parts, expected) in [
            (
                json!({"header": "x", "media": {"kind": "image", "id": "1"}}),
                "[template] media: cannot be used with header",
            ),
            (media(json!({"kind": "image"})), "[template] media.link: give exactly one of link and id"),
            (
                media(json!({"kind": "image", "id": "1", "link": "https://x.example/1"})),
                "[template] media.link: give exactly",
            ),
            (media(json!({"kind": "image", "link": "a.jpg"})), "[template] media.link: is not a web address"),
            (
                media(json!({"kind": "video", "id": "1", "filename": "x"})),
                "[template] media.filename: is for documents only",
            ),
            (
                json!({"body": ["x"], "parameters": {"a": "x"}}),
                "[template] parameters: cannot be used with body",
            ),
            (json!({"parameters": {"First Name": "x"}}), "[template] parameters.First Name: is not the name"),
            (json!({"header_name": "town"}), "[template] header_name: is the name of the variable in header"),
            (json!({"header": "x", "parameters": {"a": "x"}}), "[template] header_name: is missing"),
            (
                json!({"header": "x", "header_name": "a", "body": ["x"]}),
                "[template] header_name: cannot be used with body",
            ),
            (
                json!({"buttons": [{"index": 10, "kind": "url", "value": "x"}]}),
                "[template] buttons.0.index: is not the index",
            ),
            (
                json!({"button": {}, "buttons": [{"index": 0, "kind": "url", "value": "x"}]}),
                "[template] buttons.0.index: is 0, like",
            ),
            (
                json!({"buttons": [{"index": 0, "kind": "url", "value": " "}]}),
                "[template] buttons.0.value: is empty",
            ),
            (
                json!({"buttons": [{"index": 0, "kind": "url", "value": "a\nb"}]}),
                "[template] buttons.0.value: Meta takes no line break",
            ),
        ] {
            let error = compile(&parts).unwrap_err();
            assert!(error.starts_with(expected), "{parts}: {error}");
        }
    }
}
