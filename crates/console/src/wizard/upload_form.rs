//! The form with which a list is uploaded, and the options behind "That is wrong…".

use campaign::CampaignId;
use control::{ListImport, ListOptions};
use maud::{Markup, html};

use crate::part::button::{Weight, submit};
use crate::wizard::fields::Fields;
use crate::wizard::inputs::Inputs;

/// How a list is read.
pub(crate) struct Options {
    pub(crate) import: ListImport,
    pub(crate) list: ListOptions,
}

/// The options that a form means; the error says what is wrong.
pub(crate) fn options(fields: &Fields) -> Result<Options, String> {
    let given = |name: &str| Some(fields.get(name).trim().to_owned()).filter(|text| !text.is_empty());
    let country = given("default_country").map(|code| {
        code.parse().map_err(|_| format!("“{code}” is not a country; write two letters, such as KE"))
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

/// The form. `has_list`: a list was imported before; `is_open`: the options are shown at once, because an import went wrong.
pub(crate) fn form(address: &str, max_bytes: u64, (has_list, is_open): (bool, bool)) -> Markup {
    let fields = Fields::default();
    let inputs = Inputs { fields: &fields, faults: &[] };
    let summary = if has_list || is_open {
        "That is wrong… (country, column, sheet, encoding)"
    } else {
        "Options: country, column, sheet, encoding"
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
            details class="more" open[is_open] {
                summary { (summary) }
                div class="stack" {
                    div class="pair" {
                        (inputs.line("default_country", Some(&html! { "Two letters such as KE, for numbers without a country code." })))
                        (inputs.line("number_column", Some(&html! { "The name of the column with the phone number, if another one was taken." })))
                        (inputs.line("sheet", Some(&html! { "The name of the sheet, if it is not the first visible one." })))
                        (inputs.line("encoding", Some(&html! { "Such as macintosh or windows-1252, if letters are wrong." })))
                    }
                    (inputs.line("exclude_campaigns", Some(&html! { "Numbers of campaigns whose recipients are left out, such as 12, 15." })))
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
    fn options_are_read_and_wrong_ones_are_refused() {
        let read =
            options(&sent(&[("default_country", "ke"), ("exclude_campaigns", "12, 15"), ("sheet", " A ")]))
                .unwrap();
        assert_eq!(read.import.exclude, [CampaignId(12), CampaignId(15)]);
        assert_eq!((read.list.sheet.as_deref(), read.import.again), (Some("A"), false));
        assert!(read.import.default_country.is_some());
        assert!(options(&sent(&[("default_country", "Kenya")])).err().unwrap().contains("write two letters"));
        assert!(options(&sent(&[("exclude_campaigns", "x")])).err().unwrap().contains("“x”"));
        let again = options(&sent(&[("again", "yes"), ("include_hidden", "yes")])).unwrap();
        assert!(again.import.again && again.list.include_hidden && again.import.number_column.is_none());
    }
}
