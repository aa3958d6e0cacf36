//! Errors of actions: a sentence for people, and a kind for programs.

/// The kind of an error. The words are the last part of the `type` of problem details (RFC 9457).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The caller is not known: the key or session is missing, wrong, expired or revoked.
    Unauthorized,
    /// The caller is known and lacks a right.
    Forbidden,
    /// The caller is logged in, and has to enter the password again for this action.
    LogInAgain,
    /// The object does not exist, or the caller may not see it.
    NotFound,
    /// The request cannot be read.
    InvalidBody,
    /// The definition of the campaign is wrong.
    InvalidDefinition,
    /// The provider of the sender cannot send such a message.
    ProviderCannot,
    /// The present state of the object does not allow the action.
    ConflictState,
    /// The object was changed since the caller read it.
    VersionConflict,
    /// The list was imported into this campaign before.
    KnownList,
    /// The list cannot be read, or has no number column.
    BadList,
    /// The request or the list is too long.
    TooLarge,
    /// The caller exceeded its rate.
    TooManyRequests,
    /// The idempotency key belongs to another request.
    IdempotencyReused,
    /// A request with the same idempotency key is being executed.
    IdempotencyRunning,
    /// The request needs an idempotency key.
    IdempotencyMissing,
    /// The campaign was changed since the check that the start refers to.
    CheckOutdated,
    /// The start needs a second person.
    ApprovalNeeded,
    /// PostgreSQL, RabbitMQ or the provider is not available.
    Unavailable,
    /// A fault of this program.
    Internal,
}

impl Problem {
    /// All kinds.
    pub const ALL: [Self; 20] = [
        Self::Unauthorized,
        Self::Forbidden,
        Self::LogInAgain,
        Self::NotFound,
        Self::InvalidBody,
        Self::InvalidDefinition,
        Self::ProviderCannot,
        Self::ConflictState,
        Self::VersionConflict,
        Self::KnownList,
        Self::BadList,
        Self::TooLarge,
        Self::TooManyRequests,
        Self::IdempotencyReused,
        Self::IdempotencyRunning,
        Self::IdempotencyMissing,
        Self::CheckOutdated,
        Self::ApprovalNeeded,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The name in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::LogInAgain => "log-in-again",
            Self::NotFound => "not-found",
            Self::InvalidBody => "invalid-body",
            Self::InvalidDefinition => "invalid-definition",
            Self::ProviderCannot => "provider-cannot",
            Self::ConflictState => "conflict-state",
            Self::VersionConflict => "version-conflict",
            Self::KnownList => "known-list",
            Self::BadList => "bad-list",
            Self::TooLarge => "too-large",
            Self::TooManyRequests => "too-many-requests",
            Self::IdempotencyReused => "idempotency-reused",
            Self::IdempotencyRunning => "idempotency-running",
            Self::IdempotencyMissing => "idempotency-missing",
            Self::CheckOutdated => "check-outdated",
            Self::ApprovalNeeded => "approval-needed",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status with which API and console answer (RFC 9110).
    pub fn http_status(self) -> u16 {
        match self {
            Self::InvalidBody | Self::IdempotencyMissing => 400,
            Self::Unauthorized => 401,
            Self::Forbidden | Self::LogInAgain => 403,
            Self::NotFound => 404,
            Self::ConflictState
            | Self::KnownList
            | Self::IdempotencyRunning
            | Self::CheckOutdated
            | Self::ApprovalNeeded => 409,
            Self::VersionConflict => 412,
            Self::TooLarge => 413,
            Self::InvalidDefinition | Self::ProviderCannot | Self::BadList | Self::IdempotencyReused => 422,
            Self::TooManyRequests => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }

    /// The kind with this name in the API.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|problem| problem.word() == word)
    }

    /// Whether the action may have changed something before it failed.
    fn may_be_done(self) -> bool {
        matches!(self, Self::Unavailable | Self::Internal)
    }
}

/// Why an action failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The action was refused, and nothing was changed.
    #[error("{text}")]
    Refused {
        /// The kind.
        problem: Problem,
        /// What is wrong, why, and what to do.
        text: String,
        /// The member of the request, or the part of its address, that is wrong; `None`: no single one.
        member: Option<&'static str>,
    },
    /// The database refused, or is not available.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A list was not imported.
    #[error("{name}: {source}; nothing was imported")]
    List {
        /// The name of the list.
        name: String,
        /// Why.
        source: Box<producer::Error>,
    },
    /// Another error of an import; the text says whether the list was imported.
    #[error(transparent)]
    Other(Box<producer::Error>),
}

impl Error {
    /// A refusal of this kind.
    pub fn refused(problem: Problem, text: impl Into<String>) -> Self {
        Self::Refused { problem, text: text.into(), member: None }
    }

    /// A refusal because the request is wrong.
    pub(crate) fn invalid(text: impl std::fmt::Display) -> Self {
        Self::refused(Problem::InvalidBody, text.to_string())
    }

    /// A refusal because of the present state.
    pub fn conflict(text: impl Into<String>) -> Self {
        Self::refused(Problem::ConflictState, text)
    }

    /// An error of a list. Errors of the database keep their own text.
    pub fn of_list(name: String, source: producer::Error) -> Self {
        match source {
            producer::Error::Store(error) => Self::Store(error),
            producer::Error::BadList(_) | producer::Error::Unreadable { .. } | producer::Error::Spool(_) => {
                Self::List { name, source: Box::new(source) }
            }
            other => Self::Other(Box::new(other)),
        }
    }

    /// The member of the request that is wrong, so that a form can show the refusal at its field.
    pub fn member(&self) -> Option<&'static str> {
        match self {
            Self::Refused { member, .. } => *member,
            Self::Store(_) | Self::List { .. } | Self::Other(_) => None,
        }
    }

    /// The kind of the error.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Refused { problem, .. } => *problem,
            Self::Store(error) => of_store(error),
            Self::List { source, .. } | Self::Other(source) => match &**source {
                producer::Error::Store(error) => of_store(error),
                producer::Error::BadList(_) | producer::Error::Unreadable { .. } => Problem::BadList,
                producer::Error::Spool(_) => Problem::Unavailable,
                // The caller named the file.
                producer::Error::Unwritable { .. } => Problem::InvalidBody,
                _ => Problem::Internal,
            },
        }
    }

    /// The outcome in the audit: `refused` if nothing was changed, else `failed`.
    pub(crate) fn outcome(&self) -> &'static str {
        if self.problem().may_be_done() { "failed" } else { "refused" }
    }
}

fn of_store(error: &store::Error) -> Problem {
    match error {
        store::Error::NotFound(_) => Problem::NotFound,
        store::Error::Conflict(_) => Problem::ConflictState,
        store::Error::Known(_) => Problem::KnownList,
        store::Error::Invalid(_) => Problem::InvalidBody,
        store::Error::Unavailable { .. } | store::Error::Denied { .. } | store::Error::Schema(_) => {
            Problem::Unavailable
        }
        store::Error::Refused { .. } | store::Error::Unreadable(_) => Problem::Internal,
    }
}

impl From<campaign::DefinitionError> for Error {
    fn from(error: campaign::DefinitionError) -> Self {
        Self::refused(Problem::InvalidDefinition, error.to_string())
    }
}

impl From<identity::Busy> for Error {
    fn from(error: identity::Busy) -> Self {
        Self::refused(Problem::Unavailable, error.to_string())
    }
}

impl From<identity::NoRandomness> for Error {
    fn from(error: identity::NoRandomness) -> Self {
        Self::refused(Problem::Unavailable, error.to_string())
    }
}

impl From<identity::PasswordError> for Error {
    fn from(error: identity::PasswordError) -> Self {
        Self::refused(Problem::InvalidBody, error.to_string())
    }
}
