//! `/link/TOKEN`: a person sets the password with a one-time link. The address is secret: it is in no log and in no `Referer`, and
//! opening the page does not use the link up, because mail programs open links too.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use control::Problem;
use maud::{Markup, html};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::failure::Failure;
use crate::frame;
use crate::headers::NO_REFERRER;
use crate::part::alert::form_error;
use crate::part::button::{Weight, submit};
use crate::part::field::{Field, account_name};
use crate::session::{Console, From};
use crate::visit::Visit;

/// A filled-in form.
#[derive(Deserialize)]
pub(crate) struct Filled {
    password: SecretString,
    again: SecretString,
}

/// `GET /link/TOKEN`
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    visit: Visit,
    Path(token): Path<String>,
) -> Response {
    let answer = match console.control.name_of_link(&token).await {
        Ok(name) => draw(&visit, &name, None).into_response(),
        Err(error) => Failure::from(error).into_response(),
    };
    ([NO_REFERRER], answer).into_response()
}

/// `POST /link/TOKEN`
pub(crate) async fn send(
    State(console): State<Arc<Console>>,
    visit: Visit,
    From(client): From,
    Path(token): Path<String>,
    Form(filled): Form<Filled>,
) -> Response {
    let answer = set(&console, (&visit, client), &token, filled).await.unwrap_or_else(Failure::into_response);
    ([NO_REFERRER], answer).into_response()
}

async fn set(
    console: &Console,
    (visit, client): (&Visit, control::Client),
    token: &str,
    Filled { password, again }: Filled,
) -> Result<Response, Failure> {
    if password.expose_secret() != again.expose_secret() {
        let name = console.control.name_of_link(token).await?;
        return Ok(refused(visit, &name, "the two passwords differ; enter the same one twice"));
    }
    match console.control.set_password(token, password, client).await {
        Ok(_) => Ok(Redirect::to("/log-in?after=password").into_response()),
        Err(error) if error.problem() == Problem::InvalidBody => {
            let name = console.control.name_of_link(token).await?;
            Ok(refused(visit, &name, &error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

fn refused(visit: &Visit, name: &str, text: &str) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, draw(visit, name, Some(text))).into_response()
}

fn draw(visit: &Visit, name: &str, error: Option<&str>) -> Markup {
    let body = html! {
        @if let Some(error) = error { (form_error(&frame::sentence(error))) }
        p { "For the account " b { (name) } "." }
        // Without an address the form is sent to the address of the page.
        form class="form" method="post" {
            (account_name(name))
            (new_password(error.is_some()))
            (submit("Set password", Weight::Primary))
        }
    };
    frame::bare("Set your password", visit, &body)
}

/// The two fields of a new password.
pub(crate) fn new_password(is_wrong: bool) -> Markup {
    let first = Field {
        name: "password",
        label: "New password",
        kind: "password",
        autocomplete: "new-password",
        value: "",
        hint: Some("12 to 128 characters. Four words that do not belong together are easy to remember."),
        is_wrong,
    };
    let second = Field { name: "again", label: "The same password again", hint: None, ..first };
    html! { (first.draw()) (second.draw()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::visit::Theme;

    #[test]
    fn the_page_does_not_contain_its_address() {
        let page = draw(&Visit::new(Theme::System), "anna", Some("the password is too short")).into_string();
        assert!(page.contains(r#"<form class="form" method="post">"#), "{page}");
        assert!(page.contains("The password is too short.") && page.contains("<b>anna</b>"), "{page}");
    }
}
