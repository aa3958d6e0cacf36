//! The domain of Flowcast: types and rules.
//!
//! **Invariants.** This crate performs no I/O and depends on no runtime, broker, database or HTTP library. Every rule
//! is a pure function: time and randomness are arguments. `Debug` never shows the content of a [`Msisdn`], a [`UserId`]
//! or a [`Reference`].

mod consent;
mod cost;
mod definition;
mod flow_json;
mod forecast;
mod ids;
mod message;
mod number;
mod outcome;
mod pacing;
mod provider;
mod states;
mod time;

pub use consent::words::{OPT_IN_WORDS, OPT_OUT_WORDS};
pub use consent::{Consent, ConsentWords};
pub use cost::currency::{Currency, UnknownCurrency};
pub use cost::prices::{CostEstimate, CountryCost, PriceList, PriceListError};
pub use definition::Definition;
pub use definition::error::DefinitionError;
pub use definition::policy::Policy;
pub use definition::provider_limits::LIPACHAT_REFERENCE;
pub use definition::unknown::{Resolution, UnknownRule};
pub use flow_json::binding::{fill_flow_text, flow_options};
pub use flow_json::component::{
    FlowChoice, FlowComponent, FlowField, FlowInput, FlowOption, FlowOptions, FlowPart, FlowText,
};
pub use flow_json::error::FlowJsonError;
pub use flow_json::labels::FlowLabels;
pub use flow_json::{FlowJson, FlowScreen, MAX_FLOW_JSON};
pub use forecast::Forecast;
pub use ids::block::{Block, BlockError};
pub use ids::id::{CampaignId, ClaimId, SenderId, Seq};
pub use ids::reference::{Reference, ReferenceKey};
pub use ids::user_id::UserId;
pub use message::error::{CompileError, RenderError};
pub use message::flow::{FlowAction, FlowActionKind, FlowMessage, FlowMode, FlowName, FlowTemplate};
pub use message::known_template::{KnownButton, KnownTemplate, TemplateMismatch};
pub use message::template::{
    ButtonKind, ButtonUse, ButtonValue, FlowButton, FlowButtonUse, HeaderMedia, HeaderMediaUse, MediaKind,
    MediaSource, TemplateHeader, TemplateMessage, TemplateParameter, TemplateUse,
};
pub use message::variables::Variables;
pub use message::{AssumedWindow, CompiledMessage, Message, Window};
pub use number::calling_code::{CallingCode, UnknownCallingCode};
pub use number::msisdn::{Country, Msisdn, MsisdnError};
pub use number::zone::{Zone, ZoneError};
pub use outcome::classify::{Attempt, Outcome, Reason, Refusals, Stop, classify};
pub use outcome::retry::backoff;
pub use outcome::trouble::Troubles;
pub use outcome::verdict::{Refusal, Verdict};
pub use pacing::gcra::Lease;
pub use pacing::rate::{Rate, RateError};
pub use provider::{Provider, UnknownProvider};
pub use states::reason_codes::{own_code, own_codes};
pub use states::receipt::{FollowUp, ReceiptStatus};
pub use states::state::{CampaignState, RecipientState, UnknownWord};
pub use states::stop::{Probing, StopReason, StopScope};
pub use time::deadline::{Deadline, DeadlineError};
pub use time::hours::{HoursError, Opening, SendingHours};
pub use time::schedule::{Schedule, ScheduleClock, WhenOver};
