//! What an upload says about its list: the part of the address behind the question mark.

use campaign::{CampaignId, Country};
use producer::ListOptions;
use url::form_urlencoded;

/// The name of a list that was given none.
const UNNAMED: &str = "upload";
/// The longest name that is kept, in bytes; file systems take 255.
const LONGEST_NAME: usize = 200;

/// The options of `campaign import`, by the same names.
#[derive(Debug, Default)]
pub(crate) struct UploadQuery {
    /// The file name, which stands in reports; nothing is concluded from it.
    pub(crate) name: Option<String>,
    pub(crate) default_country: Option<Country>,
    pub(crate) number_column: Option<String>,
    pub(crate) list: ListOptions,
    pub(crate) exclude: Vec<CampaignId>,
    pub(crate) again: bool,
}

impl UploadQuery {
    /// Reads it, or says what is wrong and what there is.
    pub(crate) fn parse(query: &str) -> Result<Self, String> {
        let mut all = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let wrong = |what: &str| format!("{key}={value}: {what}");
            match &*key {
                "name" => all.name = Some(file_name(&value)),
                "default_country" => {
                    let country =
                        value.parse().map_err(|_| wrong("write two letters of ISO 3166, like KE"))?;
                    all.default_country = Some(country);
                }
                "number_column" => all.number_column = Some(value.into_owned()),
                "sheet" => all.list.sheet = Some(value.into_owned()),
                "encoding" => all.list.encoding = Some(value.into_owned()),
                "include_hidden" => {
                    all.list.include_hidden = value.parse().map_err(|_| wrong("write true or false"))?;
                }
                "exclude_campaign" => {
                    all.exclude.push(value.parse().map_err(|_| wrong("write the number of a campaign"))?);
                }
                "again" => all.again = value.parse().map_err(|_| wrong("write true or false"))?,
                _ => {
                    return Err(format!(
                        "'{key}' is not known; there are name, default_country, number_column, sheet, encoding, \
                         include_hidden, exclude_campaign and again"
                    ));
                }
            }
        }
        Ok(all)
    }
}

/// The last part of a path, without anything that a file system or a terminal would take amiss.
pub(crate) fn file_name(written: &str) -> String {
    let last = written.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut clean: String = last.chars().filter(|c| !c.is_control()).collect();
    clean.truncate(clean.floor_char_boundary(LONGEST_NAME));
    if clean.chars().all(|c| c == '.' || c.is_whitespace()) { UNNAMED.into() } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read() {
        let query = "name=C%3A%5Clists%5CSept%20list.xlsx&default_country=KE&number_column=Tel&sheet=2&encoding=utf-8\
                     &exclude_campaign=3&exclude_campaign=4&again=true&include_hidden=true";
        let read = UploadQuery::parse(query).unwrap();
        assert_eq!(read.name.as_deref(), Some("Sept list.xlsx"));
        assert_eq!(read.exclude, [CampaignId(3), CampaignId(4)]);
        assert_eq!((read.number_column.as_deref(), read.list.sheet.as_deref()), (Some("Tel"), Some("2")));
        assert!(read.again && read.default_country.is_some() && read.list.encoding.is_some());
        assert!(read.list.include_hidden);
        assert_eq!(UploadQuery::parse("").unwrap().name, None);
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        for (query, says) in [
            ("default_country=Kenya", "two letters"),
            ("exclude_campaign=all", "number of a campaign"),
            ("again=1", "true or false"),
            ("include_hidden=1", "true or false"),
            ("force=true", "'force' is not known"),
        ] {
            let error = UploadQuery::parse(query).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_name_is_no_path() {
        for (written, name) in [
            ("../../etc/passwd", "passwd"),
            ("..", "upload"),
            ("a\nb.csv", "ab.csv"),
            ("/", "upload"),
            ("", "upload"),
        ] {
            assert_eq!(file_name(written), name);
        }
        assert_eq!(file_name(&"x".repeat(1000)).len(), 200);
        assert_eq!(file_name(&"€".repeat(1000)).len(), 198);
    }
}
