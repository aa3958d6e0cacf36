//! `/campaigns/{id}/lists`: lists are uploaded.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use campaign::{CampaignId, Country};
use control::{Error, JobBegun, List, ListImport, ListOptions, Problem};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::admission::Api;
use crate::body::{Path, Query};
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
    let import = query.import()?;
    // Before the list is read, which may take minutes.
    api.control.may_import(&upload.caller, id).await?;
    let arrived = upload.arrive(&api).await?;
    let options = ListOptions {
        sheet: query.sheet,
        encoding: query.encoding,
        include_hidden: query.include_hidden,
        spool: arrived.spool,
        ..ListOptions::default()
    };
    let name = control::file_name(query.name.as_deref().unwrap_or_default());
    let file = arrived.file;
    let opened = tokio::task::spawn_blocking(move || {
        List::of_file(file, name.clone(), &options).map_err(|error| Error::of_list(name, error))
    });
    let list = opened.await.map_err(|error| Failure::internal(&error))??;
    Ok(begun(&api.control.begin_import(&arrived.caller, id, list, import).await?))
}

impl ListQuery {
    fn import(&self) -> Result<ListImport, Failure> {
        let wrong = |text: String| Failure::of(Problem::InvalidBody, text);
        let country = |code: &String| {
            code.parse::<Country>()
                .map_err(|_| wrong(format!("default_country={code}: use two letters of ISO 3166, like KE")))
        };
        let ids = self.exclude_campaigns.iter().flat_map(|ids| ids.split(','));
        let exclude = ids.map(|id| {
            id.trim().parse().map_err(|_| {
                wrong(format!("exclude_campaigns={id}: use ids of campaigns, separated by commas"))
            })
        });
        Ok(ListImport {
            default_country: self.default_country.as_ref().map(country).transpose()?,
            number_column: self.number_column.clone(),
            exclude: exclude.collect::<Result<_, _>>()?,
            again: self.again,
            ..ListImport::default()
        })
    }
}
