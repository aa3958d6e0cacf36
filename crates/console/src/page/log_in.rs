//! Log in and log out.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use axum::response::{IntoResponse, Redirect, Response};
use control::{LogIn, Problem};
use maud::{Markup, html};
use secrecy::SecretString;
use serde::Deserialize;

use crate::cookie;
use crate::failure::Failure;
use crate::frame;
use crate::part::alert::{done, form_error};
use crate::part::button::{Weight, submit};
use crate::part::field::Field;
use crate::session::{Console, From, LogInState, pending_page, safe_page};
use crate::visit::Visit;

const CLEAR: HeaderName = HeaderName::from_static("clear-site-data");

/// Where to go afterwards, and what happened before.
#[derive(Deserialize)]
pub(crate) struct Asked {
    next: Option<String>,
    after: Option<After>,
}

/// What happened before the log-in.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum After {
    LogOut,
    Password,
    Stale,
}

/// A filled-in form.
#[derive(Deserialize)]
pub(crate) struct Filled {
    name: String,
    password: SecretString,
    #[serde(default)]
    next: String,
}

/// `GET /log-in`
pub(crate) async fn show(visit: Visit, Query(asked): Query<Asked>) -> Markup {
    let note = asked.after.map(|after| match after {
        After::LogOut => done("You are logged out."),
        After::Stale => done("Enter your password again. For accounts, keys and webhook endpoints, an open session is not enough."),
        After::Password => done("Your password is set. Log in with it."),
    });
    draw(&visit, "", asked.next.as_deref().unwrap_or_default(), note.as_ref())
}

/// `POST /log-in`
pub(crate) async fn send(
    State(console): State<Arc<Console>>,
    visit: Visit,
    From(client): From,
    headers: HeaderMap,
    Form(filled): Form<Filled>,
) -> Result<Response, Failure> {
    let Filled { name, password, next } = filled;
    let replaces = cookie::value(&headers, console.cookies.session_name()).map(SecretString::from);
    let error = match console.control.log_in(LogIn { name: name.clone(), password, replaces }, client).await {
        Ok(session) => {
            let page = match session.pending {
                None => safe_page(Some(&next)).to_owned(),
                Some(pending) => pending_page(pending, &next),
            };
            let mut response = Redirect::to(&page).into_response();
            if let Some(cookie) = console.cookies.session(session.token.secret()) {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            return Ok(response);
        }
        Err(error) => error,
    };
    let status = match error.problem() {
        Problem::Unauthorized => StatusCode::UNAUTHORIZED,
        Problem::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        _ => return Err(error.into()),
    };
    let note = form_error(&frame::sentence(&error.to_string()));
    Ok((status, draw(&visit, &name, &next, Some(&note))).into_response())
}

fn draw(visit: &Visit, name: &str, next: &str, note: Option<&Markup>) -> Markup {
    let is_wrong = !name.is_empty();
    let name = Field {
        name: "name",
        label: "Name",
        kind: "text",
        autocomplete: "username",
        value: name,
        hint: None,
        is_wrong,
    };
    let password = Field {
        name: "password",
        label: "Password",
        kind: "password",
        autocomplete: "current-password",
        value: "",
        ..name
    };
    let body = html! {
        @if let Some(note) = note { (note) }
        form class="form" method="post" action="/log-in" {
            @if !next.is_empty() { input type="hidden" name="next" value=(next); }
            (name.draw())
            (password.draw())
            (submit("Log in", Weight::Primary))
        }
        p class="hint" { "No account or no password? Ask an admin for a link." }
    };
    frame::bare("Log in", visit, &body)
}

/// `POST /log-out`
pub(crate) async fn out(
    State(console): State<Arc<Console>>,
    LogInState(caller): LogInState,
) -> Result<Response, Failure> {
    console.control.log_out(&caller).await?;
    let mut response = Redirect::to("/log-in?after=log_out").into_response();
    let headers = response.headers_mut();
    headers.insert(CLEAR, HeaderValue::from_static("\"cache\", \"storage\""));
    if let Some(cookie) = console.cookies.no_session() {
        headers.append(SET_COOKIE, cookie);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::visit::Theme;

    #[test]
    fn the_form_is_for_password_managers_and_keeps_the_name_and_the_page() {
        let page = draw(&Visit::new(Theme::System), "anna\"", "/campaigns/7", None).into_string();
        for expected in [
            r#"autocomplete="username" value="anna&quot;""#,
            r#"autocomplete="current-password" value="""#,
            r#"<input type="hidden" name="next" value="/campaigns/7">"#,
        ] {
            assert!(page.contains(expected), "{expected} is not in {page}");
        }
    }
}
