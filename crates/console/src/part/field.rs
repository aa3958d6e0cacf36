//! Fields of forms.

use maud::{Markup, html};

/// A field for one line of text.
pub(crate) struct Field<'a> {
    /// The name in the form.
    pub(crate) name: &'a str,
    /// The label above it.
    pub(crate) label: &'a str,
    /// `text`, `password`, …
    pub(crate) kind: &'a str,
    /// What a password manager fills in.
    pub(crate) autocomplete: &'a str,
    /// The value that the person typed before.
    pub(crate) value: &'a str,
    /// An explanation below it.
    pub(crate) hint: Option<&'a str>,
    /// Whether the value is wrong; the alert of the form says why.
    pub(crate) is_wrong: bool,
}

impl Field<'_> {
    /// Draws the field.
    pub(crate) fn draw(&self) -> Markup {
        let hint = self.hint.map(|_| format!("{}-hint", self.name));
        let described = match (&hint, self.is_wrong) {
            (Some(hint), true) => Some(format!("{hint} form-error")),
            (None, true) => Some("form-error".to_owned()),
            (hint, false) => hint.clone(),
        };
        html! {
            label {
                (self.label)
                input name=(self.name) type=(self.kind) autocomplete=(self.autocomplete) value=(self.value) required maxlength="200"
                    aria-invalid=[self.is_wrong.then_some("true")] aria-describedby=[described];
                @if let (Some(text), Some(id)) = (self.hint, hint) { span class="hint" id=(id) { (text) } }
            }
        }
    }
}

/// Tells a password manager for which account the password of a form is. It is not sent.
pub(crate) fn account_name(name: &str) -> Markup {
    html! { input class="sr" type="text" autocomplete="username" value=(name) readonly tabindex="-1" aria-hidden="true"; }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_field_points_to_the_reason_and_its_value_is_escaped() {
        let field = Field {
            name: "name",
            label: "Name",
            kind: "text",
            autocomplete: "username",
            value: "\"><script>",
            hint: Some("as in the link"),
            is_wrong: true,
        };
        let drawn = field.draw().into_string();
        assert!(drawn.contains(r#"aria-invalid="true" aria-describedby="name-hint form-error""#), "{drawn}");
        assert!(drawn.contains(r#"value="&quot;&gt;&lt;script&gt;""#), "{drawn}");
        let right = Field { is_wrong: false, hint: None, ..field }.draw().into_string();
        assert!(!right.contains("aria-"), "{right}");
    }
}
