//! Why a log-in with a company account failed.

/// Why a log-in with a company account failed. The sentence is for the person; the cause is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The provider cannot be reached, or does not answer as specified.
    #[error("the log-in of your company cannot be reached; try again in a minute, or log in with a password")]
    Unavailable {
        /// What happened.
        cause: String,
    },
    /// The browser did not begin this log-in, or began it too long ago.
    #[error("this log-in was not begun in this browser, or more than 10 minutes ago; begin it again")]
    NotBegun,
    /// The provider refused, for example because the person may not use this application.
    #[error("the log-in of your company refused: {0}; ask its administrator whether you may use Flowcast")]
    Refused(String),
    /// The ID token is not valid.
    #[error(
        "the log-in of your company gave an answer that is not valid; begin again, and tell an admin if it happens again"
    )]
    Invalid {
        /// What is wrong with it.
        cause: String,
    },
}

impl Error {
    /// What is to be written to the log, without tokens.
    pub fn cause(&self) -> Option<&str> {
        match self {
            Self::Unavailable { cause } | Self::Invalid { cause } => Some(cause),
            Self::NotBegun | Self::Refused(_) => None,
        }
    }
}
