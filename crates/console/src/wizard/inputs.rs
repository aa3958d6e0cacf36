//! Fields of the wizard's forms, each with its label, its hint and its error.

use maud::{Markup, html};

use crate::wizard::faults::{Fault, label};
use crate::wizard::fields::Fields;
use crate::words::Tone;
use crate::words::number::counted;

/// A form with what was typed, and what is wrong with it.
#[derive(Clone, Copy)]
pub(crate) struct Inputs<'a> {
    pub(crate) fields: &'a Fields,
    pub(crate) faults: &'a [Fault],
}

impl Inputs<'_> {
    fn fault(&self, field: &str) -> Option<&str> {
        self.faults.iter().find(|fault| fault.field == field).map(|fault| fault.text.as_str())
    }

    /// A field around `control`, which gets its ids from [`Inputs::described`].
    fn wrapped(&self, field: &str, hint: Option<&Markup>, control: &Markup) -> Markup {
        html! {
            div class="field" {
                label for={ "f-" (field) } { (label(field)) }
                (control)
                @if let Some(text) = self.fault(field) { p class="error" id={ "e-" (field) } { (text) } }
                @if let Some(hint) = hint { p class="hint" id={ "h-" (field) } { (hint) } }
            }
        }
    }

    fn described(&self, field: &str, hint: Option<&Markup>) -> Option<String> {
        let ids = [self.fault(field).map(|_| format!("e-{field}")), hint.map(|_| format!("h-{field}"))];
        let ids: Vec<String> = ids.into_iter().flatten().collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    }

    /// One line of text.
    pub(crate) fn line(&self, field: &str, hint: Option<&Markup>) -> Markup {
        self.suggested(field, None, hint)
    }

    /// One line of text with suggestions: the id of their list.
    pub(crate) fn suggested(&self, field: &str, list: Option<&str>, hint: Option<&Markup>) -> Markup {
        let is_wrong = self.fault(field).map(|_| "true");
        let control = html! {
            input id={ "f-" (field) } name=(field) type="text" value=(self.fields.get(field)) maxlength="2000" autocomplete="off" list=[list]
                aria-invalid=[is_wrong] aria-describedby=[self.described(field, hint)];
        };
        self.wrapped(field, hint, &control)
    }

    /// A file of these types.
    pub(crate) fn file(&self, field: &str, accept: &str, hint: Option<&Markup>) -> Markup {
        let is_wrong = self.fault(field).map(|_| "true");
        let control = html! {
            input id={ "f-" (field) } name=(field) type="file" accept=(accept)
                aria-invalid=[is_wrong] aria-describedby=[self.described(field, hint)];
        };
        self.wrapped(field, hint, &control)
    }

    /// A date and a time.
    pub(crate) fn moment(&self, field: &str, hint: &Markup) -> Markup {
        let is_wrong = self.fault(field).map(|_| "true");
        let control = html! {
            input id={ "f-" (field) } name=(field) type="datetime-local" value=(self.fields.get(field))
                aria-invalid=[is_wrong] aria-describedby=[self.described(field, Some(hint))];
        };
        self.wrapped(field, Some(hint), &control)
    }

    /// Several lines of text.
    pub(crate) fn text(&self, field: &str, rows: u32, hint: Option<&Markup>) -> Markup {
        let is_wrong = self.fault(field).map(|_| "true");
        let control = html! {
            // Browsers leave out the first line break.
            textarea id={ "f-" (field) } name=(field) rows=(rows) maxlength="20000" aria-invalid=[is_wrong]
                aria-describedby=[self.described(field, hint)] { "\n" (self.fields.get(field)) }
        };
        self.wrapped(field, hint, &control)
    }

    /// One of several values: value, text.
    pub(crate) fn choice(&self, field: &str, choices: &[(&str, String)], hint: Option<&Markup>) -> Markup {
        let chosen = self.fields.get(field);
        let is_wrong = self.fault(field).map(|_| "true");
        let control = html! {
            select id={ "f-" (field) } name=(field) aria-invalid=[is_wrong] aria-describedby=[self.described(field, hint)] {
                @for (value, text) in choices { option value=(value) selected[*value == chosen] { (text) } }
            }
        };
        self.wrapped(field, hint, &control)
    }

    /// A check box with this value and text.
    pub(crate) fn check(&self, field: &str, (value, text): (&str, &str), hint: Option<&Markup>) -> Markup {
        let is_wrong = self.fault(field).map(|_| "true");
        html! {
            div class="field" {
                label class="tick" {
                    input id={ "f-" (field) } type="checkbox" name=(field) value=(value) checked[self.fields.has(field)]
                        aria-invalid=[is_wrong] aria-describedby=[self.described(field, hint)];
                    span { (text) }
                }
                @if let Some(text) = self.fault(field) { p class="error" id={ "e-" (field) } { (text) } }
                @if let Some(hint) = hint { p class="hint" id={ "h-" (field) } { (hint) } }
            }
        }
    }

    /// One of a few values as buttons: value, text.
    pub(crate) fn radios(&self, field: &str, choices: &[(&str, &str)]) -> Markup {
        let chosen = self.fields.get(field);
        html! {
            fieldset class="radios" id={ "f-" (field) } {
                legend { (label(field)) }
                div class="segments" {
                    @for (value, text) in choices {
                        label class="button" {
                            input type="radio" name=(field) value=(value) checked[*value == chosen];
                            (text)
                        }
                    }
                }
                @if let Some(text) = self.fault(field) { p class="error" { (text) } }
            }
        }
    }
}

/// What is wrong with a form, with links to its fields. It takes the focus.
pub(crate) fn summary(faults: &[Fault]) -> Markup {
    if faults.is_empty() {
        return html! {};
    }
    let n = i64::try_from(faults.len()).unwrap_or(i64::MAX);
    html! {
        div class={ "alert " (Tone::Bad.class()) } role="alert" id="form-error" tabindex="-1" autofocus {
            div {
                h2 { (counted(n, "thing has", "things have")) " to be corrected" }
                ul class="list" {
                    @for fault in faults {
                        li {
                            @if fault.field == "form" { (fault.text) }
                            @else { a href={ "#f-" (fault.field) } { (fault.text) } }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_field_is_described_by_its_error_and_the_summary_links_to_it() {
        let fields = Fields::sent(vec![("name".into(), "\"><script>".into())]);
        let faults = [Fault::new("name", "Give a <b>name</b>"), Fault::new("form", "too late")];
        let inputs = Inputs { fields: &fields, faults: &faults };
        let drawn = inputs.line("name", Some(&html! { "for you" })).into_string();
        assert!(drawn.contains(r#"aria-invalid="true" aria-describedby="e-name h-name""#), "{drawn}");
        assert!(drawn.contains("&quot;&gt;&lt;script&gt;") && drawn.contains("Give a &lt;b&gt;"), "{drawn}");
        let drawn = summary(&faults).into_string();
        assert!(
            drawn.contains(r##"href="#f-name""##) && drawn.contains("2 things have to be corrected"),
            "{drawn}"
        );
        assert!(drawn.contains("autofocus") && drawn.contains("<li>too late</li>"), "{drawn}");
        assert!(summary(&[]).into_string().is_empty());
    }
}
