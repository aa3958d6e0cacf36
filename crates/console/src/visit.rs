//! What is known of a request before it is known who sent it.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use jiff::Timestamp;
use uuid::Uuid;

/// The colors of the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Theme {
    /// As the system of the person is set.
    #[default]
    System,
    /// Dark text on a light background.
    Light,
    /// Light text on a dark background.
    Dark,
}

impl Theme {
    /// All themes.
    pub(crate) const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// The value in the cookie and in the page.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The theme of this word; by system if there is none.
    pub(crate) fn of(word: &str) -> Self {
        Self::ALL.into_iter().find(|theme| theme.word() == word).unwrap_or_default()
    }
}

/// What is known of a request before it is known who sent it.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    /// The id of the request, as in the log.
    pub(crate) id: Uuid,
    /// The nonce of the scripts of this page; new in every answer.
    pub(crate) nonce: String,
    /// The colors.
    pub(crate) theme: Theme,
    /// The time of the request.
    pub(crate) now: Timestamp,
}

impl Visit {
    /// A request with this theme. The nonce has 122 random bits of the operating system.
    pub(crate) fn new(theme: Theme) -> Self {
        Self { id: Uuid::now_v7(), nonce: Uuid::new_v4().simple().to_string(), theme, now: Timestamp::now() }
    }
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        parts.extensions.get().cloned().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}
