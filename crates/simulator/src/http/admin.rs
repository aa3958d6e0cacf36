//! The admin API under `/_admin`; the documentation of the crate lists its requests.
//!
//! Invariant: an admin request is not recorded in the ledger, and neither faults nor latency apply to it.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::decision::decide::SimulatedProvider;
use crate::http::browser_requests;
use crate::http::response_body::ResponseBody;
use crate::{Controls, Error, Fault, Latency, Ledger, RateLimit, Webhook};

/// The number of entries in an answer without a `limit`, and the maximum `limit`.
const DEFAULT_ENTRIES: usize = 1_000;
const MAX_ENTRIES: usize = 100_000;

/// Answers one admin request.
pub(crate) fn answer(
    simulated: &Arc<SimulatedProvider>,
    head: &Parts,
    body: &[u8],
) -> Response<ResponseBody> {
    if let Some(reason) = browser_requests::refusal(&head.headers) {
        return refuse(403, reason);
    }
    let path = head.uri.path().strip_prefix("/_admin/").unwrap_or_default();
    let query = head.uri.query().unwrap_or_default();
    let answered = match head.method {
        Method::GET => {
            read(&Ledger::new(Arc::clone(simulated)), &Controls::new(Arc::clone(simulated)), path, query)
        }
        Method::PUT | Method::POST | Method::DELETE => {
            change(&Controls::new(Arc::clone(simulated)), &head.method, path, body)
        }
        _ => None,
    };
    match answered {
        Some(Ok(answer)) => answer,
        Some(Err(error)) => {
            let status = if matches!(error, Error::NotFound { .. }) { 404 } else { 400 };
            refuse(status, &error.to_string())
        }
        None => refuse(404, "unknown admin request: see docs/SIMULATOR.md"),
    }
}

/// The answer, or `None` if there is no such request.
type AdminAnswer = Option<Result<Response<ResponseBody>, Error>>;

fn read(ledger: &Ledger, controls: &Controls, path: &str, query: &str) -> AdminAnswer {
    if let Some(number) = path.strip_prefix("recipient/") {
        let number = number.strip_prefix("%2B").unwrap_or(number);
        return Some(number.parse().and_then(|msisdn| to_json(200, &ledger.recipient(msisdn))));
    }
    match path {
        "summary" => Some(to_json(200, &ledger.summary())),
        "ledger" => Some(entries(ledger, query)),
        "arrivals" => Some(match parameter(query, "accepted") {
            Some("true") => to_json(200, &ledger.accepted_arrivals()),
            None | Some("false") => to_json(200, &ledger.arrivals()),
            Some(_) => Err(Error::invalid("accepted must be true or false")),
        }),
        "faults" => Some(to_json(200, &controls.faults())),
        "webhook" => Some(to_json(200, &controls.webhook_counts())),
        _ => None,
    }
}

fn change(controls: &Controls, method: &Method, path: &str, body: &[u8]) -> AdminAnswer {
    match (method.as_str(), path) {
        ("PUT", "balance") => Some(parse(body).and_then(|Balance { balance }| {
            controls.set_balance(balance);
            to_json(200, &json!({"balance": balance}))
        })),
        ("POST", "balance/add") => {
            Some(parse(body).and_then(|Amount { amount }| {
                to_json(200, &json!({"balance": controls.add_balance(amount)}))
            }))
        }
        ("PUT", "latency") => Some(parse::<Latency>(body).and_then(|latency| {
            controls.set_latency(latency);
            to_json(200, &latency)
        })),
        ("PUT", "rate-limit") => Some(parse(body).and_then(|Rate { rate_limit }| {
            controls.set_rate_limit(rate_limit);
            to_json(200, &json!({"rate_limit": rate_limit}))
        })),
        ("PUT", "webhook") => Some(
            parse::<Option<Webhook>>(body)
                .and_then(|webhook| controls.set_webhook(webhook))
                .and_then(|()| to_json(200, &controls.webhook_counts())),
        ),
        ("POST", "faults") => Some(
            parse::<Fault>(body)
                .and_then(|fault| controls.inject(fault))
                .and_then(|armed| to_json(201, &armed)),
        ),
        ("DELETE", "faults") => {
            controls.clear_faults();
            Some(to_json(200, &json!([])))
        }
        ("POST", "reset") => Some(controls.reset().and_then(|()| to_json(200, &json!({})))),
        ("DELETE", _) => {
            let id = path.strip_prefix("faults/")?.parse().ok()?;
            Some(controls.remove_fault(id).and_then(|()| to_json(200, &controls.faults())))
        }
        _ => None,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Balance {
    #[serde(deserialize_with = "Option::deserialize")]
    balance: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Amount {
    amount: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rate {
    #[serde(deserialize_with = "Option::deserialize")]
    rate_limit: Option<RateLimit>,
}

/// Ledger entries as JSON lines.
fn entries(ledger: &Ledger, query: &str) -> Result<Response<ResponseBody>, Error> {
    let number = |name| match parameter(query, name) {
        Some(text) => {
            text.parse::<u64>().map(Some).map_err(|_| Error::invalid(format!("{name} must be a number")))
        }
        None => Ok(None),
    };
    let after = number("after")?.unwrap_or(0);
    let limit =
        number("limit")?.map_or(DEFAULT_ENTRIES, |limit| usize::try_from(limit).unwrap_or(MAX_ENTRIES));
    let mut lines = Vec::new();
    for entry in ledger.entries(after, limit.min(MAX_ENTRIES)) {
        serde_json::to_writer(&mut lines, &entry).map_err(|error| Error::invalid(error.to_string()))?;
        lines.push(b'\n');
    }
    Ok(respond(200, "application/x-ndjson", lines))
}

fn parameter<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| Error::invalid(format!("the body is invalid: {error}")))
}

fn to_json(status: u16, value: &impl Serialize) -> Result<Response<ResponseBody>, Error> {
    let body = serde_json::to_vec(value).map_err(|error| Error::invalid(error.to_string()))?;
    Ok(respond(status, "application/json", body))
}

fn refuse(status: u16, reason: &str) -> Response<ResponseBody> {
    respond(status, "application/json", json!({"error": reason}).to_string().into_bytes())
}

fn respond(status: u16, content_type: &'static str, body: Vec<u8>) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::whole(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
