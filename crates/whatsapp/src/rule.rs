//! The rows of a provider's error table: by what a refusal is known, and what it means.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use campaign::{Refusal, StopReason, Verdict};

use crate::answer::{Heard, Said, http_code};

/// One row of a provider's error table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// By what the answer is known.
    pub sign: Sign,
    /// The HTTP status documented with it, for the reader; the sign decides. `None` where none is documented.
    pub http: Option<u16>,
    /// What is done about it.
    pub class: Class,
    /// What it means and what to do, for the person who reads the report.
    pub text: &'static str,
}

/// By what a documented answer is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// This code in the body.
    Code(&'static str),
    /// This code in the body, and these words in its message, in any case.
    CodeSaying(&'static str, &'static str),
    /// A number from the first to the last of these as the code in the body.
    Codes(u32, u32),
    /// All these words in its message, in any case. The first is our own word for it, as its code.
    Saying(&'static str, &'static [&'static str]),
    /// This HTTP status, when neither code nor words are known.
    Status(u16),
}

/// What is done about an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Taken, if the answer is a 2xx with a message id.
    Accepted,
    /// Not taken; everybody slows down.
    Throttle,
    /// Sent again after these pauses; without any, after ours.
    Retry(&'static [Duration]),
    /// May have been taken; never sent again by itself.
    Unknown,
    /// Refused for good, for this recipient.
    Rejected,
    /// The campaign stops, for this reason.
    StopCampaign(StopReason),
    /// The sender stops, for this reason.
    StopSender(StopReason),
}

impl Rule {
    /// Whether it is about this answer. The status of an answer with a known code or known words is not looked at.
    pub(crate) fn covers(&self, status: u16, said: &Said<'_>) -> bool {
        let code = said.code.as_deref();
        match self.sign {
            Sign::Code(known) => code == Some(known),
            Sign::CodeSaying(known, words) => code == Some(known) && says(said.message, words),
            Sign::Codes(first, last) => {
                let number = code.and_then(|code| code.parse().ok());
                number.is_some_and(|number| (first..=last).contains(&number))
            }
            Sign::Saying(_, words) => words.iter().all(|words| says(said.message, words)),
            Sign::Status(known) => status == known,
        }
    }

    /// The code that a refusal of this row is reported under, and by which an operator gives it another class; none for
    /// a row of many codes.
    pub fn code(&self) -> Option<Cow<'static, str>> {
        match self.sign {
            Sign::Code(code) | Sign::CodeSaying(code, _) | Sign::Saying(code, _) => Some(Cow::Borrowed(code)),
            Sign::Codes(..) => None,
            Sign::Status(status) => Some(http_code(status)),
        }
    }

    /// Whether it is known by its HTTP status alone.
    pub(crate) fn is_by_status(&self) -> bool {
        matches!(self.sign, Sign::Status(_))
    }

    /// The verdict on an answer that refuses.
    pub(crate) fn verdict(&self, heard: &Heard<'_>, said: &Said<'_>) -> Verdict {
        let code = self.code().or_else(|| said.code.clone()).unwrap_or_else(|| http_code(heard.status));
        let refusal = Refusal { code, text: Cow::Borrowed(self.text) };
        self.class.verdict(refusal, heard.retry_after)
    }
}

impl Class {
    /// The verdict on an answer of this class that is no acceptance.
    pub(crate) fn verdict(self, refusal: Refusal, retry_after: Option<Duration>) -> Verdict {
        match self {
            // The word of acceptance in an answer that is none.
            Self::Accepted | Self::Unknown => Verdict::Unknown { refusal },
            Self::Throttle => Verdict::Throttled { refusal, retry_after },
            Self::Retry(schedule) => Verdict::Retry { refusal, schedule },
            Self::Rejected => Verdict::Rejected { refusal },
            Self::StopCampaign(reason) => Verdict::StopCampaign { refusal, reason },
            Self::StopSender(reason) => Verdict::StopSender { refusal, reason },
        }
    }
}

/// A text that names no class an operator may give.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no class; write throttle, retry, unknown, rejected, 'stop campaign: REASON' or 'stop sender: REASON' with a \
     reason such as low_balance"
)]
pub struct UnknownClass(String);

impl FromStr for Class {
    type Err = UnknownClass;

    /// Reads a class as it is written. Retries go by our own pauses; an acceptance is none to be given.
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
                _ => Err(unknown()),
            },
        }
    }
}

/// Whether the words are in the message, whatever their case.
fn says(message: &str, words: &str) -> bool {
    message.as_bytes().windows(words.len()).any(|part| part.eq_ignore_ascii_case(words.as_bytes()))
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => f.write_str(code),
            Self::CodeSaying(code, words) => write!(f, "{code} saying '{words}'"),
            Self::Codes(first, last) => write!(f, "{first} to {last}"),
            Self::Saying(_, words) => write!(f, "saying '{}'", words.join("' and '")),
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
                for (place, pause) in schedule.iter().enumerate() {
                    let comma = if place == 0 { "" } else { "," };
                    write!(f, "{comma} {}", humantime::format_duration(*pause))?;
                }
                Ok(())
            }
            Self::Unknown => f.write_str("unknown"),
            Self::Rejected => f.write_str("rejected"),
            Self::StopCampaign(reason) => write!(f, "stop campaign: {reason}"),
            Self::StopSender(reason) => write!(f, "stop sender: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_read_as_it_is_written() {
        for class in [
            Class::Throttle,
            Class::Retry(&[]),
            Class::Unknown,
            Class::Rejected,
            Class::StopCampaign(StopReason::TemplateFault),
            Class::StopSender(StopReason::Payment),
        ] {
            assert_eq!(class.to_string().parse(), Ok(class));
        }
        assert!("accepted".parse::<Class>().is_err());
    }

    #[test]
    fn signs_and_classes_are_words_for_people() {
        const PAUSES: [Duration; 2] = [Duration::from_mins(5), Duration::from_secs(90)];
        assert_eq!(
            Sign::CodeSaying("WA-401", "different version").to_string(),
            "WA-401 saying 'different version'"
        );
        assert_eq!(Class::Retry(&PAUSES).to_string(), "retry after 5m, 1m 30s");
        assert_eq!(Class::StopSender(StopReason::LowBalance).to_string(), "stop sender: low_balance");
    }
}
