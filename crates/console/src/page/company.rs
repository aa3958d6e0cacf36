//! `/log-in/company`: a person logs in with the account of the company. The browser is sent to the OpenID provider and comes back to
//! `/log-in/company/callback`. In between it keeps what it began with in a cookie that no script can read.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderMap, SET_COOKIE};
use axum::response::{IntoResponse, Redirect, Response};
use control::{CompanyAnswer, Problem};
use oidc::Attempt;
use secrecy::SecretString;
use serde::Deserialize;

use crate::cookie;
use crate::failure::Failure;
use crate::frame;
use crate::headers::NO_REFERRER;
use crate::page::log_in::LogInForm;
use crate::part::alert::form_error;
use crate::session::{Console, From, safe_page};
use crate::visit::Visit;

/// The page to open afterwards, and whether the person has to prove again who it is.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    next: String,
    fresh: bool,
}

/// `GET /log-in/company`
pub(crate) async fn begin(
    State(console): State<Arc<Console>>,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    match console.control.begin_company_log_in(safe_page(Some(&asked.next)), asked.fresh).await {
        Ok((address, attempt)) => {
            let mut response = Redirect::to(address.as_str()).into_response();
            if let Some(cookie) = console.cookies.company(&attempt.to_cookie()) {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            Ok(response)
        }
        Err(error) => refused(&console, &visit, error),
    }
}

/// What the provider answers, in the address.
#[derive(Deserialize)]
pub(crate) struct Answered {
    code: Option<SecretString>,
    #[serde(default)]
    state: String,
    error: Option<String>,
}

/// `GET /log-in/company/callback`
pub(crate) async fn finish(
    State(console): State<Arc<Console>>,
    visit: Visit,
    From(client): From,
    headers: HeaderMap,
    Query(answered): Query<Answered>,
) -> Result<Response, Failure> {
    let begun = cookie::value(&headers, console.cookies.company_name()).and_then(Attempt::from_cookie);
    let next = begun.as_ref().map(|attempt| attempt.next.clone());
    let replaces = cookie::value(&headers, console.cookies.session_name()).map(SecretString::from);
    let Answered { code, state, error } = answered;
    let answer = CompanyAnswer { code, state, error };
    let finished =
        console.control.finish_company_log_in((begun, visit.now), answer, replaces.as_ref(), client).await;
    let mut response = match finished {
        Ok(session) => {
            let mut response = Redirect::to(safe_page(next.as_deref())).into_response();
            if let Some(cookie) = console.cookies.session(session.token.secret()) {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            response
        }
        Err(error) => refused(&console, &visit, error)?,
    };
    // Each attempt is used once.
    if let Some(cookie) = console.cookies.no_company() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    // The address has the code in it.
    Ok(([NO_REFERRER], response).into_response())
}

fn refused(console: &Console, visit: &Visit, error: control::Error) -> Result<Response, Failure> {
    if !matches!(error.problem(), Problem::Unauthorized | Problem::ConflictState) {
        return Err(error.into());
    }
    let form = LogInForm {
        name: "",
        next: "",
        note: Some(form_error(&frame::sentence(&error.to_string()))),
        company: console.control.company_name().map(|name| (name, false)),
    };
    Ok((StatusCode::UNAUTHORIZED, form.draw(visit)).into_response())
}
