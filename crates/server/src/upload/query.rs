//! The query parameters of an upload.

use campaign::{CampaignId, Country};
use producer::{ListOptions, file_name};
use url::form_urlencoded;

/// The options of `campaign import`, with the same names.
#[derive(Debug, Default)]
pub(crate) struct UploadQuery {
    /// The file name for reports. It does not influence the import.
    pub(crate) name: Option<String>,
    pub(crate) default_country: Option<Country>,
    pub(crate) number_column: Option<String>,
    pub(crate) list: ListOptions,
    pub(crate) exclude: Vec<CampaignId>,
    pub(crate) again: bool,
}

impl UploadQuery {
    /// Parses a query. The error says what is wrong and what is supported.
    pub(crate) fn parse(query: &str) -> Result<Self, String> {
        let mut all = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let wrong = |fix: &str| format!("{key}={value}: {fix}");
            match &*key {
                "name" => all.name = Some(file_name(&value)),
                "default_country" => {
                    let country = value.parse().map_err(|_| wrong("use two letters of ISO 3166, like KE"))?;
                    all.default_country = Some(country);
                }
                "number_column" => all.number_column = Some(value.into_owned()),
                "sheet" => all.list.sheet = Some(value.into_owned()),
                "encoding" => all.list.encoding = Some(value.into_owned()),
                "include_hidden" => {
                    all.list.include_hidden = value.parse().map_err(|_| wrong("use true or false"))?;
                }
                "exclude_campaign" => {
                    all.exclude.push(value.parse().map_err(|_| wrong("use the number of a campaign"))?);
                }
                "again" => all.again = value.parse().map_err(|_| wrong("use true or false"))?,
                _ => {
                    return Err(format!(
                        "'{key}' is not a parameter; use name, default_country, number_column, sheet, encoding, \
                         include_hidden, exclude_campaign or again"
                    ));
                }
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_parsed() {
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
    fn invalid_parameters_are_reported() {
        for (query, says) in [
            ("default_country=Kenya", "two letters"),
            ("exclude_campaign=all", "number of a campaign"),
            ("again=1", "true or false"),
            ("include_hidden=1", "true or false"),
            ("force=true", "'force' is not a parameter"),
        ] {
            let error = UploadQuery::parse(query).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
