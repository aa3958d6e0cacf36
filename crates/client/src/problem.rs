//! Failed answers: problem details (RFC 9457) become the errors of `control`.

use std::time::Duration;

use control::{Error, Problem};
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde::Deserialize;

use crate::address::Address;

/// The most bytes of a failed answer that are read.
const MAX_BYTES: usize = 64 * 1024;

/// Why an attempt failed, and whether it may be repeated.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The request was refused.
    Refused(Error),
    /// The server asks to repeat the request after this time, because it is busy with it or because the rate is exceeded.
    Busy(Duration, Error),
    /// There is no answer of the server.
    Lost {
        /// Whether the request may have arrived.
        was_sent: bool,
        error: Error,
    },
}

#[derive(Deserialize)]
struct Details {
    #[serde(rename = "type")]
    kind: String,
    detail: String,
    #[serde(default)]
    instance: Option<String>,
}

/// The failure that an answer stands for.
pub(crate) async fn failure(address: &Address, mut response: Response) -> Failed {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    // Without the rest of the body, the status alone is reported.
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_BYTES {
            break;
        }
    }
    read(address, status, &headers, &body)
}

fn read(address: &Address, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failed {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_problem = header(CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/problem+json"));
    let details = is_problem.then(|| serde_json::from_slice::<Details>(body).ok()).flatten();
    let Some(details) = details else {
        return no_problem(address, status, header(LOCATION));
    };
    let problem = details.kind.strip_prefix("/problems/").and_then(Problem::of_word);
    let problem =
        problem.unwrap_or(if status.is_client_error() { Problem::InvalidBody } else { Problem::Internal });
    let error = Error::refused(problem, sentence(address, problem, details));
    match problem {
        Problem::TooManyRequests | Problem::IdempotencyRunning => {
            let seconds = header(RETRY_AFTER).and_then(|seconds| seconds.parse().ok()).unwrap_or(1);
            Failed::Busy(Duration::from_secs(seconds), error)
        }
        _ => Failed::Refused(error),
    }
}

fn sentence(address: &Address, problem: Problem, Details { detail, instance, .. }: Details) -> String {
    match problem {
        Problem::Unauthorized => {
            let what = detail.split(';').next().unwrap_or_default();
            format!(
                "{address} refuses the API key: {what}; set FLOWCAST_API_KEY or FLOWCAST_API_KEY_FILE to a valid key, which an operator makes \
                 with 'flowcast key add'"
            )
        }
        Problem::Internal => instance.map_or_else(|| detail.clone(), |id| format!("{detail} {id}")),
        _ => detail,
    }
}

/// An answer of another program: a proxy, or a server that is not Flowcast.
fn no_problem(address: &Address, status: StatusCode, location: Option<&str>) -> Failed {
    let number = status.as_u16();
    if let Some(location) = location.filter(|_| status.is_redirection()) {
        let text = format!(
            "{address} redirects to {location}; set FLOWCAST_URL to the address of the server itself"
        );
        return Failed::Refused(Error::refused(Problem::Unavailable, text));
    }
    if matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    ) {
        let text = format!(
            "{address} answers HTTP {number}: the proxy does not reach the server; try again, and check that 'flowcast server' runs"
        );
        return Failed::Lost { was_sent: true, error: Error::refused(Problem::Unavailable, text) };
    }
    let text = format!(
        "{address} does not answer as a Flowcast server, but with HTTP {number}; set FLOWCAST_URL to the address of its API, which \
         [console] listen names, or of the proxy before it"
    );
    Failed::Refused(Error::refused(Problem::Unavailable, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(status: u16, headers: &[(&str, &str)], body: &str) -> Failed {
        let address = Address::parse("https://a.example", false).unwrap();
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        read(&address, StatusCode::from_u16(status).unwrap(), &headers.collect(), body.as_bytes())
    }

    fn problem(status: u16, kind: &str, detail: &str) -> Failed {
        let body = format!(r#"{{"type": "/problems/{kind}", "detail": "{detail}", "instance": "0194"}}"#);
        failed(status, &[("content-type", "application/problem+json"), ("retry-after", "7")], &body)
    }

    #[test]
    fn each_kind_of_problem_is_the_error_of_the_command() {
        for kind in Problem::ALL {
            let (status, word) = (if kind == Problem::Internal { 500 } else { 400 }, kind.word());
            let error = match problem(status, word, "it is so; do that") {
                Failed::Refused(error) => error,
                Failed::Busy(wait, error) => {
                    assert_eq!(wait, Duration::from_secs(7));
                    assert!(matches!(kind, Problem::TooManyRequests | Problem::IdempotencyRunning));
                    error
                }
                lost @ Failed::Lost { .. } => panic!("{lost:?}"),
            };
            assert_eq!(error.problem(), kind);
            let says = match kind {
                Problem::Internal => "it is so; do that 0194",
                Problem::Unauthorized => {
                    "https://a.example refuses the API key: it is so; set FLOWCAST_API_KEY or FLOWCAST_API_KEY_FILE to a valid key, which an \
                     operator makes with 'flowcast key add'"
                }
                _ => "it is so; do that",
            };
            assert_eq!(error.to_string(), says);
        }
        let Failed::Refused(newer) = problem(422, "of-a-newer-server", "no") else { panic!() };
        assert_eq!((newer.problem(), newer.to_string().as_str()), (Problem::InvalidBody, "no"));
    }

    #[test]
    fn an_answer_of_another_program_says_so() {
        let html = [("content-type", "text/html")];
        for (status, is_lost, says) in [
            (404, false, "with HTTP 404"),
            (200, false, "with HTTP 200"),
            (503, true, "the proxy does not reach"),
        ] {
            let (lost, error) = match failed(status, &html, "<html>") {
                Failed::Lost { error, .. } => (true, error),
                Failed::Refused(error) | Failed::Busy(_, error) => (false, error),
            };
            assert!(lost == is_lost && error.to_string().contains(says), "{error}");
            assert_eq!(error.problem(), Problem::Unavailable);
        }
        let Failed::Refused(moved) = failed(301, &[("location", "https://b.example/")], "") else { panic!() };
        assert!(
            moved.to_string().starts_with("https://a.example redirects to https://b.example/;"),
            "{moved}"
        );
    }
}
