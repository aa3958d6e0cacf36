//! The rules of a provider's table of errors: a pattern that matches answers, and their class.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use campaign::{Refusal, StopReason, Verdict};

use crate::classification::answer::{HttpAnswer, ParsedAnswer, http_code};

/// One rule of a provider's table of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The pattern that matches the answer.
    pub pattern: Pattern,
    /// The documented HTTP status. It is informative only; the pattern decides. `None` if no status is documented.
    pub http_status: Option<u16>,
    /// The class of the answer.
    pub class: Class,
    /// The meaning and what to do, for the reader of the report.
    pub text: &'static str,
}

/// A pattern that matches a documented answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// This code in the body.
    Code(&'static str),
    /// This code in the body, and this text in its message, ignoring case.
    CodeWithText(&'static str, &'static str),
    /// A code in the body that is a number from the first to the last, inclusive.
    CodeRange(u32, u32),
    /// All these texts in the message, ignoring case. The first value is our own code for the answer.
    Text(&'static str, &'static [&'static str]),
    /// This HTTP status. Used if no rule matches by code or text.
    Status(u16),
}

/// The part of an answer that a pattern looks at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The code.
    Code,
    /// The text.
    Text,
    /// The HTTP status.
    Status,
}

/// The class of an answer: how the recipient, the sender and the campaign are handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The message is accepted, if the answer is a 2xx with a message id.
    Accepted,
    /// The message is not accepted; the rate of the sender is lowered for all workers.
    Throttle,
    /// The message is sent again after these pauses; if there are none, after the default pauses.
    Retry(&'static [Duration]),
    /// The provider may have accepted the message; it is never sent again automatically.
    Unknown,
    /// The message is refused permanently for this recipient.
    Rejected,
    /// The message is refused because the recipient's 24-hour window is closed; a template may be sent.
    WindowClosed,
    /// The campaign stops, for this reason.
    StopCampaign(StopReason),
    /// The sender stops, for this reason.
    StopSender(StopReason),
}

impl Rule {
    /// Whether the pattern matches this answer. Patterns with a code or a text ignore the status.
    pub(crate) fn matches(&self, status: u16, parsed: &ParsedAnswer<'_>) -> bool {
        let code = parsed.code.as_deref();
        match self.pattern {
            Pattern::Code(known) => code == Some(known),
            Pattern::CodeWithText(known, text) => code == Some(known) && contains(parsed.message, text),
            Pattern::CodeRange(first, last) => {
                let number = code.and_then(|code| code.parse().ok());
                number.is_some_and(|number| (first..=last).contains(&number))
            }
            Pattern::Text(_, texts) => texts.iter().all(|text| contains(parsed.message, text)),
            Pattern::Status(known) => status == known,
        }
    }

    /// The code in reports and in the operator's overrides; `None` for a range of codes.
    pub fn code(&self) -> Option<Cow<'static, str>> {
        match self.pattern {
            Pattern::Code(code) | Pattern::CodeWithText(code, _) | Pattern::Text(code, _) => {
                Some(Cow::Borrowed(code))
            }
            Pattern::CodeRange(..) => None,
            Pattern::Status(status) => Some(http_code(status)),
        }
    }

    /// What the pattern looks at first.
    pub(crate) fn kind(&self) -> Kind {
        match self.pattern {
            Pattern::Code(_) | Pattern::CodeWithText(..) | Pattern::CodeRange(..) => Kind::Code,
            Pattern::Text(..) => Kind::Text,
            Pattern::Status(_) => Kind::Status,
        }
    }

    /// The verdict on an answer that matches this rule and is not accepting.
    pub(crate) fn verdict(&self, answer: &HttpAnswer<'_>, parsed: &ParsedAnswer<'_>) -> Verdict {
        let code = self.code().or_else(|| parsed.code.clone()).unwrap_or_else(|| http_code(answer.status));
        let refusal = Refusal { code, text: Cow::Borrowed(self.text) };
        self.class.verdict(refusal, answer.retry_after)
    }
}

impl Class {
    /// The verdict on an answer of this class that is not accepting.
    pub(crate) fn verdict(self, refusal: Refusal, retry_after: Option<Duration>) -> Verdict {
        match self {
            // `Accepted`: the code of an acceptance in an answer that lacks the status or the message id.
            Self::Accepted | Self::Unknown => Verdict::Unknown { refusal },
            Self::Throttle => Verdict::Throttled { refusal, retry_after },
            Self::Retry(schedule) => Verdict::Retry { refusal, schedule },
            Self::Rejected => Verdict::Rejected { refusal },
            Self::WindowClosed => Verdict::WindowClosed { refusal },
            Self::StopCampaign(reason) => Verdict::StopCampaign { refusal, reason },
            Self::StopSender(reason) => Verdict::StopSender { refusal, reason },
        }
    }
}

/// A text that is not a class for an override.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a class; use throttle, retry, unknown, rejected, 'window closed', 'stop campaign: REASON' or 'stop sender: REASON' with a \
     reason such as low_balance"
)]
pub struct UnknownClass(String);

impl FromStr for Class {
    type Err = UnknownClass;

    /// Parses a class. `retry` uses the default pauses; `accepted` is not allowed.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownClass(text.to_owned());
        let reason = |word: &str| word.trim().parse::<StopReason>().map_err(|_| unknown());
        match text.split_once(':') {
            Some(("stop campaign", word)) => reason(word).map(Self::StopCampaign),
            Some(("stop sender", word)) => reason(word).map(Self::StopSender),
            Some(_) => Err(unknown()),
            None => match text {
                "throttle" => Ok(Self::Throttle),
                "retry" => Ok(Self::Retry(&[])),
                "unknown" => Ok(Self::Unknown),
                "rejected" => Ok(Self::Rejected),
                "window closed" => Ok(Self::WindowClosed),
                _ => Err(unknown()),
            },
        }
    }
}

/// Whether the message contains the text, ignoring case.
fn contains(message: &str, text: &str) -> bool {
    message.as_bytes().windows(text.len()).any(|part| part.eq_ignore_ascii_case(text.as_bytes()))
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => f.write_str(code),
            Self::CodeWithText(code, words) => write!(f, "{code} saying '{words}'"),
            Self::CodeRange(first, last) => write!(f, "{first} to {last}"),
            Self::Text(_, words) => write!(f, "saying '{}'", words.join("' and '")),
            Self::Status(status) => write!(f, "any other {status}"),
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("accepted"),
            Self::Throttle => f.write_str("throttle"),
            Self::Retry([]) => f.write_str("retry"),
            Self::Retry(schedule) => {
                f.write_str("retry after")?;
                for (index, pause) in schedule.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(f, "{comma} {}", humantime::format_duration(*pause))?;
                }
                Ok(())
            }
            Self::Unknown => f.write_str("unknown"),
            Self::Rejected => f.write_str("rejected"),
            Self::WindowClosed => f.write_str("window closed"),
            Self::StopCampaign(reason) => write!(f, "stop campaign: {reason}"),
            Self::StopSender(reason) => write!(f, "stop sender: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_parsed_from_its_display() {
        for class in [
            Class::Throttle,
            Class::Retry(&[]),
            Class::Unknown,
            Class::Rejected,
            Class::WindowClosed,
            Class::StopCampaign(StopReason::TemplateFault),
            Class::StopSender(StopReason::Payment),
        ] {
            assert_eq!(class.to_string().parse(), Ok(class));
        }
        assert!("accepted".parse::<Class>().is_err());
    }

    #[test]
    fn patterns_and_classes_are_displayed_in_words() {
        const PAUSES: [Duration; 2] = [Duration::from_mins(5), Duration::from_secs(90)];
        assert_eq!(
            Pattern::CodeWithText("WA-401", "different version").to_string(),
            "WA-401 saying 'different version'"
        );
        assert_eq!(Class::Retry(&PAUSES).to_string(), "retry after 5m, 1m 30s");
        assert_eq!(Class::StopSender(StopReason::LowBalance).to_string(), "stop sender: low_balance");
    }
}
