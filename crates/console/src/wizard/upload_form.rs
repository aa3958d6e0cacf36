//! The form with which a list is uploaded, and the options behind "That is wrong…".

use campaign::CampaignId;
use control::{ListImport, ListOptions};
use maud::{Markup, html};

use crate::part::button::{Weight, submit};
use crate::wizard::fields::Fields;
use crate::wizard::inputs::Inputs;
use crate::words::country;

/// How a list is read.
pub(crate) struct Options {
    pub(crate) import: ListImport,
    pub(crate) list: ListOptions,
}

/// The options that a form means; the error says what is wrong.
pub(crate) fn options(fields: &Fields) -> Result<Options, String> {
    let given = |name: &str| Some(fields.get(name).trim().to_owned()).filter(|text| !text.is_empty());
    let country = given("default_country").map(|written| {
        let code = country::letters(&written).unwrap_or(&written);
        code.parse()
            .map_err(|_| format!("“{written}” is not a country; write its name or two letters, such as KE"))
    });
    let excluded = fields.get("exclude_campaigns").split([',', ' ']).filter(|id| !id.is_empty()).map(|id| {
        let wrong =
            || format!("“{id}” is not the number of a campaign; write numbers with commas between them");
        id.parse::<i64>().map(CampaignId).map_err(|_| wrong())
    });
    let import = ListImport {
        default_country: country.transpose()?,
        number_column: given("number_column"),
        exclude: excluded.collect::<Result<_, _>>()?,
        again: fields.has("again"),
        ..ListImport::default()
    };
    let include_hidden = fields.has("include_hidden");
    let list = ListOptions {
        sheet: given("sheet"),
        encoding: given("encoding"),
        include_hidden,
        ..ListOptions::default()
    };
    Ok(Options { import, list })
}

/// What the form begins with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Begin {
    /// A list was imported before.
    pub(crate) has_list: bool,
    /// The options are shown at once, because an import went wrong.
    pub(crate) is_open: bool,
    /// The letters of the country, if one is known.
    pub(crate) country: String,
    /// The same file may be uploaded: numbers without a country code were rejected, and a country corrects them.
    pub(crate) is_again: bool,
}

/// The form.
pub(crate) fn form(address: &str, max_bytes: u64, begin: &Begin) -> Markup {
    let mut fields = Fields::default();
    fields.set("default_country", &begin.country);
    if begin.is_again {
        fields.set("again", "yes");
    }
    let inputs = Inputs { fields: &fields, faults: &[] };
    let summary = if begin.has_list || begin.is_open {
        "That is wrong… (column, sheet, encoding)"
    } else {
        "Options: column, sheet, encoding"
    };
    html! {
        form class="stack" id="upload" method="post" action=(address) enctype="multipart/form-data" data-most=(max_bytes) {
            div class="field drop" {
                label for="f-file" { "File" }
                input id="f-file" type="file" name="file" required
                    accept=".csv,.tsv,.txt,.xlsx,.jsonl,.ndjson,.gz,text/csv" aria-describedby="h-file";
                p class="hint" id="h-file" {
                    "CSV, Excel (.xlsx) or JSON Lines, at most " (max_bytes / (1024 * 1024)) " MiB. The first row names the columns; one of them has the phone number."
                }
            }
            div class="narrow-field" {
                (inputs.suggested("default_country", Some("countries"), Some(&html! { "Of numbers without a country code, such as 0712 000 001: Kenya or KE." })))
            }
            (country::suggestions("countries"))
            details class="more" open[begin.is_open || begin.is_again] {
                summary { (summary) }
                div class="stack" {
                    div class="pair" {
                        (inputs.line("number_column", Some(&html! { "The name of the column with the phone number, if another one was taken." })))
                        (inputs.line("sheet", Some(&html! { "The name of the sheet, if it is not the first visible one." })))
                        (inputs.line("encoding", Some(&html! { "Such as macintosh or windows-1252, if letters are wrong." })))
                    }
                    (inputs.line("exclude_campaigns", Some(&html! { "Campaigns whose recipients are left out: the numbers at the end of their addresses, such as 12, 15." })))
                    (inputs.check("include_hidden", ("yes", "Read hidden rows of the sheet too"), None))
                    (inputs.check("again", ("yes", "Import the list even if this campaign has the same file already"), None))
                }
            }
            div class="actions" { (submit("Upload", Weight::Primary)) }
            // console.js shows the progress here.
            div id="upload-state" class="upload-state" role="status" hidden {
                progress max="100" value="0" aria-label="Upload" {}
                p class="hint" {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(pairs: &[(&str, &str)]) -> Fields {
        Fields::sent(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn the_country_is_not_hidden_and_a_file_whose_numbers_lacked_it_may_come_again() {
        let begin = Begin { country: "KE".into(), is_again: true, ..Begin::default() };
        let drawn = form("/x", 1 << 20, &begin).into_string();
        let (before, hidden) = drawn.split_once("<details").unwrap();
        assert!(before.contains(r#"name="default_country" type="text" value="KE""#), "{drawn}");
        assert!(before.contains(r#"<option value="KE">Kenya</option>"#), "{drawn}");
        assert!(hidden.contains(r#"name="again" value="yes" checked"#), "{drawn}");
        assert!(!form("/x", 1, &Begin::default()).into_string().contains("checked"));
    }

    #[test]
    fn options_are_read_and_wrong_ones_are_refused() {
        let read =
            options(&sent(&[("default_country", "ke"), ("exclude_campaigns", "12, 15"), ("sheet", " A ")]))
                .unwrap();
        assert_eq!(read.import.exclude, [CampaignId(12), CampaignId(15)]);
        assert_eq!((read.list.sheet.as_deref(), read.import.again), (Some("A"), false));
        assert!(read.import.default_country.is_some());
        assert!(options(&sent(&[("default_country", "Narnia")])).err().unwrap().contains("two letters"));
        let named = options(&sent(&[("default_country", " kenya ")])).unwrap().import.default_country;
        assert_eq!(named, read.import.default_country);
        assert!(options(&sent(&[("exclude_campaigns", "x")])).err().unwrap().contains("“x”"));
        let again = options(&sent(&[("again", "yes"), ("include_hidden", "yes")])).unwrap();
        assert!(again.import.again && again.list.include_hidden && again.import.number_column.is_none());
    }
}
