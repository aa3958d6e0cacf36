//! Message features that a provider does not support, refused before anything is sent.
//!
//! Sources: LipaChat "Send a flow" and its page on templates; 1msg "Sending WhatsApp Flow" and its `sendFlow`. Kaleyra
//! passes on everything that Meta accepts. Meta's own limits hold for every message.

use crate::definition::error::DefinitionError;
use crate::message::flow::{FlowActionKind, FlowMode, FlowTemplate};
use crate::message::template::TemplateUse;
use crate::provider::Provider;

/// The field of the first screen's data that carries our reference at LipaChat, which has no flow token. The flow must
/// declare this field on its first screen and return it from its last screen. Otherwise its answer cannot be matched.
pub const LIPACHAT_REFERENCE: &str = "flowcast_ref";

const BY_ID: &str = "cannot be sent, the provider identifies flows by id only; write flow_id";
const NO_SUCH_PART: &str = "cannot be sent, the provider's flow messages have none; leave it out";

/// An unsupported feature: whether the message uses it, its field, and the error text.
type Unsupported = (bool, &'static str, &'static str);

/// Refuses the first feature of the flow message that the provider does not support.
pub(crate) fn check_flow(provider: Provider, flow: &FlowTemplate) -> Result<(), DefinitionError> {
    let by_name = (flow.flow_name.is_some(), "flow_name", BY_ID);
    let no_token = (
        !flow.reference,
        "reference",
        "cannot be false, the flow token always carries the reference at this provider; leave it out",
    );
    let cannot: &[Unsupported] = match provider {
        Provider::Kaleyra | Provider::Meta => &[no_token],
        Provider::OneMsg => &[by_name, no_token],
        Provider::LipaChat => &[
            (flow.header.is_some(), "header", NO_SUCH_PART),
            (flow.footer.is_some(), "footer", NO_SUCH_PART),
            by_name,
            (
                flow.action == FlowActionKind::DataExchange,
                "action",
                "cannot be sent, the provider's flows always open on a screen; write action = \"navigate\"",
            ),
            (
                flow.mode == FlowMode::Draft,
                "mode",
                "cannot be sent, the provider opens published flows only; write mode = \"published\"",
            ),
            (
                flow.reference && flow.data.contains_key(LIPACHAT_REFERENCE),
                "data",
                "holds flowcast_ref, which is filled in for this provider; remove that field",
            ),
        ],
    };
    refuse_first(provider, "flow", cannot)
}

/// Refuses the first feature of the template message that the provider does not support.
pub(crate) fn check_template(provider: Provider, template: &TemplateUse) -> Result<(), DefinitionError> {
    let cannot: &[Unsupported] = match provider {
        Provider::Kaleyra | Provider::OneMsg | Provider::Meta => &[],
        Provider::LipaChat => &[
            (
                template.button.is_some(),
                "button",
                "cannot be sent, the provider's templates have no flow buttons; send a flow, or choose another provider",
            ),
            (
                template.header.is_some(),
                "header",
                "cannot be sent, the provider's templates have variables in the body only; leave it out",
            ),
            (
                template.media.as_ref().is_some_and(|media| media.id.is_some()),
                "media.id",
                "cannot be sent, the provider takes media by their address only; write link",
            ),
            (
                template.media.as_ref().is_some_and(|media| media.filename.is_some()),
                "media.filename",
                "cannot be sent, the provider takes no file name; leave it out",
            ),
            (
                !template.parameters.is_empty(),
                "parameters",
                "cannot be sent, the provider's variables have numbers; write body",
            ),
            (
                !template.buttons.is_empty(),
                "buttons",
                "cannot be sent, the provider documents no values of buttons; leave them out",
            ),
        ],
    };
    refuse_first(provider, "template", cannot)
}

fn refuse_first(
    provider: Provider,
    section: &'static str,
    cannot: &[Unsupported],
) -> Result<(), DefinitionError> {
    match cannot.iter().find(|(is_asked_for, ..)| *is_asked_for) {
        Some(&(_, field, reason)) => Err(DefinitionError::Provider { provider, section, field, reason }),
        None => Ok(()),
    }
}
