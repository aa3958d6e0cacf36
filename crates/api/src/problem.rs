//! Problem details (RFC 9457): what every failed request is answered with.

use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use control::{Error, Problem};
use serde::Serialize;
use utoipa::ToSchema;

const CONTENT: &str = "application/problem+json";

/// Why a request failed.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    detail: String,
    errors: Vec<FieldError>,
    /// The value of `Retry-After`, in seconds.
    retry_after: Option<u64>,
}

/// The kind of a problem: those of the control plane, and those of HTTP alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A problem of the control plane.
    Control(Problem),
    /// The resource has no such method.
    MethodNotAllowed,
    /// The body is not JSON.
    UnsupportedMediaType,
    /// The client does not accept JSON.
    NotAcceptable,
    /// The body did not arrive in time.
    Timeout,
    /// The request needs `If-Match`.
    PreconditionRequired,
}

/// A failed request.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ProblemDetails {
    /// The kind of the problem: `/problems/` and a name.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words.
    title: String,
    /// The status of the answer.
    status: u16,
    /// What failed, which thing, why, and what to do.
    detail: String,
    /// The id of the request, as in the log of the server and in the header `X-Request-Id`.
    instance: String,
    /// The members of the body that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

/// A wrong member of a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// JSON pointer of the member.
    pub(crate) pointer: String,
    /// What is wrong.
    pub(crate) detail: String,
}

impl Failure {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), retry_after: None }
    }
    /// A fault of this program; the log has the cause.
    pub(crate) fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!("a request failed: {error}");
        Self::of(
            Problem::Internal,
            "the request failed inside the server; the log of the server says why, under the id of the request",
        )
    }

    pub(crate) fn of(problem: Problem, detail: impl Into<String>) -> Self {
        Self::new(Kind::Control(problem), detail)
    }

    /// The same with a wrong member of the body.
    pub(crate) fn at(mut self, pointer: String, detail: String) -> Self {
        self.errors.push(FieldError { pointer, detail });
        self
    }

    /// The same with a time after which the client may try again.
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let problem = error.problem();
        if matches!(problem, Problem::Internal | Problem::Unavailable) {
            tracing::error!(error = &error as &dyn std::error::Error, "a request failed: {error}");
        }
        let failure = Self::of(problem, error.to_string());
        match problem {
            Problem::Unavailable | Problem::IdempotencyRunning | Problem::TooManyRequests => {
                failure.retry_after(1)
            }
            _ => failure,
        }
    }
}

impl Kind {
    /// All kinds.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let of_http = [
            Self::MethodNotAllowed,
            Self::UnsupportedMediaType,
            Self::NotAcceptable,
            Self::Timeout,
            Self::PreconditionRequired,
        ];
        Problem::ALL.into_iter().map(Self::Control).chain(of_http)
    }

    /// The last part of the type.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Control(problem) => problem.word(),
            Self::MethodNotAllowed => "method-not-allowed",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::NotAcceptable => "not-acceptable",
            Self::Timeout => "timeout",
            Self::PreconditionRequired => "precondition-required",
        }
    }

    /// The kind in words.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Control(problem) => match problem {
                Problem::Unauthorized => "The API key is missing or not valid",
                Problem::Forbidden => "The key lacks a right",
                Problem::LogInAgain => "The action needs a new log-in",
                Problem::NotFound => "There is no such object",
                Problem::InvalidBody => "The request is wrong",
                Problem::InvalidDefinition => "The definition of the campaign is wrong",
                Problem::ProviderCannot => "The provider cannot send this message",
                Problem::ConflictState => "The present state does not allow the action",
                Problem::VersionConflict => "The object was changed since it was read",
                Problem::KnownList => "The list was imported before",
                Problem::BadList => "The list cannot be read",
                Problem::TooLarge => "The request is too long",
                Problem::TooManyRequests => "Too many requests",
                Problem::IdempotencyReused => "The Idempotency-Key belongs to another request",
                Problem::IdempotencyRunning => "A request with this Idempotency-Key is in progress",
                Problem::IdempotencyMissing => "The request needs an Idempotency-Key",
                Problem::CheckOutdated => "The campaign was changed since its check",
                Problem::ApprovalNeeded => "The start needs a second person",
                Problem::Unavailable => "A service is not available",
                Problem::Internal => "A fault of the server",
            },
            Self::MethodNotAllowed => "The resource has no such method",
            Self::UnsupportedMediaType => "The body is not JSON",
            Self::NotAcceptable => "The answer would not be accepted",
            Self::Timeout => "The request did not arrive in time",
            Self::PreconditionRequired => "The request needs If-Match",
        }
    }

    /// The status of the answer.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Control(problem) => {
                StatusCode::from_u16(problem.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::PreconditionRequired => StatusCode::PRECONDITION_REQUIRED,
        }
    }
}

/// The failure of a response, for the layer that knows the id of the request.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    kind: Kind,
    detail: String,
    errors: Vec<FieldError>,
}

impl Failed {
    /// The body of the answer.
    pub(crate) fn body(&self, request_id: &str) -> Vec<u8> {
        let details = ProblemDetails {
            kind: format!("/problems/{}", self.kind.word()),
            title: self.kind.title().to_owned(),
            status: self.kind.status().as_u16(),
            detail: self.detail.clone(),
            instance: request_id.to_owned(),
            errors: self.errors.clone(),
        };
        serde_json::to_vec(&details).unwrap_or_default()
    }
}

impl IntoResponse for Failure {
    /// A response without a body: `answer` adds the body with the id of the request.
    fn into_response(self) -> Response {
        let Self { kind, detail, errors, retry_after } = self;
        let mut response = kind.status().into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT));
        if kind == Kind::Control(Problem::Unauthorized) {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(Failed { kind, detail, errors });
        response
    }
}

/// The methods of a resource, kept from a response of the router.
pub(crate) fn method_not_allowed(allow: Option<HeaderValue>) -> Response {
    let methods = allow.as_ref().and_then(|allow| allow.to_str().ok()).unwrap_or("no method").to_owned();
    let failure =
        Failure::new(Kind::MethodNotAllowed, format!("the resource has no such method; it has {methods}"));
    let mut response = failure.into_response();
    if let Some(allow) = allow {
        response.headers_mut().insert(ALLOW, allow);
    }
    response
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_kind_has_its_own_name_and_a_status_of_an_error() {
        let kinds: Vec<Kind> = Kind::all().collect();
        let words: BTreeSet<&str> = kinds.iter().map(|kind| kind.word()).collect();
        assert_eq!(words.len(), kinds.len());
        for kind in kinds {
            assert!(kind.status().is_client_error() || kind.status().is_server_error(), "{kind:?}");
        }
    }
}
