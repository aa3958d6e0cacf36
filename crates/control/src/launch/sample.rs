//! The message of a campaign, rendered for its recipients as a worker would.

use std::collections::BTreeMap;

use campaign::{CompiledMessage, MediaSource, Message, RenderError, TemplateHeader, Variables, Window};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The number of sample messages of a check.
pub const SAMPLES: usize = 3;

/// One message as its recipient would see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sample {
    /// The place of the recipient.
    pub seq: i32,
    /// The header.
    #[schema(required)]
    pub header: Option<String>,
    /// The body, or the name and the variables of a template.
    pub body: String,
    /// The footer.
    #[schema(required)]
    pub footer: Option<String>,
    /// The text of the button.
    #[schema(required)]
    pub button: Option<String>,
}

/// The result of rendering the message for all recipients.
#[derive(Default)]
pub(crate) struct Rendered {
    pub(crate) samples: Vec<Sample>,
    /// Errors, each with the number of recipients and the first of them.
    pub(crate) faults: BTreeMap<String, (i64, i32)>,
}

impl Rendered {
    pub(crate) fn add(&mut self, seq: i32, message: &CompiledMessage, variables: &Variables) {
        match message.render(variables, Window::Unheard) {
            Ok(message) if self.samples.len() < SAMPLES => self.samples.push(Sample::of(seq, message)),
            Ok(_) => {}
            Err(fault) => {
                let (n, first) = self.faults.entry(sentence(&fault)).or_insert((0, seq));
                *n += 1;
                *first = (*first).min(seq);
            }
        }
    }
}

/// The error text, which is the same for all recipients with this error.
pub(crate) fn sentence(fault: &RenderError) -> String {
    match fault {
        RenderError::TooLong { section, field, limit, .. } => {
            format!("[{section}] {field}: longer than WhatsApp's {limit} characters when filled in")
        }
        other => other.to_string(),
    }
}

/// The variable of a header, or kind and place of its media.
fn header(header: TemplateHeader) -> String {
    match header {
        TemplateHeader::Text(variable) => variable.text,
        TemplateHeader::Media(media) => {
            let (MediaSource::Link(place) | MediaSource::Id(place)) = media.source;
            format!("{}: {place}", media.kind.word())
        }
    }
}

impl Sample {
    pub(crate) fn of(seq: i32, message: Message) -> Self {
        match message {
            Message::Flow(flow) => {
                let (header, body, footer) = (flow.header, flow.body, flow.footer);
                Self { seq, header, body, footer, button: Some(flow.cta) }
            }
            Message::Template(template) => {
                let body = format!(
                    "template {} ({}): {}",
                    template.name,
                    template.language,
                    template
                        .body
                        .iter()
                        .map(|variable| variable.text.as_str())
                        .collect::<Vec<_>>()
                        .join(" | ")
                );
                Self { seq, header: template.header.map(header), body, footer: None, button: None }
            }
        }
    }
}
