//! Filled-in forms whose fields may have several values, such as groups of checkboxes.

use std::collections::BTreeSet;

use axum::Form;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use control::{Error, Grant, Problem, Role};
use maud::{Markup, html};

use crate::failure::Failure;
use crate::frame::sentence;
use crate::part::alert::form_error;
use crate::part::check::{check, checks};
use crate::part::filter::select;
use crate::viewer::Viewer;

/// The fields of a form in their order.
pub(crate) struct Filled(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Filled {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let Form(fields) = Form::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        Ok(Self(fields))
    }
}

impl Filled {
    /// The value of a field without spaces around it; empty if the field is missing.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value.trim())
    }

    /// The value of a field that may be left empty.
    pub(crate) fn optional(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// Whether a box is checked.
    pub(crate) fn is_checked(&self, name: &str) -> bool {
        self.text(name) == "true"
    }

    /// All values of a field.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// The grant of `grant_fields`. No checked sender means all senders that the person may use.
    pub(crate) fn grant(&self, viewer: &Viewer) -> Result<Grant, Error> {
        let role: Role = self.text("role").parse().map_err(wrong)?;
        let chosen: BTreeSet<String> = self.values("senders").map(str::to_owned).collect();
        let senders = if chosen.is_empty() { viewer.caller.senders.clone() } else { Some(chosen) };
        Ok(Grant { role, has_numbers: self.is_checked("numbers"), senders })
    }
}

/// The error of a wrong field.
pub(crate) fn wrong(text: impl Into<String>) -> Error {
    Error::refused(Problem::InvalidBody, text)
}

/// Shows the page with the form again if the error is about what was filled in.
pub(crate) async fn again(
    error: Error,
    page: impl AsyncFnOnce(Option<Markup>) -> Result<Markup, Failure>,
) -> Result<Response, Failure> {
    if !matches!(error.problem(), Problem::InvalidBody | Problem::NotFound | Problem::ConflictState) {
        return Err(error.into());
    }
    let note = form_error(&sentence(&error.to_string()));
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page(Some(note)).await?).into_response())
}

/// The fields of a grant: role, senders and phone numbers. A person can give only what the person has.
pub(crate) fn grant_fields(viewer: &Viewer, senders: &[String], chosen: &Grant) -> Markup {
    let roles: Vec<(&str, &str)> = Role::ALL
        .into_iter()
        .filter(|role| viewer.caller.rights.include(&role.rights()))
        .map(|role| (role.word(), describe(role)))
        .collect();
    let boxes: Vec<(&str, &str, bool)> = senders
        .iter()
        .map(|name| {
            let is_chosen = chosen.senders.as_ref().is_some_and(|senders| senders.contains(name));
            (name.as_str(), name.as_str(), is_chosen)
        })
        .collect();
    html! {
        div class="narrow-form" { (select("role", "Role", &roles, chosen.role.word())) }
        @if !boxes.is_empty() {
            (checks("Senders", "senders", &boxes, Some("Without a check mark: all of them, also those that are added later.")))
        }
        @if viewer.may(control::Right::Numbers) {
            (check("numbers", "May see and download whole phone numbers", chosen.has_numbers))
        }
    }
}

/// A role with what it may do.
fn describe(role: Role) -> &'static str {
    match role {
        Role::Viewer => "Viewer: sees campaigns and reports",
        Role::Marketer => "Marketer: prepares and sends campaigns",
        Role::Operator => "Operator: also runs senders, workers and queues",
        Role::Admin => "Admin: also manages accounts and erases data",
    }
}

/// The senders of a grant, for a table.
pub(crate) fn senders_of(grant: &Grant) -> String {
    match &grant.senders {
        None => "all senders".to_owned(),
        Some(senders) => senders.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewer::tests::viewer;

    fn filled(fields: &[(&str, &str)]) -> Filled {
        Filled(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_grant_has_the_checked_senders_or_those_of_the_person() {
        let both = filled(&[("role", "viewer"), ("senders", "ke"), ("senders", "tz"), ("numbers", "true")]);
        let grant = both.grant(&viewer()).unwrap();
        assert_eq!(
            (grant.role, grant.has_numbers, senders_of(&grant).as_str()),
            (Role::Viewer, true, "ke, tz")
        );
        let none = filled(&[("role", "viewer")]);
        assert_eq!(none.grant(&viewer()).unwrap().senders, None);
        let mut limited = viewer();
        limited.caller.senders = Some(["ke".to_owned()].into());
        assert_eq!(senders_of(&none.grant(&limited).unwrap()), "ke", "no more than the person has");
        assert!(
            filled(&[("role", "root")])
                .grant(&viewer())
                .unwrap_err()
                .to_string()
                .contains("viewer, marketer")
        );
    }

    #[test]
    fn only_roles_within_the_own_rights_are_offered() {
        let drawn =
            grant_fields(&viewer(), &[], &Grant { role: Role::Viewer, has_numbers: false, senders: None });
        let drawn = drawn.into_string();
        assert!(drawn.contains("Marketer: prepares") && !drawn.contains("Operator:"), "{drawn}");
        assert!(!drawn.contains("phone numbers"), "{drawn}");
    }

    #[test]
    fn a_field_that_is_missing_is_empty() {
        let form = filled(&[("name", "  back office "), ("email", " ")]);
        assert_eq!((form.text("name"), form.optional("email"), form.text("x")), ("back office", None, ""));
    }
}
