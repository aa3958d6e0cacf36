//! `/campaigns/{id}/lists`: lists are uploaded.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use campaign::{CampaignId, Country};
use control::{JobBegun, ListImport, ListOptions, Problem};
use listener::downloads;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::admission::Api;
use crate::body::{Download, Path, Query};
use crate::problem::Failure;
use crate::resources::jobs::begun;
use crate::upload::Upload;

/// How a list is read, and which recipients are left out.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// The file name, for reports.
    #[serde(default)]
    name: Option<String>,
    /// Country of numbers without a country code, two letters of ISO 3166.
    #[serde(default)]
    default_country: Option<String>,
    /// Name of the column with the phone number; left out: found by its name.
    #[serde(default)]
    number_column: Option<String>,
    /// Sheet of a workbook; left out: the first sheet that is not hidden.
    #[serde(default)]
    sheet: Option<String>,
    /// Encoding of a text file; left out: detected.
    #[serde(default)]
    encoding: Option<String>,
    /// Whether hidden rows of a sheet are imported.
    #[serde(default)]
    include_hidden: bool,
    /// Ids of campaigns whose recipients are left out, separated by commas.
    #[serde(default)]
    exclude_campaigns: Option<String>,
    /// Whether the annotated list is written: the list as CSV with a column `error`. GET `/jobs/ID/annotated-list` downloads it for
    /// 10 minutes after the import.
    #[serde(default)]
    annotate: bool,
    /// Import the list even if the campaign contains the same file already.
    #[serde(default)]
    again: bool,
}

/// Import a list of recipients into a draft; the body is the file
///
/// CSV, Excel (.xlsx) or JSON Lines, also gzipped. The list is imported completely, or not at all.
#[utoipa::path(post, path = "/campaigns/{id}/lists", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign"), ListQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 202, body = JobBegun)))]
pub(crate) async fn import(
    State(api): State<Arc<Api>>,
    Path(id): Path<i64>,
    Query(query): Query<ListQuery>,
    upload: Upload,
) -> Result<Response, Failure> {
    let id = CampaignId(id);
    let mut import = query.import()?;
    // Before the list is read, which may take minutes.
    api.control.may_import(&upload.caller, id).await?;
    let arrived = upload.arrive(&api).await?;
    if query.annotate {
        import.errors = Some(api.control.annotated_file()?);
    }
    let ListQuery { name, sheet, encoding, include_hidden, .. } = query;
    let form = ListOptions { sheet, encoding, include_hidden, ..ListOptions::default() };
    let (caller, list) = arrived.open(name.as_deref(), form).await?;
    Ok(begun(&api.control.begin_import(&caller, id, list, import).await?))
}

/// Download the list of an import as CSV with a column `error` that says what is wrong with each row
#[utoipa::path(get, path = "/jobs/{id}/annotated-list", tag = "jobs", params(("id" = i64, description = "Id of the job")),
    responses((status = 200, body = Vec<u8>, content_type = "text/csv")))]
pub(crate) async fn annotated(
    State(api): State<Arc<Api>>,
    Download(caller): Download,
    Path(id): Path<i64>,
) -> Result<Response, Failure> {
    let list = api.control.annotated_list(&caller, id).await?;
    downloads::complete(list, downloads::CSV, &format!("job-{id}.csv"))
        .map_err(|error| Failure::internal(&error))
}

impl ListQuery {
    fn import(&self) -> Result<ListImport, Failure> {
        let wrong = |text: String| Failure::of(Problem::InvalidBody, text);
        let ids = self.exclude_campaigns.iter().flat_map(|ids| ids.split(','));
        let exclude = ids.map(|id| {
            id.trim().parse().map_err(|_| {
                wrong(format!("exclude_campaigns={id}: use ids of campaigns, separated by commas"))
            })
        });
        Ok(ListImport {
            default_country: self.default_country.as_deref().map(country).transpose()?,
            number_column: self.number_column.clone(),
            exclude: exclude.collect::<Result<_, _>>()?,
            again: self.again,
            ..ListImport::default()
        })
    }
}

/// The country of a parameter.
pub(crate) fn country(code: &str) -> Result<Country, Failure> {
    code.parse().map_err(|_| {
        let text = format!("default_country={code}: use two letters of ISO 3166, like KE");
        Failure::of(Problem::InvalidBody, text)
    })
}
