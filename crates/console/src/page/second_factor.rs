//! The second factor: the code after the password, and the set-up of an authenticator app.
//!
//! The address of the QR code is drawn on the page and stands in no link. Recovery codes are shown once.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};
use control::{ConfirmedFactor, Error, FactorSetUp, Problem};
use maud::{Markup, html};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::chart::qr_code;
use crate::failure::Failure;
use crate::frame;
use crate::part::alert::{done, form_error};
use crate::part::button::{Weight, form, link, submit};
use crate::part::card::card;
use crate::part::field::Field;
use crate::session::{Console, LogInState, safe_page};
use crate::viewer::Viewer;
use crate::visit::Visit;

/// The page to open afterwards.
#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    next: String,
}

/// A filled-in form.
#[derive(Deserialize)]
pub(crate) struct Filled {
    code: SecretString,
    #[serde(default)]
    next: String,
}

/// `GET /log-in/code`
pub(crate) async fn ask(visit: Visit, Query(asked): Query<Asked>) -> Markup {
    draw_code(&visit, &asked.next, None)
}

/// `POST /log-in/code`
pub(crate) async fn enter(
    State(console): State<Arc<Console>>,
    visit: Visit,
    LogInState(caller): LogInState,
    Form(Filled { code, next }): Form<Filled>,
) -> Result<Response, Failure> {
    match console.control.enter_code(&caller, &code, now(&visit)).await {
        Ok(session) => Ok(opened(&console, session.token.secret(), Redirect::to(safe_page(Some(&next))))),
        Err(error) => refused(error, |text| draw_code(&visit, &next, Some(text))),
    }
}

/// `GET /log-in/app`, which is also opened from the settings.
pub(crate) async fn set_up(
    State(console): State<Arc<Console>>,
    visit: Visit,
    LogInState(caller): LogInState,
    Query(asked): Query<Asked>,
) -> Result<Markup, Failure> {
    let set_up = console.control.set_up_second_factor(&caller).await?;
    Ok(draw_set_up(&visit, &set_up, &asked.next, None))
}

/// `POST /log-in/app`
pub(crate) async fn confirm(
    State(console): State<Arc<Console>>,
    visit: Visit,
    LogInState(caller): LogInState,
    Form(Filled { code, next }): Form<Filled>,
) -> Result<Response, Failure> {
    match console.control.confirm_second_factor(&caller, &code, now(&visit)).await {
        Ok(confirmed) => {
            let page = draw_recovery_codes(&visit, &confirmed, safe_page(Some(&next)));
            Ok(opened(&console, confirmed.token.secret(), page))
        }
        Err(error) => {
            let set_up = console.control.set_up_second_factor(&caller).await?;
            refused(error, |text| draw_set_up(&visit, &set_up, &next, Some(text)))
        }
    }
}

/// `POST /settings/app/remove`
pub(crate) async fn remove(State(console): State<Arc<Console>>, viewer: Viewer) -> Result<Redirect, Failure> {
    console.control.remove_second_factor(&viewer.caller, viewer.caller.name()).await?;
    Ok(Redirect::to("/settings?done=app"))
}

/// The card of the settings; `recovery_codes` are those that are left.
pub(crate) fn settings_card(recovery_codes: Option<i64>) -> Markup {
    let body = html! {
        @if let Some(left) = recovery_codes {
            p { "Each log-in asks for a code of your app. " (left) " of 10 recovery codes are left." }
            (form("/settings/app/remove", "Remove the app", Weight::Danger))
        } @else {
            p { "An authenticator app protects your account when somebody learns your password." }
            p { (link("/log-in/app?next=/settings", "Set up an app", Weight::Plain)) }
        }
    };
    card("Authenticator app", None, &body)
}

/// The person's clock does not matter: the code is compared with the time of the server.
fn now(visit: &Visit) -> u64 {
    u64::try_from(visit.now.as_second()).unwrap_or(0)
}

fn opened(console: &Console, token: &str, page: impl IntoResponse) -> Response {
    let mut response = page.into_response();
    if let Some(cookie) = console.cookies.session(token) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

fn refused(error: Error, page: impl FnOnce(&str) -> Markup) -> Result<Response, Failure> {
    let status = match error.problem() {
        Problem::Unauthorized => StatusCode::UNAUTHORIZED,
        Problem::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        _ => return Err(error.into()),
    };
    Ok((status, page(&error.to_string())).into_response())
}

fn code_form(action: &str, next: &str, (hint, button): (&str, &str), is_wrong: bool) -> Markup {
    let code = Field {
        name: "code",
        label: "Code",
        kind: "text",
        autocomplete: "one-time-code",
        value: "",
        hint: Some(hint),
        is_wrong,
    };
    html! {
        form class="form" method="post" action=(action) {
            @if !next.is_empty() { input type="hidden" name="next" value=(next); }
            (code.draw())
            (submit(button, Weight::Primary))
        }
    }
}

fn draw_code(visit: &Visit, next: &str, error: Option<&str>) -> Markup {
    let hint = "The six digits that your authenticator app shows, or one of your recovery codes.";
    let body = html! {
        @if let Some(error) = error { (form_error(&frame::sentence(error))) }
        (code_form("/log-in/code", next, (hint, "Continue"), error.is_some()))
        (form("/log-out", "Log in as somebody else", Weight::Plain))
        p class="hint" { "Lost your phone and your recovery codes? Ask an admin to remove the app from your account." }
    };
    frame::bare("Enter your code", visit, &body)
}

fn draw_set_up(visit: &Visit, set_up: &FactorSetUp, next: &str, error: Option<&str>) -> Markup {
    let secret: Vec<String> = set_up
        .base32
        .expose_secret()
        .as_bytes()
        .chunks(4)
        .map(|four| String::from_utf8_lossy(four).into())
        .collect();
    let body = html! {
        @if let Some(error) = error { (form_error(&frame::sentence(error))) }
        p { "Scan this code with an authenticator app on your phone. From then on, log-ins ask for the code that the app shows." }
        (qr_code(set_up.otpauth.expose_secret(), "QR code for the authenticator app"))
        p class="hint" { "No camera? Type this key into the app: " code { (secret.join(" ")) } }
        (code_form("/log-in/app", next, ("The six digits that the app shows now.", "Confirm"), error.is_some()))
        @if next.is_empty() { (form("/log-out", "Log out", Weight::Plain)) } @else { p { (link(safe_page(Some(next)), "Cancel", Weight::Plain)) } }
    };
    frame::bare("Set up an authenticator app", visit, &body)
}

fn draw_recovery_codes(visit: &Visit, confirmed: &ConfirmedFactor, next: &str) -> Markup {
    let body = html! {
        (done("The app is set up."))
        p { "If you lose your phone, each of these codes logs you in once. They are shown only now: print them, or keep them in a password manager." }
        ol class="codes" { @for code in &confirmed.recovery_codes { li { code { (code.secret()) } } } }
        p { (link(next, "I have kept the codes", Weight::Primary)) }
    };
    frame::bare("Keep your recovery codes", visit, &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::visit::Theme;

    #[test]
    fn the_code_is_filled_in_by_phones_and_the_next_page_is_kept() {
        let page =
            draw_code(&Visit::new(Theme::System), "/campaigns/7", Some("the code is wrong")).into_string();
        for expected in [
            r#"autocomplete="one-time-code""#,
            r#"<input type="hidden" name="next" value="/campaigns/7">"#,
            "The code is wrong.",
        ] {
            assert!(page.contains(expected), "{expected} is not in {page}");
        }
    }

    #[test]
    fn the_secret_is_drawn_and_typed_but_in_no_address() {
        let set_up =
            FactorSetUp { base32: "ABCDEFGHIJ".into(), otpauth: "otpauth://totp/x?secret=ABCDEFGHIJ".into() };
        let page = draw_set_up(&Visit::new(Theme::System), &set_up, "", None).into_string();
        assert!(page.contains("<code>ABCD EFGH IJ</code>") && page.contains("<svg"), "{page}");
        assert!(!page.contains("otpauth:") && !page.contains("ABCDEFGHIJ"), "{page}");
    }
}
