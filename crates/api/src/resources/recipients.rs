//! Recipients of a campaign, their answers, and the campaign by minute and country.

use std::sync::Arc;

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::Response;
use campaign::{CampaignId, Seq};
use control::{
    CountryReport, Export, ExportFormat, MinuteReport, Page, PageRequest, RecipientDetails, RecipientFilter,
    RecipientKind, RecipientNumber, RecipientReport,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::admission::Api;
use crate::body::{Download, Path, Query, Reader};
use crate::page::{self, PageQuery};
use crate::problem::Failure;
use crate::schema::described;
use crate::{download, etag};

/// A recipient.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Recipient(RecipientReport);
described!(Recipient, "A recipient: the columns of the view report.recipient, with the number masked");

/// All that is known of a recipient.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Details(RecipientDetails);
described!(Details, "A recipient with its attempts and resolutions");

/// The number of a recipient.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Number(RecipientNumber);
described!(Number, "The whole phone number of a recipient");

/// A minute of a campaign.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Minute(MinuteReport);
described!(Minute, "A minute of a campaign: the columns of the view report.timeline");

/// A country of a campaign.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct OfCountry(CountryReport);
described!(OfCountry, "Recipients and costs of a country: the columns of the view report.country");

/// Which recipients, and which page of them.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RecipientQuery {
    /// Only recipients in this state.
    #[serde(default)]
    #[param(inline)]
    state: Option<StateWord>,
    /// `next` of the previous page; left out: the first page.
    #[serde(default)]
    after: Option<String>,
    /// The most items, 1 to 200; left out: 50.
    #[serde(default)]
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The state of a recipient.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RecipientState)]
pub(crate) enum StateWord {
    /// Not sent to yet.
    Pending,
    /// Claimed by a worker.
    Sending,
    /// To be sent to again.
    Retry,
    /// The provider accepted the message.
    Accepted,
    /// Refused for good, or given up.
    Failed,
    /// The provider may or may not have accepted the message.
    Unknown,
    /// Suppressed, or outside the 24-hour window.
    Skipped,
    /// Not sent to before the deadline.
    Expired,
    /// Not sent to before the campaign was ended.
    Cancelled,
}

/// Which recipients are downloaded, and how.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// Which recipients.
    #[param(inline)]
    who: Who,
    /// The format.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

/// Which recipients are downloaded.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Who {
    /// The provider accepted the message.
    Accepted,
    /// Refused for good, or given up.
    Failed,
    /// The provider may or may not have accepted the message.
    Unknown,
    /// Suppressed, or outside the 24-hour window.
    Skipped,
    /// Not sent to before the deadline.
    Expired,
    /// Not sent to before the campaign was ended.
    Cancelled,
    /// Accepted, and no delivery was reported.
    NotDelivered,
    /// Accepted, and the flow was not completed.
    NotAnswered,
}

/// The format of a download.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// Comma-separated values.
    #[default]
    Csv,
    /// An Excel workbook.
    Xlsx,
}

/// List recipients of a campaign, with masked numbers
#[utoipa::path(get, path = "/campaigns/{id}/recipients", tag = "recipients",
    params(("id" = i64, description = "Id of the campaign"), RecipientQuery),
    responses((status = 200, body = Page<Recipient>)))]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(id): Path<i64>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<RecipientQuery>,
) -> Result<Response, Failure> {
    let request = PageRequest { after: query.after, limit: query.limit };
    let kind = query.state.map(|state| RecipientKind::In(state.state()));
    let found = api.control.recipients(&caller, CampaignId(id), (kind, None), &request).await?;
    let items = found.items.into_iter().map(Recipient).collect();
    Ok(page::answer(&uri, &Page { items, next: found.next }))
}

/// Show a recipient with its attempts and resolutions
#[utoipa::path(get, path = "/campaigns/{id}/recipients/{seq}", tag = "recipients",
    params(("id" = i64, description = "Id of the campaign"), ("seq" = i32, description = "Position in the campaign, from 1")),
    responses((status = 200, body = Details), (status = 304, description = "not changed")))]
pub(crate) async fn show(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path((id, seq)): Path<(i64, i32)>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let details = api.control.recipient(&caller, CampaignId(id), Seq(seq)).await?;
    Ok(etag::answer(&headers, &Details(details)))
}

/// Show the whole number of a recipient; each request is in the audit
#[utoipa::path(get, path = "/campaigns/{id}/recipients/{seq}/number", tag = "recipients",
    params(("id" = i64, description = "Id of the campaign"), ("seq" = i32, description = "Position in the campaign, from 1")),
    responses((status = 200, body = Number)))]
pub(crate) async fn number(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path((id, seq)): Path<(i64, i32)>,
) -> Result<Json<Number>, Failure> {
    Ok(Json(Number(api.control.reveal_number(&caller, CampaignId(id), Seq(seq)).await?)))
}

/// Download recipients with their numbers, as a list that can be imported again
#[utoipa::path(get, path = "/campaigns/{id}/export", tag = "recipients",
    params(("id" = i64, description = "Id of the campaign"), ExportQuery),
    responses((status = 200, content((Vec<u8> = "text/csv"),
        (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))))]
pub(crate) async fn export(
    State(api): State<Arc<Api>>,
    Download(caller): Download,
    Path(id): Path<i64>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Failure> {
    let export = Export { who: query.who.filter(), format: query.format.format() };
    download::recipients(&api.control, caller, CampaignId(id), export).await
}

/// List the minutes of a campaign in which something happened, the oldest first
#[utoipa::path(get, path = "/campaigns/{id}/timeline", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign"), PageQuery), responses((status = 200, body = Page<Minute>)))]
pub(crate) async fn timeline(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(id): Path<i64>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<PageQuery>,
) -> Result<Response, Failure> {
    let found = api.control.timeline(&caller, CampaignId(id), &query.into()).await?;
    let items = found.items.into_iter().map(Minute).collect();
    Ok(page::answer(&uri, &Page { items, next: found.next }))
}

/// List the countries of a campaign, the largest first
#[utoipa::path(get, path = "/campaigns/{id}/countries", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign")), responses((status = 200, body = Page<OfCountry>)))]
pub(crate) async fn countries(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(id): Path<i64>,
) -> Result<Json<Page<OfCountry>>, Failure> {
    let countries = api.control.countries(&caller, CampaignId(id)).await?;
    Ok(Json(Page { items: countries.into_iter().map(OfCountry).collect(), next: None }))
}

impl StateWord {
    fn state(self) -> campaign::RecipientState {
        use campaign::RecipientState as S;
        match self {
            Self::Pending => S::Pending,
            Self::Sending => S::Sending,
            Self::Retry => S::Retry,
            Self::Accepted => S::Accepted,
            Self::Failed => S::Failed,
            Self::Unknown => S::Unknown,
            Self::Skipped => S::Skipped,
            Self::Expired => S::Expired,
            Self::Cancelled => S::Cancelled,
        }
    }
}

impl Who {
    fn filter(self) -> RecipientFilter {
        match self {
            Self::Accepted => RecipientFilter::Accepted,
            Self::Failed => RecipientFilter::Failed,
            Self::Unknown => RecipientFilter::Unknown,
            Self::Skipped => RecipientFilter::Skipped,
            Self::Expired => RecipientFilter::Expired,
            Self::Cancelled => RecipientFilter::Cancelled,
            Self::NotDelivered => RecipientFilter::NotDelivered,
            Self::NotAnswered => RecipientFilter::NotAnswered,
        }
    }
}

impl Format {
    fn format(self) -> ExportFormat {
        match self {
            Self::Csv => ExportFormat::Csv,
            Self::Xlsx => ExportFormat::Xlsx,
        }
    }
}
