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
use url::form_urlencoded::Serializer;

use crate::cookie;
use crate::failure::Failure;
use crate::frame;
use crate::part::alert::{done, form_error};
use crate::part::button::{Weight, link, submit};
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
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Markup {
    let note = asked.after.map(|after| match after {
        After::LogOut => done("You are logged out."),
        After::Stale => done("Enter your password again. For accounts, keys and webhook endpoints, an open session is not enough."),
        After::Password => done("Your password is set. Log in with it."),
    });
    let is_stale = matches!(asked.after, Some(After::Stale));
    let form = LogInForm {
        name: "",
        next: asked.next.as_deref().unwrap_or_default(),
        note,
        company: console.control.company_name().map(|name| (name, is_stale)),
    };
    form.draw(&visit)
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
    let form = LogInForm {
        name: &name,
        next: &next,
        note: Some(form_error(&frame::sentence(&error.to_string()))),
        company: console.control.company_name().map(|name| (name, false)),
    };
    Ok((status, form.draw(&visit)).into_response())
}

/// The form of a log-in.
pub(crate) struct LogInForm<'a> {
    /// The name that the person typed before.
    pub(crate) name: &'a str,
    /// The page to open afterwards.
    pub(crate) next: &'a str,
    /// What happened before.
    pub(crate) note: Option<Markup>,
    /// What the account of the company is called, and whether the person has to prove again who it is.
    pub(crate) company: Option<(&'a str, bool)>,
}

impl LogInForm<'_> {
    /// Draws the page.
    pub(crate) fn draw(&self, visit: &Visit) -> Markup {
        let is_wrong = !self.name.is_empty();
        let name = Field {
            name: "name",
            label: "Name",
            kind: "text",
            autocomplete: "username",
            value: self.name,
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
            @if let Some(note) = &self.note { (note) }
            @if let Some((company, is_stale)) = self.company {
                (link(&company_address(self.next, is_stale), &format!("Log in with {company}"), Weight::Plain))
                p class="hint" { "Or with a password of Flowcast:" }
            }
            form class="form" method="post" action="/log-in" {
                @if !self.next.is_empty() { input type="hidden" name="next" value=(self.next); }
                (name.draw())
                (password.draw())
                (submit("Log in", Weight::Primary))
            }
            p class="hint" { "No account or no password? Ask an admin for a link." }
        };
        frame::bare("Log in", visit, &body)
    }
}

/// The address at which a log-in with the account of a company begins.
fn company_address(next: &str, is_fresh: bool) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("next", next);
    if is_fresh {
        query.append_pair("fresh", "true");
    }
    format!("/log-in/company?{}", query.finish())
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
        let form = LogInForm {
            name: "anna\"",
            next: "/campaigns/7",
            note: None,
            company: Some(("Example <Ltd>", true)),
        };
        let page = form.draw(&Visit::new(Theme::System)).into_string();
        for expected in [
            r#"autocomplete="username" value="anna&quot;""#,
            r#"autocomplete="current-password" value="""#,
            r#"<input type="hidden" name="next" value="/campaigns/7">"#,
            r#"href="/log-in/company?next=%2Fcampaigns%2F7&amp;fresh=true">Log in with Example &lt;Ltd&gt;"#,
        ] {
            assert!(page.contains(expected), "{expected} is not in {page}");
        }
    }
}
