//! The language and the rules of Flowcast.
//!
//! **Invariants.** This crate performs no I/O and depends on no runtime, broker, database or HTTP library. Every rule
//! is a pure function: time and randomness are arguments. What a [`Msisdn`] or a [`Reference`] holds is never shown by
//! its `Debug`.

mod ability;
mod calling_code;
mod compile;
mod consent;
mod consent_words;
mod currency;
mod deadline;
mod definition;
mod flow;
mod forecast;
mod gcra;
mod hours;
mod id;
mod judge;
mod message;
mod msisdn;
mod number_plan;
mod plain_words;
mod prices;
mod provider;
mod rate;
mod receipt;
mod reference;
mod render;
mod retry;
mod schedule;
mod state;
mod stop;
mod task;
mod template;
mod template_render;
mod texts;
mod trouble;
mod unknown;
mod variables;
mod verdict;
mod written;
mod zone;

pub use ability::LIPACHAT_REFERENCE;
pub use calling_code::{CallingCode, UnknownCallingCode};
pub use compile::CompileError;
pub use consent::{Consent, ConsentWords};
pub use consent_words::{OPT_IN_WORDS, OPT_OUT_WORDS};
pub use currency::{Currency, UnknownCurrency};
pub use deadline::{Deadline, DeadlineError};
pub use definition::{AssumedWindow, Definition, DefinitionError, Policy};
pub use flow::{FlowAction, FlowActionKind, FlowMessage, FlowMode, FlowName, FlowTemplate};
pub use forecast::Forecast;
pub use gcra::Lease;
pub use hours::{HoursError, Opening, SendingHours};
pub use id::{CampaignId, ClaimId, SenderId, Seq};
pub use judge::{Attempt, Outcome, Reason, Refusals, Stop, judge};
pub use message::{CompiledMessage, Message, Window};
pub use msisdn::{Country, Msisdn, MsisdnError};
pub use prices::{CostEstimate, CountryCost, PriceList, PriceListError};
pub use provider::{Provider, UnknownProvider};
pub use rate::{Rate, RateError};
pub use receipt::{FollowUp, ReceiptStatus};
pub use reference::{Reference, ReferenceKey};
pub use render::RenderError;
pub use retry::backoff;
pub use schedule::{Schedule, ScheduleClock, WhenOver};
pub use state::{CampaignState, RecipientState, UnknownWord};
pub use stop::{Probing, StopReason, StopScope};
pub use task::{SendTask, TaskError};
pub use template::{FlowButton, FlowButtonUse, TemplateMessage, TemplateUse};
pub use trouble::Troubles;
pub use unknown::{Resolution, UnknownRule};
pub use variables::Variables;
pub use verdict::{Refusal, Verdict};
pub use zone::{Zone, ZoneError};
