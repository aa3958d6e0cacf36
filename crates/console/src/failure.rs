//! Why a request failed: what the error page says.

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use control::{Error, Problem};

/// A failed request.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    /// What failed, why, and what to do.
    pub(crate) text: String,
    /// The value of `Retry-After`, in seconds.
    retry_after: Option<u64>,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), retry_after: None }
    }

    pub(crate) fn not_found(text: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, text)
    }

    /// Try again after some seconds.
    pub(crate) fn unavailable(text: &str, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, text) }
    }

    /// The failure of an answer that has only a status, such as 405 of the router.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let text = match status {
            StatusCode::NOT_FOUND => "there is no such page; go back to the campaigns",
            StatusCode::METHOD_NOT_ALLOWED => {
                "this page cannot be requested in this way; open it by its link"
            }
            StatusCode::REQUEST_TIMEOUT => "the request took too long and was given up; try again",
            StatusCode::PAYLOAD_TOO_LARGE => "the form is too long; shorten the texts and send it again",
            status if status.is_client_error() => {
                "the form was incomplete or wrong; go back and send it again"
            }
            _ => {
                "the request failed inside the server; the log of the server says why, under the reference below"
            }
        };
        Self::new(status, text)
    }

    /// The page title for a status.
    pub(crate) fn title(&self) -> &'static str {
        match self.status {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::FORBIDDEN => "Not allowed",
            StatusCode::UNAUTHORIZED => "Logged out",
            StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => "Changed meanwhile",
            StatusCode::TOO_MANY_REQUESTS => "Too many requests",
            StatusCode::SERVICE_UNAVAILABLE => "Not available",
            status if status.is_client_error() => "Request refused",
            _ => "Server error",
        }
    }
}

/// The status of a problem of the control plane.
fn status(problem: Problem) -> StatusCode {
    StatusCode::from_u16(problem.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let problem = error.problem();
        match problem {
            // The cause is for the log; it names tables and addresses.
            Problem::Internal => {
                tracing::error!(error = &error as &dyn std::error::Error, "a request failed: {error}");
                Self::of_status(StatusCode::INTERNAL_SERVER_ERROR)
            }
            // A refusal of our own says what is not available, such as space for a list.
            Problem::Unavailable if matches!(error, Error::Refused { .. }) => Self {
                retry_after: Some(60),
                ..Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
            },
            Problem::Unavailable => {
                tracing::error!(error = &error as &dyn std::error::Error, "a request failed: {error}");
                let text = "the database is not available, and nothing was changed; try again in a minute";
                Self { retry_after: Some(5), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, text) }
            }
            Problem::TooManyRequests => {
                Self { retry_after: Some(1), ..Self::new(status(problem), error.to_string()) }
            }
            _ => Self::new(status(problem), error.to_string()),
        }
    }
}

impl From<std::io::Error> for Failure {
    /// A download whose client is gone; no one reads this.
    fn from(error: std::io::Error) -> Self {
        tracing::debug!("a download ended early: {error}");
        Self::of_status(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for Failure {
    /// A response without a body: `answer` adds the page.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_a_status_of_an_error() {
        for problem in Problem::ALL {
            let status = status(problem);
            assert!(status.is_client_error() || status.is_server_error(), "{problem:?}");
        }
    }

    #[test]
    fn the_cause_of_a_fault_is_not_shown() {
        let failure = Failure::from(Error::refused(Problem::Internal, "relation secret does not exist"));
        assert_eq!(failure.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!failure.text.contains("secret"), "{}", failure.text);
        let failure = Failure::from(Error::refused(Problem::NotFound, "there is no campaign 7"));
        assert_eq!((failure.title(), failure.text.as_str()), ("Not found", "there is no campaign 7"));
    }
}
