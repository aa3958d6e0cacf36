//! `/waiting`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use campaign::CampaignId;
use control::{Page, Waiting};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::admission::Api;
use crate::body::{Query, Reader};
use crate::problem::Failure;

/// Which recipients.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WaitingQuery {
    /// Id of a campaign; left out: all campaigns.
    #[serde(default)]
    campaign_id: Option<i64>,
}

/// Show waiting recipients by campaign, with the reason and the expected end
#[utoipa::path(get, path = "/waiting", tag = "system", params(WaitingQuery),
    responses((status = 200, body = Page<Waiting>)))]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Query(query): Query<WaitingQuery>,
) -> Result<Json<Page<Waiting>>, Failure> {
    let items = api.control.waiting(&caller, query.campaign_id.map(CampaignId)).await?;
    Ok(Json(Page { items, next: None }))
}
