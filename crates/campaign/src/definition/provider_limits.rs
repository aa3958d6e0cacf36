//! What a provider cannot do with a campaign's message, so that it is refused before anybody is sent to.
//!
//! Read from the vendors' pages: LipaChat "Send a flow" and its page on templates, 1msg "Sending WhatsApp Flow" and its
//! `sendFlow`. Kaleyra passes on what Meta takes, and Meta's own limits hold for every message.

use crate::definition::error::DefinitionError;
use crate::message::flow::{FlowActionKind, FlowMode, FlowTemplate};
use crate::message::template::TemplateUse;
use crate::provider::Provider;

/// The member of the first screen's data that carries our reference at LipaChat, which has no flow token. A flow must
/// declare it on its first screen and hand it back on its last one for its answer to be matched.
pub const LIPACHAT_REFERENCE: &str = "flowcast_ref";

const BY_ID: &str = "cannot be sent, it knows flows by id only; write flow_id";
const NO_SUCH_PART: &str = "cannot be sent, its flow messages have none; leave it out";

/// Something it cannot do: whether it is asked for, its field, and what is said.
type Inability = (bool, &'static str, &'static str);

/// Refuses the first thing in the flow message that the provider cannot do.
pub(crate) fn check_flow(provider: Provider, flow: &FlowTemplate) -> Result<(), DefinitionError> {
    let by_name = (flow.flow_name.is_some(), "flow_name", BY_ID);
    let cannot: &[Inability] = match provider {
        Provider::Kaleyra | Provider::Meta => &[],
        Provider::OneMsg => &[by_name],
        Provider::LipaChat => &[
            (flow.header.is_some(), "header", NO_SUCH_PART),
            (flow.footer.is_some(), "footer", NO_SUCH_PART),
            by_name,
            (
                flow.action == FlowActionKind::DataExchange,
                "action",
                "cannot be sent, its flows always open on a screen; write action = \"navigate\"",
            ),
            (
                flow.mode == FlowMode::Draft,
                "mode",
                "cannot be sent, it opens published flows only; write mode = \"published\"",
            ),
            (
                flow.data.contains_key(LIPACHAT_REFERENCE),
                "data",
                "holds flowcast_ref, which is filled in for this provider; leave that member out",
            ),
        ],
    };
    refuse_first(provider, "flow", cannot)
}

/// Refuses the first thing in the template that the provider cannot do.
pub(crate) fn check_template(provider: Provider, template: &TemplateUse) -> Result<(), DefinitionError> {
    let cannot: &[Inability] = match provider {
        Provider::Kaleyra | Provider::OneMsg | Provider::Meta => &[],
        Provider::LipaChat => &[
            (
                template.button.is_some(),
                "button",
                "cannot be sent, its templates have no flow buttons; send a flow, or choose another provider",
            ),
            (
                template.header.is_some(),
                "header",
                "cannot be sent, its templates fill in the body only; leave it out",
            ),
        ],
    };
    refuse_first(provider, "template", cannot)
}

fn refuse_first(
    provider: Provider,
    section: &'static str,
    cannot: &[Inability],
) -> Result<(), DefinitionError> {
    match cannot.iter().find(|(is_asked_for, ..)| *is_asked_for) {
        Some(&(_, field, reason)) => Err(DefinitionError::Provider { provider, section, field, reason }),
        None => Ok(()),
    }
}
