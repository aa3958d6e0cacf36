//! The rows of a provider's error table: by what a refusal is known, and what it means.

use std::borrow::Cow;
use std::fmt;
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

    /// Whether it is known by its HTTP status alone.
    pub(crate) fn is_by_status(&self) -> bool {
        matches!(self.sign, Sign::Status(_))
    }

    /// The verdict on an answer that refuses.
    pub(crate) fn verdict(&self, heard: &Heard<'_>, said: &Said<'_>) -> Verdict {
        let code = match self.sign {
            Sign::Code(code) | Sign::CodeSaying(code, _) | Sign::Saying(code, _) => Cow::Borrowed(code),
            Sign::Codes(first, _) => said.code.clone().unwrap_or_else(|| Cow::Owned(first.to_string())),
            Sign::Status(status) => http_code(status),
        };
        let refusal = Refusal { code, text: Cow::Borrowed(self.text) };
        match self.class {
            // The word of acceptance in an answer that is none.
            Class::Accepted | Class::Unknown => Verdict::Unknown { refusal },
            Class::Throttle => Verdict::Throttled { refusal, retry_after: heard.retry_after },
            Class::Retry(schedule) => Verdict::Retry { refusal, schedule },
            Class::Rejected => Verdict::Rejected { refusal },
            Class::StopCampaign(reason) => Verdict::StopCampaign { refusal, reason },
            Class::StopSender(reason) => Verdict::StopSender { refusal, reason },
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
