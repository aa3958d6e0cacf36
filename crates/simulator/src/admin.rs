//! The admin API under `/_admin`; its table stands in the documentation of the crate.
//!
//! Invariant: it never enters anything in the ledger and meets no fault and no latency.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::desk::Desk;
use crate::reply::Reply;
use crate::web_page;
use crate::{Controls, Error, Fault, Latency, Ledger, RateLimit, Webhook};

/// How many entries are given if no limit is asked for, and at most.
const DEFAULT_ENTRIES: usize = 1_000;
const MOST_ENTRIES: usize = 100_000;

/// Answers one admin request.
pub(crate) fn answer(desk: &Arc<Desk>, head: &Parts, body: &[u8]) -> Response<Reply> {
    if let Some(why) = web_page::refusal(&head.headers) {
        return refuse(403, why);
    }
    let path = head.uri.path().strip_prefix("/_admin/").unwrap_or_default();
    let query = head.uri.query().unwrap_or_default();
    let answered = match head.method {
        Method::GET => read(&Ledger::new(Arc::clone(desk)), &Controls::new(Arc::clone(desk)), path, query),
        Method::PUT | Method::POST | Method::DELETE => {
            change(&Controls::new(Arc::clone(desk)), &head.method, path, body)
        }
        _ => None,
    };
    match answered {
        Some(Ok(answer)) => answer,
        Some(Err(error)) => {
            let status = if matches!(error, Error::NotFound { .. }) { 404 } else { 400 };
            refuse(status, &error.to_string())
        }
        None => refuse(404, "no such admin request: see docs/SIMULATOR.md"),
    }
}

/// Nothing if there is no such request.
type Answered = Option<Result<Response<Reply>, Error>>;

fn read(ledger: &Ledger, controls: &Controls, path: &str, query: &str) -> Answered {
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
        "webhook" => Some(to_json(200, &controls.returned())),
        _ => None,
    }
}

fn change(controls: &Controls, method: &Method, path: &str, body: &[u8]) -> Answered {
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
                .and_then(|()| to_json(200, &controls.returned())),
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

/// Entries as JSON lines.
fn entries(ledger: &Ledger, query: &str) -> Result<Response<Reply>, Error> {
    let number = |name| match parameter(query, name) {
        Some(text) => {
            text.parse::<u64>().map(Some).map_err(|_| Error::invalid(format!("{name} must be a number")))
        }
        None => Ok(None),
    };
    let after = number("after")?.unwrap_or(0);
    let limit =
        number("limit")?.map_or(DEFAULT_ENTRIES, |limit| usize::try_from(limit).unwrap_or(MOST_ENTRIES));
    let mut lines = Vec::new();
    for entry in ledger.entries(after, limit.min(MOST_ENTRIES)) {
        serde_json::to_writer(&mut lines, &entry).map_err(|error| Error::invalid(error.to_string()))?;
        lines.push(b'\n');
    }
    Ok(respond(200, "application/x-ndjson", lines))
}

fn parameter<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| Error::invalid(format!("the body cannot be used: {error}")))
}

fn to_json(status: u16, value: &impl Serialize) -> Result<Response<Reply>, Error> {
    let body = serde_json::to_vec(value).map_err(|error| Error::invalid(error.to_string()))?;
    Ok(respond(status, "application/json", body))
}

fn refuse(status: u16, why: &str) -> Response<Reply> {
    respond(status, "application/json", json!({"error": why}).to_string().into_bytes())
}

fn respond(status: u16, content_type: &'static str, body: Vec<u8>) -> Response<Reply> {
    let mut response = Response::new(Reply::whole(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
