//! Who asks: the API key of a request, and its rate.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, USER_AGENT};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use control::{Caller, Client, Control, Live, Problem};
use listener::bad_requests::BadRequests;
use listener::client_address;
use listener::connections::Connection;
use listener::unlisted_proxies::UnlistedProxies;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::answer::RequestId;
use crate::config::Config;
use crate::problem::Failure;
use crate::rate_limit::RateLimits;
use crate::streams::Streams;

/// The maximum number of lists that arrive at the same time.
const MAX_UPLOADS: usize = 4;
/// The audit keeps this many characters of the name of a program.
const MOST_CHARACTERS: usize = 200;

/// The state of all requests.
pub(crate) struct Api {
    pub(crate) control: Control,
    pub(crate) live: Live,
    config: Config,
    rates: RateLimits,
    bad_requests: BadRequests,
    proxies: UnlistedProxies,
    /// Lists that arrive at the same time.
    pub(crate) uploads: Semaphore,
    /// Open streams.
    pub(crate) streams: Streams,
}

impl Api {
    pub(crate) fn new(control: Control, live: Live, config: Config) -> Self {
        Self {
            control,
            live,
            rates: RateLimits::new(config.requests_per_minute, config.writes_per_second),
            bad_requests: BadRequests::new(config.bad_requests),
            proxies: UnlistedProxies::new("console", config.trusted_proxies.clone()),
            uploads: Semaphore::new(MAX_UPLOADS),
            streams: Streams::new(config.streams),
            config,
        }
    }

    /// The time limit for receiving a body.
    pub(crate) fn read_timeout(&self) -> std::time::Duration {
        self.config.read_timeout
    }

    /// The maximum length of a list in bytes.
    pub(crate) fn max_list_bytes(&self) -> u64 {
        self.config.max_list_bytes
    }

    /// The time limit for receiving a list.
    pub(crate) fn upload_timeout(&self) -> std::time::Duration {
        self.config.upload_timeout
    }

    /// The time after which a stream ends: that of the settings ± 20 %, so that clients do not reconnect at the same time.
    pub(crate) fn stream_time(&self) -> std::time::Duration {
        self.config.stream_time.mul_f64(fastrand::f64().mul_add(0.4, 0.8))
    }

    fn client(&self, request: &Request) -> Client {
        let connection = request.extensions().get::<Arc<Connection>>();
        let address = connection.map(|connection| {
            client_address::of(connection.peer, request.headers(), &self.config.trusted_proxies)
        });
        let user_agent = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        let user_agent = user_agent.map(|agent| agent.chars().take(MOST_CHARACTERS).collect());
        Client { address, user_agent, request_id: request.extensions().get::<RequestId>().map(|id| id.0) }
    }

    async fn caller(&self, key: Option<String>, client: Client) -> Result<Caller, Failure> {
        let address = client.address;
        // A missing key is refused like a wrong one.
        let found = self.control.caller_of_key(&key.unwrap_or_default(), client).await;
        let error = match found {
            Ok(caller) => return Ok(caller),
            Err(error) => error,
        };
        let is_wrong = matches!(error.problem(), Problem::Unauthorized | Problem::Forbidden);
        if let Some(address) = address.filter(|_| is_wrong)
            && self.bad_requests.count_exceeds_limit(None, address, Instant::now())
        {
            return Err(
                Failure::of(Problem::TooManyRequests, "too many wrong keys; wait a minute").retry_after(60)
            );
        }
        Err(error.into())
    }
}

/// The key in `Authorization: Bearer KEY`; the scheme in upper or lower case.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

/// Admits a request with a valid key within its rate.
pub(crate) async fn admit(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let (key, client) = (bearer(request.headers()).map(str::to_owned), api.client(&request));
    let caller = match api.caller(key, client).await {
        Ok(caller) => caller,
        Err(failure) => return failure.into_response(),
    };
    if let Some(connection) = request.extensions().get::<Arc<Connection>>() {
        connection.mark_authenticated();
        api.proxies.warn_if_unlisted(connection.peer, request.headers());
    }
    let is_write = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let left = api.rates.take(caller.name(), is_write, Instant::now());
    let mut response = if left.wait > 0 {
        let text = format!("this API key exceeds its rate; try again in {} s", left.wait);
        Failure::of(Problem::TooManyRequests, text).retry_after(left.wait).into_response()
    } else {
        request.extensions_mut().insert(caller);
        next.run(request).await
    };
    api.rates.add_headers(left, response.headers_mut());
    response
}
