//! Who looks: the session cookie of a request.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{HeaderMap, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use control::{Caller, Client, Control, PageRequest, PendingFactor, Problem, SessionUse};
use jiff::tz::TimeZone;
use listener::connections::Connection;
use listener::unlisted_proxies::UnlistedProxies;
use url::form_urlencoded::byte_serialize;

use crate::config::Proxies;
use crate::cookie::{self, Cookies};
use crate::failure::Failure;
use crate::live::feeds::Feeds;
use crate::local_number::LocalCountry;
use crate::recent::Recent;
use crate::summaries::Summaries;
use crate::uploads::Uploads;
use crate::viewer::Viewer;
use crate::visit::Visit;

/// The audit keeps this many characters of the name of a program.
const MOST_CHARACTERS: usize = 200;

/// The state of all requests.
pub(crate) struct Console {
    pub(crate) control: Control,
    /// People who were here.
    pub(crate) recent: Recent,
    /// Counted answers.
    pub(crate) summaries: Summaries,
    /// Live parts of pages.
    pub(crate) feeds: Feeds,
    pub(crate) cookies: Cookies,
    pub(crate) proxies: Proxies,
    pub(crate) unlisted: UnlistedProxies,
    /// The time zone of people whose account has none.
    pub(crate) zone: TimeZone,
    /// The country of numbers without a country code.
    pub(crate) country: Option<LocalCountry>,
    /// The address at which browsers reach the console, without a slash at its end.
    pub(crate) base: String,
    pub(crate) uploads: Uploads,
}

/// Where a request comes from.
pub(crate) struct From(pub(crate) Client);

impl FromRequestParts<Arc<Console>> for From {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, StatusCode> {
        let connection = parts.extensions.get::<Arc<Connection>>();
        let address = connection.map(|connection| console.proxies.client(connection.peer, &parts.headers));
        let id = parts.extensions.get::<Visit>().map(|visit| visit.id);
        Ok(Self(Client { address, user_agent: user_agent(&parts.headers), request_id: id }))
    }
}

fn user_agent(headers: &HeaderMap) -> Option<String> {
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    agent.map(|agent| agent.chars().take(MOST_CHARACTERS).collect())
}

/// A person who is logged in, completely or not.
pub(crate) struct LogInState(pub(crate) Caller);

impl FromRequestParts<Arc<Console>> for LogInState {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Response> {
        let From(client) =
            From::from_request_parts(parts, console).await.map_err(IntoResponse::into_response)?;
        match console.caller(parts, client).await {
            Ok(caller) => Ok(Self(caller)),
            Err(error) if error.problem() == Problem::Unauthorized => Err(log_in_first(parts)),
            Err(error) => Err(Failure::from(error).into_response()),
        }
    }
}

impl Console {
    pub(crate) fn token<'a>(&self, parts: &'a Parts) -> &'a str {
        cookie::value(&parts.headers, self.cookies.session_name()).unwrap_or_default()
    }

    pub(crate) async fn caller(&self, parts: &Parts, client: Client) -> Result<Caller, control::Error> {
        self.control.caller_of_session(self.token(parts), SessionUse::Activity, client).await
    }

    /// The names of the senders that the caller may use.
    pub(crate) async fn sender_names(&self, caller: &Caller) -> Result<Vec<String>, control::Error> {
        let all = PageRequest { after: None, limit: Some(control::MAX_LIMIT) };
        let senders = self.control.senders(caller, &all).await?;
        Ok(senders.items.into_iter().map(|sender| sender.name).collect())
    }

    /// The person whose session cookie the request has.
    pub(crate) async fn viewer(&self, caller: Caller, visit: Visit) -> Result<Viewer, control::Error> {
        let account = self.control.account(&caller, caller.name()).await?;
        let zone = account.zone.and_then(|zone| TimeZone::get(&zone).ok());
        let zone = zone.unwrap_or_else(|| self.zone.clone());
        Ok(Viewer { caller, role: account.grant.role, zone, visit })
    }
}

/// The page of the next step of a log-in; `next` is opened afterwards.
pub(crate) fn pending_page(pending: PendingFactor, next: &str) -> String {
    let page = match pending {
        PendingFactor::Code => "/log-in/code",
        PendingFactor::Enrollment => "/log-in/app",
    };
    if matches!(next, "" | "/") {
        return page.to_owned();
    }
    let next: String = byte_serialize(next.as_bytes()).collect();
    format!("{page}?next={next}")
}

/// Sends a person to the log-in, and back to the page afterwards. A form is not sent again by itself.
pub(crate) fn log_in_first(parts: &Parts) -> Response {
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        let text = "you are not logged in, or your session has ended, and nothing was changed; log in and send the form again";
        return Failure::new(StatusCode::UNAUTHORIZED, text).into_response();
    }
    let page = parts.uri.path_and_query().map_or("/", |page| page.as_str());
    if page == "/" {
        return Redirect::to("/log-in").into_response();
    }
    let page: String = byte_serialize(page.as_bytes()).collect();
    Redirect::to(&format!("/log-in?next={page}")).into_response()
}

/// The page to open after a log-in, if it is one of this console.
pub(crate) fn safe_page(next: Option<&str>) -> &str {
    let is_own = |page: &&str| {
        // Browsers read a backslash as a slash, and leave out tabs and line breaks.
        page.starts_with('/')
            && !page.starts_with("//")
            && page.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    };
    next.filter(is_own).unwrap_or("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_of_this_console_is_opened_after_a_log_in() {
        for (next, opened) in [
            (None, "/"),
            (Some("/campaigns/7?tab=people"), "/campaigns/7?tab=people"),
            (Some("https://evil.example"), "/"),
            (Some("//evil.example"), "/"),
            (Some("/\\evil.example"), "/"),
            (Some("/\t/evil.example"), "/"),
            (Some("/a\r\nset-cookie: x"), "/"),
            (Some(""), "/"),
        ] {
            assert_eq!(safe_page(next), opened, "{next:?}");
        }
    }
}
