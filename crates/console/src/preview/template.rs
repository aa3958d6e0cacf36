//! The text of a template with the values of one recipient.

use std::collections::BTreeSet;

use control::{NewTemplate, PreviewItem};

/// A text with `{{1}}`, `{{2}}` replaced by these values, or its named variables if the values have names. Variables without a value
/// stay.
pub(crate) fn filled(text: &str, values: &[String], names: &[String]) -> String {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, variable)) = rest.split_once("{{") {
        let Some((name, after)) = variable.split_once("}}") else { break };
        filled.push_str(before);
        let name_of = |place: &String| place == name.trim();
        let number = || name.trim().parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let place = names.iter().position(name_of).or_else(number);
        match place.and_then(|place| values.get(place)) {
            Some(value) => filled.push_str(value),
            None => filled.extend(["{{", name, "}}"]),
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// The names of the variables of a text that are no numbers.
fn names(text: &str) -> BTreeSet<&str> {
    let names = text.split("{{").skip(1).filter_map(|after| Some(after.split_once("}}")?.0.trim()));
    names.filter(|name| name.parse::<usize>().is_err()).collect()
}

/// The number of variables of a text: the highest of their numbers.
pub(crate) fn variables(text: &str) -> usize {
    let names = text.split("{{").skip(1).filter_map(|after| Some(after.split_once("}}")?.0));
    names.filter_map(|name| name.trim().parse().ok()).max().unwrap_or(0)
}

/// Header, body and footer of a template for one recipient.
pub(crate) fn texts(template: &NewTemplate, item: &PreviewItem) -> (Option<String>, String, Option<String>) {
    let of_header = item.header.as_slice();
    // A header has one variable at most.
    let its_name: Vec<String> =
        template.header.iter().flat_map(|header| names(header)).map(str::to_owned).collect();
    let header = template.header.as_ref().map(|header| filled(header, of_header, &its_name));
    let header = header.or_else(|| item.header.clone());
    (header, filled(&template.body, &item.values, &item.value_names), template.footer.clone())
}

/// Why the provider would refuse the variables that a campaign fills in.
pub(crate) fn difference(template: &NewTemplate, item: &PreviewItem) -> Option<String> {
    let named = names(&template.body);
    let given: BTreeSet<&str> = item.value_names.iter().map(String::as_str).collect();
    if !named.is_empty() || !given.is_empty() {
        let list = |names: &BTreeSet<&str>| names.iter().copied().collect::<Vec<_>>().join(", ");
        return (named != given).then(|| {
            format!(
                "The text of the template has the variables {}; this campaign fills in {}.",
                list(&named),
                list(&given)
            )
        });
    }
    let (has, fills) = (variables(&template.body), item.values.len());
    let number = |n: usize| match n {
        1 => "1 variable".to_owned(),
        n => format!("{n} variables"),
    };
    (has != fills)
        .then(|| format!("The text of the template has {}; this campaign fills in {fills}.", number(has)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(body: &str) -> NewTemplate {
        let header = Some("For {{1}}".into());
        NewTemplate { header, body: body.into(), footer: None, buttons: Vec::new(), ..NewTemplate::default() }
    }

    #[test]
    fn variables_are_filled_in_by_their_numbers() {
        let values = ["Anna".to_owned(), "{{1}} *12*".to_owned()];
        for (text, expected) in [
            ("Hi {{1}}, {{ 2 }} and {{1}}", "Hi Anna, {{1}} *12* and Anna"),
            ("{{3}} {{0}} {{name}} {{", "{{3}} {{0}} {{name}} {{"),
            ("no }} variable", "no }} variable"),
            ("{{1", "{{1"),
        ] {
            assert_eq!(filled(text, &values, &[]), expected);
        }
        assert_eq!((variables("{{2}} {{ 1 }} {{x}}"), variables("none {{9")), (2, 0));
    }

    #[test]
    fn a_template_with_other_variables_than_the_campaign_is_told() {
        let item =
            PreviewItem { header: Some("Ben".into()), values: vec!["Anna".into()], ..PreviewItem::default() };
        assert_eq!(difference(&template("Hi {{1}}"), &item), None);
        assert_eq!(texts(&template("Hi {{1}}"), &item), (Some("For Ben".into()), "Hi Anna".into(), None));
        let told = difference(&template("{{1}} {{2}}"), &item);
        assert_eq!(
            told.as_deref(),
            Some("The text of the template has 2 variables; this campaign fills in 1.")
        );
    }
}
